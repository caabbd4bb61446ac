//! The decisions of the two caches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use parking_lot::Mutex;
use scrimp_cache::Mode;
use scrimp_testkit::{Reply, ScriptedBody};

use super::{
    common::{Rig, layer, noon, reply},
    history::{History, Verb},
};

/// The decision on storing, and the results of the requests that followed.
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

/// Returns the layer's decisions. The origin answers later calls with an error that leaves the
/// stored response in place, or with a confirmation, if that is requested.
pub fn scrimp(history: &History) -> Decisions {
    let first = AtomicBool::new(true);
    let response = history.response.clone();
    let confirmation = Arc::new(Mutex::new(None));
    let confirmed = Arc::clone(&confirmation);
    let rig = Rig::answering(layer().mode(history.mode), move |parts| {
        if first.swap(false, Ordering::Relaxed) {
            return Reply::respond(response.response(ScriptedBody::new().data("x")));
        }
        match confirmed.lock().take() {
            Some((how, now)) if forwarded(&parts.headers) == Outcome::Revalidated => {
                Reply::respond(response.confirmation(how, now, ScriptedBody::new()))
            }
            // No response of a history has this status: on a HEAD it would confirm one.
            _ => reply(502, &[], ""),
        }
    });
    // Nothing waits: a request needs one poll only. Without a runtime, there are no background
    // refreshes either.
    let send = |request: Request<_>| {
        rig.send(request)
            .now_or_never()
            .expect("an answer at once")
            .expect("an answer")
    };
    let stored = send(history.first.request())
        .cache_status()
        .contains("; stored");
    let mut now = 0;
    let later = history.later.iter().map(|(delay, asking)| {
        rig.wait(*delay);
        now += delay;
        *confirmation.lock() = asking.confirmed.map(|how| (how, now));
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

/// Returns the decisions of `http-cache-semantics`.
pub fn oracle(history: &History) -> Decisions {
    let options = CacheOptions {
        shared: history.mode == Mode::Shared,
        ..CacheOptions::default()
    };
    let request = history.first.request::<()>();
    let response = history.response.response(());
    let mut policy = CachePolicy::new_options(&request, &response, noon(), options);
    let stored = policy.is_storable();
    let mut passed = 0;
    let later = history.later.iter().map(|(delay, asking)| {
        passed += delay;
        let now = noon() + Duration::from_secs(passed);
        if !policy.is_storable() {
            return Outcome::Fetched;
        }
        let request = asking.request::<()>();
        let outcome = match policy.before_request(&request, now) {
            BeforeRequest::Fresh(_) => return Outcome::FromStore,
            BeforeRequest::Stale { request, .. } => forwarded(&request.headers),
        };
        if outcome == Outcome::Revalidated
            && let Some(how) = asking.confirmed
        {
            let confirmation = history.response.confirmation(how, passed, ());
            if let AfterResponse::NotModified(renewed, _) =
                policy.after_response(&request, &confirmation, now)
            {
                policy = renewed;
            }
        }
        match asking.verb {
            Verb::GetOrAsk => Outcome::Fetched,
            Verb::Get | Verb::Head => outcome,
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
