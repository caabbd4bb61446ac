//! Counters between two layers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use http::Request;
use scrimp_core::extensions::Directive;
use tower_service::Service;

/// Requests that have passed.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    all: Arc<AtomicU64>,
    refreshes: Arc<AtomicU64>,
}

/// Extension of a request that records whether it needed a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Needed(Arc<AtomicBool>);

/// Passes requests on and counts them.
#[derive(Debug, Clone)]
pub(super) struct Probe<S> {
    inner: S,
    passed: Passed,
}

// === impl Passed ===

impl Passed {
    pub(super) fn over<S>(&self, inner: S) -> Probe<S> {
        let passed = self.clone();
        Probe { inner, passed }
    }

    /// Returns all requests.
    pub(super) fn all(&self) -> u64 {
        self.all.load(Relaxed)
    }

    /// Returns the refreshes: requests without a caller, whose responses are to be stored.
    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes.load(Relaxed)
    }
}

// === impl Needed ===

impl Needed {
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

// === impl Probe ===

impl<S, B> Service<Request<B>> for Probe<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        self.passed.all.fetch_add(1, Relaxed);
        let directive = request.extensions().get::<Directive>();
        if directive == Some(&Directive::RefreshNow) {
            self.passed.refreshes.fetch_add(1, Relaxed);
        } else if let Some(Needed(needed)) = request.extensions().get() {
            needed.store(true, Relaxed);
        }
        self.inner.call(request)
    }
}
