//! Readiness of a service, and the check of the tower contract.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::sync::Semaphore;
use tower_service::Service;

use crate::Gate;

/// Readiness of a [`Scripted`](crate::Scripted) service.
#[derive(Debug, Clone, Default)]
pub enum Readiness {
    /// Ready at every poll.
    #[default]
    Always,
    /// Ready while the gate is open.
    Gate(Gate),
    /// Never ready: readiness fails with this message.
    Error(&'static str),
    /// Ready with a permit, taken in `poll_ready` and returned when the body of the response ends
    /// or is dropped.
    Permits(Arc<Semaphore>),
}

/// Panics if its service is called without having been polled ready.
///
/// The tower contract concerns each instance: a clone must be polled itself. So `Clone` never
/// copies readiness.
pub struct ReadinessProbe<S> {
    inner: S,
    ready: bool,
}

// === impl Readiness ===

impl Readiness {
    /// Returns permits for `count` calls at a time.
    #[must_use]
    pub fn permits(count: usize) -> Self {
        Self::Permits(Arc::new(Semaphore::new(count)))
    }
}

// === impl ReadinessProbe ===

impl<S> ReadinessProbe<S> {
    /// Checks the calls to `inner`.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            ready: false,
        }
    }

    /// Returns the checked service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the checked service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the service without the check.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for ReadinessProbe<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S, Req> Service<Req> for ReadinessProbe<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready = false;
        ready!(self.inner.poll_ready(cx))?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If this instance was not polled ready since its last call.
    fn call(&mut self, req: Req) -> S::Future {
        assert!(std::mem::take(&mut self.ready), "{UNREADY}");
        self.inner.call(req)
    }
}

impl<S> fmt::Debug for ReadinessProbe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadinessProbe")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

/// Message for a service that was called out of turn.
pub(crate) const UNREADY: &str = "the inner service was called on an instance that had not been polled ready; \
     call the very instance that was polled, or drive a clone with `oneshot`";

#[cfg(test)]
mod tests {
    use super::*;
    use std::{convert::Infallible, future::ready};
    use tower::ServiceExt;

    fn probe() -> ReadinessProbe<impl Service<(), Response = (), Error = Infallible> + Clone> {
        ReadinessProbe::new(tower::service_fn(|()| ready(Ok(()))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_polled_ready_may_be_called_once_per_poll() {
        let mut probe = probe();
        for _ in 0..2 {
            probe.ready().await.unwrap().call(()).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "had not been polled ready")]
    async fn a_clone_of_a_ready_service_is_not_ready() {
        let mut probe = probe();
        probe.ready().await.unwrap();
        probe.clone().call(()).await.unwrap();
    }
}
