//! The upstream as a service, for layers around it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http_body::Body as HttpBody;
use scrimp_core::BoxError;
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use crate::{failure::LAYER_FAILED, proxy::Proxy, reply::Failure};

/// The upstream of a gateway, as the layers around it see it.
///
/// It takes any body, as layers may wrap that of a request.
#[derive(Clone)]
pub struct GatewayUpstream(Way);

/// The way to the upstream.
#[derive(Clone)]
enum Way {
    Direct(Arc<Proxy>),
    Layered(BoxCloneSyncService<Request, Response, BoxError>),
}

type Later = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

/// Layers around the upstream, the innermost one first.
#[derive(Default)]
pub(crate) struct Layers(Vec<Wrap>);

type Wrap = Box<dyn FnOnce(GatewayUpstream) -> GatewayUpstream + Send + Sync>;

// === impl GatewayUpstream ===

impl GatewayUpstream {
    pub(crate) fn new(proxy: Arc<Proxy>) -> Self {
        Self(Way::Direct(proxy))
    }

    /// Returns the failure behind an error, for the cache outside.
    pub(crate) fn failure(error: BoxError) -> Failure {
        match error.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(error) => {
                tracing::warn!(error, "a layer around the upstream failed");
                LAYER_FAILED
            }
        }
    }
}

impl<B> Service<http::Request<B>> for GatewayUpstream
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Later;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Way::Direct(_) => Poll::Ready(Ok(())),
            Way::Layered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: http::Request<B>) -> Later {
        let request = request.map(Body::new);
        match &mut self.0 {
            Way::Direct(proxy) => {
                let response = Arc::clone(proxy).forward(request);
                Box::pin(async { response.await.map_err(BoxError::from) })
            }
            Way::Layered(service) => service.call(request),
        }
    }
}

impl fmt::Debug for GatewayUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayUpstream").finish_non_exhaustive()
    }
}

// === impl Layers ===

impl Layers {
    pub(crate) fn add<L, R>(&mut self, layer: L)
    where
        L: Layer<GatewayUpstream> + Send + Sync + 'static,
        L::Service: Service<Request, Response = http::Response<R>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
        R: HttpBody<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.0.push(Box::new(move |inner| {
            let service = layer.layer(inner).map_err(Into::into);
            let service = service.map_response(|response| response.map(Body::new));
            GatewayUpstream(Way::Layered(BoxCloneSyncService::new(service)))
        }));
    }

    /// Puts the layers around the upstream. `None` if there are none.
    pub(crate) fn around(self, proxy: &Arc<Proxy>) -> Option<GatewayUpstream> {
        if self.0.is_empty() {
            return None;
        }
        let upstream = GatewayUpstream::new(Arc::clone(proxy));
        Some(self.0.into_iter().fold(upstream, |inner, wrap| wrap(inner)))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").field(&self.0.len()).finish()
    }
}
