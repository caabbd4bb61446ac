//! scrimp and its peers, each set up as in its own documentation.

mod axum_response_cache;
mod cachet;
pub(crate) mod floor;
mod hitbox;
mod http_cache;
pub(crate) mod scrimp;
mod tower_http_cache;
mod tower_resilience;

use std::{fmt::Debug, hint::black_box};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Empty, Full};
use tower::Service;

use crate::{
    call::Calls,
    fixture::{self, Target},
    origin::Origin,
    subject::{Named, Subject},
};

/// Enough room for every key of every benchmark.
pub(crate) const ENTRIES: u64 = 100_000;

/// Requests for the subjects, and the origin behind them.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) target: Target,
    pub(crate) cache_control: &'static str,
    pub(crate) body: usize,
    /// Responses that fit in a cache, if it has such a setting.
    pub(crate) room: u64,
}

/// Body type of the requests, for subjects that accept any.
pub(crate) type RequestBody = Empty<Bytes>;
pub(crate) type OriginBody = Full<Bytes>;

/// A way to make a subject.
pub(crate) type Make = fn(Setup) -> Named;

/// Ways to answer a hit without HTTP: the floor and others.
pub(crate) const FLOORS: &[Make] = &[
    floor::moka_sync,
    floor::moka_sync_with_fields,
    floor::entry,
    floor::quick_cache,
    floor::moka_future,
];

pub(crate) const SCRIMP: &[Make] = &[
    scrimp::plain,
    scrimp::explain,
    scrimp::variants,
    scrimp::ten_rules,
];

/// The cache alone, and with stampede protection around it.
pub(crate) const STAMPEDE: &[Make] = &[scrimp::plain, scrimp::stampede, scrimp::stampede_rolling];

pub(crate) const PEERS: &[Make] = &[
    tower_resilience::subject,
    axum_response_cache::subject,
    cachet::subject,
    tower_http_cache::subject,
    hitbox::bincode,
    hitbox::json,
    http_cache::tower,
    http_cache::server,
];

// === impl Setup ===

impl Setup {
    /// Makes a setup with one URI, and a response that stays fresh.
    pub(crate) fn hit(body: usize) -> Self {
        Self {
            target: Target::Same,
            cache_control: "public, max-age=3600",
            body,
            room: ENTRIES,
        }
    }

    pub(crate) fn origin<R>(self) -> Origin<R> {
        Origin::new(self.cache_control, self.body)
    }

    /// Makes a subject that calls `service` in front of `origin`.
    pub(crate) fn calls<S, B, R, O>(
        self,
        name: &'static str,
        origin: Origin<O>,
        service: S,
    ) -> Named
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Debug,
        B: Default + Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Debug,
        O: 'static,
    {
        self.calls_at(name, origin, service, false)
    }

    /// Makes the same with absolute URIs, as clients use them.
    fn calls_absolute<S, B, R, O>(self, name: &'static str, origin: Origin<O>, service: S) -> Named
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Debug,
        B: Default + Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Debug,
        O: 'static,
    {
        self.calls_at(name, origin, service, true)
    }

    fn calls_at<S, B, R, O>(
        self,
        name: &'static str,
        origin: Origin<O>,
        service: S,
        absolute: bool,
    ) -> Named
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Debug,
        B: Default + Send + 'static,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Debug,
        O: 'static,
    {
        let make = move |number| fixture::request(self.target, number, absolute);
        let cloned = service.clone();
        let fork = move |first| -> Box<dyn Subject + Send> {
            Box::new(Calls::new(service.clone(), first, make))
        };
        Named {
            name,
            subject: fork(0),
            fork: Box::new(fork),
            clone: Box::new(move || drop(black_box(cloned.clone()))),
            reached: Box::new(move || origin.calls()),
        }
    }
}

/// Makes a subject without a cache.
pub(crate) fn bare(setup: Setup) -> Named {
    let origin = setup.origin::<OriginBody>();
    setup.calls::<_, RequestBody, _, _>("no cache", origin, origin)
}
