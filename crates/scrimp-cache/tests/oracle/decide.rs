//! What the two caches decide.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use scrimp_cache::Mode;
use scrimp_testkit::{Reply, ScriptedBody};

use super::{
    common::{Rig, layer, noon, reply},
    history::History,
};

/// Whether the response was stored, and what became of the requests that followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisions {
    pub stored: bool,
    pub later: Vec<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    FromStore,
    Revalidated,
    Fetched,
}

/// The layer's decisions. The origin answers what it is asked later with an error that
/// says nothing, so that what is stored stays.
pub fn scrimp(history: &History) -> Decisions {
    let first = AtomicBool::new(true);
    let response = history.response.clone();
    let rig = Rig::answering(layer().mode(history.mode), move |_| {
        if first.swap(false, Ordering::Relaxed) {
            Reply::respond(response.response(ScriptedBody::new().data("x")))
        } else {
            reply(500, &[], "")
        }
    });
    // Nothing waits for anything: one poll is all a request needs. And as there is no
    // runtime, there are no refreshes in the background either.
    let send = |request: Request<_>| {
        rig.send(request)
            .now_or_never()
            .expect("an answer at once")
            .expect("an answer")
    };
    let stored = send(history.first.request())
        .cache_status()
        .contains("; stored");
    let later = history.later.iter().map(|(delay, asking)| {
        rig.wait(*delay);
        if send(asking.request()).is_hit() {
            return Outcome::FromStore;
        }
        let requests = rig.upstream.requests();
        forwarded(&requests.last().expect("a request").headers)
    });
    Decisions {
        stored,
        later: later.collect(),
    }
}

/// The decisions of `http-cache-semantics`.
pub fn oracle(history: &History) -> Decisions {
    let options = CacheOptions {
        shared: history.mode == Mode::Shared,
        ..CacheOptions::default()
    };
    let request = history.first.request::<()>();
    let response = history.response.response(());
    let policy = CachePolicy::new_options(&request, &response, noon(), options);
    let stored = policy.is_storable();
    let mut now = noon();
    let later = history.later.iter().map(|(delay, asking)| {
        now += Duration::from_secs(*delay);
        if !stored {
            return Outcome::Fetched;
        }
        match policy.before_request(&asking.request::<()>(), now) {
            BeforeRequest::Fresh(_) => Outcome::FromStore,
            BeforeRequest::Stale { request, .. } => forwarded(&request.headers),
        }
    });
    Decisions {
        stored,
        later: later.collect(),
    }
}

fn forwarded(headers: &HeaderMap) -> Outcome {
    if headers.contains_key("if-none-match") || headers.contains_key("if-modified-since") {
        Outcome::Revalidated
    } else {
        Outcome::Fetched
    }
}
