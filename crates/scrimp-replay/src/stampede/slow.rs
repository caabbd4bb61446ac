//! A slow upstream that observes simultaneous calls.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use parking_lot::Mutex;
use tower_service::Service;

use crate::upstream::{Upstream, Zeros};

/// Responds as the [`Upstream`] does, after a delay.
#[derive(Debug, Clone)]
pub(super) struct Slow {
    upstream: Upstream,
    takes: Duration,
    seen: Arc<Mutex<Seen>>,
}

/// Simultaneous calls.
#[derive(Debug, Default)]
pub(super) struct Seen {
    flying: HashMap<String, u64>,
    /// Calls made while another for the same URL was in flight.
    pub(super) doubled: u64,
    /// Highest number of simultaneous calls for one URL.
    pub(super) burst: u64,
}

/// A call in flight.
struct Flying {
    what: String,
    seen: Arc<Mutex<Seen>>,
}

// === impl Slow ===

impl Slow {
    pub(super) fn new(upstream: Upstream, takes: Duration) -> Self {
        let seen = Arc::default();
        Self {
            upstream,
            takes,
            seen,
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.upstream.calls()
    }

    /// Returns the observations, without calls still in flight.
    pub(super) fn seen(&self) -> (u64, u64) {
        let seen = self.seen.lock();
        (seen.doubled, seen.burst)
    }
}

impl<B: Send + 'static> Service<Request<B>> for Slow {
    type Response = Response<Zeros>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut upstream, takes) = (self.upstream.clone(), self.takes);
        let seen = Arc::clone(&self.seen);
        Box::pin(async move {
            let what = format!("{} {}", request.method(), request.uri());
            let flying = Flying::new(what, seen);
            let answer = upstream.call(request);
            tokio::time::sleep(takes).await;
            drop(flying);
            answer.await
        })
    }
}

// === impl Flying ===

impl Flying {
    fn new(what: String, seen: Arc<Mutex<Seen>>) -> Self {
        {
            let mut seen = seen.lock();
            let count = seen.flying.entry(what.clone()).or_default();
            *count += 1;
            let count = *count;
            seen.doubled += u64::from(count > 1);
            seen.burst = seen.burst.max(count);
        }
        Self { what, seen }
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        let mut seen = self.seen.lock();
        if let Some(count) = seen.flying.get_mut(&self.what) {
            *count -= 1;
            if *count == 0 {
                seen.flying.remove(&self.what);
            }
        }
    }
}
