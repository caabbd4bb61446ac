//! Services between the layers and the inner service.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use parking_lot::Mutex;
use scrimp::{Body, Stack};
use scrimp_testkit::ReadinessProbe;
use tokio::time::sleep;
use tower::{Service, ServiceBuilder, limit::ConcurrencyLimit};

/// A service between the layers and the inner service.
pub(crate) trait Between {
    fn put<E: Send + 'static>(&self, inner: Stack<E>) -> Stack<E>;
}

/// No service in between.
pub(crate) struct Nothing;

/// Allows one call at a time, and makes each instance ready only after some polls. A layer that
/// calls an instance that it did not poll panics here.
#[derive(Clone, Default)]
pub(crate) struct OneAtATime {
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Delays each response.
pub(crate) struct Slow(pub(crate) Duration);

/// Records the [`Mark`]s of requests, and puts one on responses.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Vec<Mark>>>);

/// An extension of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) u32);

/// A service that is ready after some polls.
struct Ladder<S> {
    inner: S,
    rungs: usize,
    calls: Arc<Calls>,
}

/// A call that is counted while it is in flight.
struct Counted<F> {
    future: Pin<Box<F>>,
    calls: Option<Arc<Calls>>,
}

const RUNGS: usize = 2;

impl Between for Nothing {
    fn put<E: Send + 'static>(&self, inner: Stack<E>) -> Stack<E> {
        inner
    }
}

impl Between for Slow {
    fn put<E: Send + 'static>(&self, inner: Stack<E>) -> Stack<E> {
        let Self(time) = *self;
        let service = ServiceBuilder::new().map_future(move |call| async move {
            sleep(time).await;
            call.await
        });
        Stack::new(service.service(inner))
    }
}

// === impl OneAtATime ===

impl OneAtATime {
    /// Returns the highest number of calls in flight at a time.
    pub(crate) fn most(&self) -> usize {
        self.calls.most.load(Relaxed)
    }
}

impl Between for OneAtATime {
    fn put<E: Send + 'static>(&self, inner: Stack<E>) -> Stack<E> {
        let ladder = Ladder {
            inner,
            rungs: RUNGS,
            calls: Arc::clone(&self.calls),
        };
        // The permit is taken before readiness, and held until the service is ready.
        Stack::new(ReadinessProbe::new(ConcurrencyLimit::new(ladder, 1)))
    }
}

// === impl Witness ===

impl Witness {
    pub(crate) fn seen(&self) -> Vec<Mark> {
        self.0.lock().clone()
    }
}

impl Between for Witness {
    fn put<E: Send + 'static>(&self, inner: Stack<E>) -> Stack<E> {
        let seen = Arc::clone(&self.0);
        let service = ServiceBuilder::new()
            .map_request(move |request: Request<Body>| {
                seen.lock().extend(request.extensions().get::<Mark>());
                request
            })
            .map_response(|mut response: Response<Body>| {
                response.extensions_mut().insert(Mark(2));
                response
            })
            .service(inner);
        Stack::new(service)
    }
}

// === impl Ladder ===

impl<S: Clone> Clone for Ladder<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            rungs: RUNGS,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl<S> Service<Request<Body>> for Ladder<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Counted<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.rungs > 0 {
            self.rungs -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.rungs = RUNGS;
        let now = self.calls.now.fetch_add(1, Relaxed) + 1;
        self.calls.most.fetch_max(now, Relaxed);
        Counted {
            future: Box::pin(self.inner.call(request)),
            calls: Some(Arc::clone(&self.calls)),
        }
    }
}

// === impl Counted ===

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let output = ready!(self.future.as_mut().poll(cx));
        self.end();
        Poll::Ready(output)
    }
}

impl<F> Counted<F> {
    fn end(&mut self) {
        if let Some(calls) = self.calls.take() {
            calls.now.fetch_sub(1, Relaxed);
        }
    }
}

impl<F> Drop for Counted<F> {
    fn drop(&mut self) {
        self.end();
    }
}
