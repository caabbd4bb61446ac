//! The layer.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use scrimp_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{Body, Stack};

/// The outermost layer of a stack: it makes a [`Stack`] of any service.
#[derive(Debug, Clone, Copy, Default)]
pub struct StackLayer(());

// === impl StackLayer ===

impl StackLayer {
    /// Returns the layer, which has no settings.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl<S, B, E> Layer<S> for StackLayer
where
    S: Service<Request<Body>, Response = Response<B>, Error = E>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Service = Stack<E>;

    fn layer(&self, inner: S) -> Stack<E> {
        Stack::new(inner)
    }
}
