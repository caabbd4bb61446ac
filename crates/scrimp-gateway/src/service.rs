//! A step of a request's way through the gateway, as a service whose clones share it.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body::Body as HttpBody;
use scrimp_core::BoxError;
use tower::{Service, ServiceExt};

/// A service over HTTP that never fails: a whole gateway, or what a layer [around its
/// cache](crate::GatewayBuilder::around_cache) is around.
///
/// It is always ready. Its clones share one service: a clone counts a reference, however many layers are
/// inside.
#[derive(Clone)]
pub struct GatewayService(Arc<dyn Serve>);

/// The response on its way.
pub(crate) type Later = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Something that responds to requests.
pub(crate) trait Serve: Send + Sync + 'static {
    fn serve(&self, request: Request) -> Later;
}

/// A service, of which each request gets a clone.
struct Cloned<S>(S);

// === impl GatewayService ===

impl GatewayService {
    /// Shares `service`. Each request is a call of a clone of it, once that is ready.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Error: Into<Infallible>,
        S::Future: Send,
    {
        Self::by(Cloned(service))
    }

    pub(crate) fn by(serve: impl Serve) -> Self {
        Self(Arc::new(serve))
    }

    pub(crate) fn serve(&self, request: Request) -> Later {
        self.0.serve(request)
    }
}

impl<B> Service<http::Request<B>> for GatewayService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Later;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Later {
        self.serve(request.map(Body::new))
    }
}

impl From<Router> for GatewayService {
    fn from(app: Router) -> Self {
        Self::new(app)
    }
}

impl fmt::Debug for GatewayService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayService").finish_non_exhaustive()
    }
}

// === impl Cloned ===

impl<S> Serve for Cloned<S>
where
    S: Service<Request> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Error: Into<Infallible>,
    S::Future: Send,
{
    fn serve(&self, request: Request) -> Later {
        let response = self.0.clone().oneshot(request);
        Box::pin(async move {
            match response.await {
                Ok(response) => Ok(response.into_response()),
                Err(never) => match never.into() {},
            }
        })
    }
}
