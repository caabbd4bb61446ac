//! A service that is not `Sync`, for places that require `Sync`.

use std::task::{Context, Poll};

use parking_lot::Mutex;
use tower::Service;

/// Locks the service only to clone it.
#[derive(Debug)]
pub(crate) struct Locked<S>(Mutex<S>);

// === impl Locked ===

impl<S> Locked<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }
}

impl<S: Clone> Clone for Locked<S> {
    fn clone(&self) -> Self {
        Self::new(self.0.lock().clone())
    }
}

impl<S: Service<Req>, Req> Service<Req> for Locked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.get_mut().poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.0.get_mut().call(request)
    }
}
