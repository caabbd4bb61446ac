//! Lowest possible cost of a hit: a look-up and a response, without checks.

use std::{hash::Hash, hint::black_box, sync::Arc};

use bytes::Bytes;
use equivalent::Equivalent;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};

use super::{RequestBody, Setup};
use crate::{
    fixture, poll,
    subject::{Named, Subject},
};

/// An owned key; its borrowed form is below.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    method: Method,
    target: Box<str>,
}

#[derive(Hash)]
pub(crate) struct KeyRef<'a> {
    method: &'a Method,
    target: &'a str,
}

/// A stored response.
pub(crate) struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

// === impl Key ===

impl Key {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let key = KeyRef::of(request);
        Self {
            method: key.method.clone(),
            target: key.target.into(),
        }
    }
}

// === impl KeyRef ===

impl<'a> KeyRef<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            target: target(request.uri()),
        }
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.method == key.method && *self.target == *key.target
    }
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

// === impl Stored ===

impl Stored {
    pub(crate) fn new(setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            status: StatusCode::OK,
            headers: fixture::response_headers(setup.cache_control, setup.body),
            body: fixture::body(setup.body),
        })
    }

    fn with_cache_fields(setup: Setup) -> Arc<Self> {
        let mut headers = fixture::response_headers(setup.cache_control, setup.body);
        for (name, value) in [
            (header::DATE, "Tue, 24 Nov 2026 12:00:00 GMT"),
            (header::AGE, "0"),
            (header::CACHE_STATUS, "floor; hit; ttl=3600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Arc::new(Self {
            status: StatusCode::OK,
            headers,
            body: fixture::body(setup.body),
        })
    }

    pub(crate) fn from_parts(head: http::response::Parts, body: Bytes) -> Arc<Self> {
        Arc::new(Self {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

/// A function from requests to stored responses.
struct Floor<F> {
    find: F,
    setup: Setup,
    made: usize,
    requests: Vec<Request<RequestBody>>,
}

impl<F: FnMut(&Request<RequestBody>) -> Arc<Stored>> Subject for Floor<F> {
    fn prepare(&mut self, count: usize) {
        for _ in 0..count {
            let request = fixture::request(self.setup.target, self.made, false);
            self.requests.push(request);
            self.made += 1;
        }
    }

    fn exchange(&mut self) {
        for request in self.requests.drain(..) {
            let response = (self.find)(&request).response();
            drop(request);
            let (head, body) = response.into_parts();
            let Ok(body) = poll::now(body.collect());
            black_box((&head, body.to_bytes()));
        }
    }
}

fn named<F>(name: &'static str, setup: Setup, find: F) -> Named
where
    F: FnMut(&Request<RequestBody>) -> Arc<Stored> + Clone + Send + 'static,
{
    let cloned = find.clone();
    let fork = move |first| -> Box<dyn Subject + Send> {
        Box::new(Floor {
            find: find.clone(),
            setup,
            made: first,
            requests: Vec::new(),
        })
    };
    Named {
        name,
        subject: fork(0),
        fork: Box::new(fork),
        clone: Box::new(move || drop(black_box(cloned.clone()))),
        reached: Box::new(|| 0),
    }
}

/// Measures the floor: 1.00.
pub(crate) fn moka_sync(setup: Setup) -> Named {
    let cache = moka::sync::Cache::new(setup.room);
    named("floor: moka sync", setup, move |request| {
        cache.get(&KeyRef::of(request)).unwrap_or_else(|| {
            let stored = Stored::new(setup);
            cache.insert(Key::of(request), Arc::clone(&stored));
            stored
        })
    })
}

/// Measures the floor with the three fields that HTTP requires of a cache's response: Date, Age and
/// Cache-Status. Above nine fields a copy of the header map no longer fits the fast path of glibc's
/// allocator (1,032 bytes); the cache does not cause that.
pub(super) fn moka_sync_with_fields(setup: Setup) -> Named {
    let cache = moka::sync::Cache::new(setup.room);
    named("floor, Date, Age, Cache-Status", setup, move |request| {
        cache.get(&KeyRef::of(request)).unwrap_or_else(|| {
            let stored = Stored::with_cache_fields(setup);
            cache.insert(Key::of(request), Arc::clone(&stored));
            stored
        })
    })
}

/// Measures a response without a look-up.
pub(super) fn entry(setup: Setup) -> Named {
    let stored = Stored::new(setup);
    named("entry to response, no look-up", setup, move |_| {
        Arc::clone(&stored)
    })
}

pub(super) fn quick_cache(setup: Setup) -> Named {
    let capacity = usize::try_from(setup.room).unwrap_or(usize::MAX);
    let cache = Arc::new(quick_cache::sync::Cache::new(capacity));
    named("quick_cache", setup, move |request| {
        cache.get(&KeyRef::of(request)).unwrap_or_else(|| {
            let stored = Stored::new(setup);
            cache.insert(Key::of(request), Arc::clone(&stored));
            stored
        })
    })
}

pub(super) fn moka_future(setup: Setup) -> Named {
    let cache = moka::future::Cache::new(setup.room);
    named("moka future", setup, move |request| {
        poll::now(cache.get(&KeyRef::of(request))).unwrap_or_else(|| {
            let stored = Stored::new(setup);
            poll::now(cache.insert(Key::of(request), Arc::clone(&stored)));
            stored
        })
    })
}
