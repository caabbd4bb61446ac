//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{CloneService, Tasks};
use tower_service::Service;

use crate::{
    RequestBody, RouteBody, body::Drains, config::Shared, exchange::Exchange,
    future::CostRouteFuture, targets::Targets,
};

/// Service that chooses a provider for each request and calls a clone of the inner service for it.
///
/// The service is always ready: the request decides the provider, and a provider that is not
/// ready must not block the others.
pub struct CostRoute<S> {
    shared: Arc<Shared>,
    targets: Targets<S>,
    /// Answers that are read on in the background. Calls do not hold them, so that they end with the
    /// layer.
    tasks: Arc<Tasks>,
}

// === impl CostRoute ===

impl<S> CostRoute<S> {
    pub(crate) fn new(shared: Arc<Shared>, targets: Targets<S>, tasks: Arc<Tasks>) -> Self {
        Self {
            shared,
            targets,
            tasks,
        }
    }
}

impl<S, B, R> Service<Request<B>> for CostRoute<S>
where
    // The client of all providers, or the client of each.
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + CloneService + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    // Bodies.
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Send,
{
    type Response = Response<RouteBody<R>>;
    type Error = S::Error;
    type Future = CostRouteFuture<R, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = Exchange::new(Arc::clone(&self.shared), self.targets.clone());
        let drains = Drains::new(&self.tasks);
        CostRouteFuture::new(exchange.run(request), drains)
    }
}

impl<S: Clone> Clone for CostRoute<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            targets: self.targets.clone(),
            tasks: Arc::clone(&self.tasks),
        }
    }
}

impl<S> fmt::Debug for CostRoute<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CostRoute")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
