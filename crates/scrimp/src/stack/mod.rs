//! A stack of layers as a nameable type.

mod body;
mod layer;

pub use self::{body::Body, layer::StackLayer};

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use scrimp_core::BoxError;
use tower::util::{BoxCloneSyncService, ServiceExt};
use tower_service::Service;

/// Any number of layers around a service, in a type that fits into a struct, an argument or an
/// `axum` state. `E` is its error, the only type that remains of the types inside.
///
/// The type of five layers around a client is a line long, and changes with every added layer.
/// This type does not. It is `Clone`, `Send` and `Sync`, takes requests with any body, and answers
/// with a [`Body`]. It may be wrapped in further layers, and may be the inner service of another
/// stack.
///
#[cfg_attr(all(feature = "cache", feature = "coalesce"), doc = "```")]
#[cfg_attr(not(all(feature = "cache", feature = "coalesce")), doc = "```ignore")]
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use scrimp::{
///     Body, ServiceBuilderExt, Stack,
///     cache::{CacheLayer, MemoryStore},
///     coalesce::CoalesceLayer,
///     core::BoxError,
/// };
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// struct Prices {
///     client: Stack, // of `BoxError`
/// }
///
/// impl Prices {
///     async fn of(&self, product: u32) -> Result<Bytes, BoxError> {
///         let request = Request::get(format!("https://api.example.com/prices/{product}"));
///         let response = self.client.clone().oneshot(request.body(Body::empty())?).await?;
///         Ok(response.into_body().collect().await?.to_bytes())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let paid_api = service_fn(|request: Request<Body>| async move {
///     let response = Response::builder().header("cache-control", "max-age=60");
///     Ok::<_, BoxError>(response.body(Full::from(request.uri().path().to_owned()))?)
/// });
/// let cache = CacheLayer::new(MemoryStore::new(8 << 20));
/// let client = ServiceBuilder::new()
///     .stack()
///     .cache(cache.clone())
///     .coalesce(CoalesceLayer::new())
///     .service(paid_api);
/// let prices = Prices { client };
/// assert_eq!(prices.of(7).await?, "/prices/7");
/// assert_eq!(prices.of(7).await?, "/prices/7");
/// assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
/// # Ok(()) }
/// ```
///
/// On a server it is an axum service like any other. Its error is then
/// [`Infallible`](std::convert::Infallible), and stays so:
///
/// ```
/// # #[cfg(feature = "cache")] {
/// use std::convert::Infallible;
/// use axum::{Router, routing::get};
/// use scrimp::{ServiceBuilderExt, Stack, cache::{CacheLayer, MemoryStore}};
/// use tower::ServiceBuilder;
///
/// let inner: Router = Router::new().route("/rates", get(|| async { "1.07" }));
/// let rates: Stack<Infallible> = ServiceBuilder::new()
///     .stack()
///     .cache(CacheLayer::for_origin(MemoryStore::new(8 << 20)).build()?)
///     .service(inner);
/// let app: Router = Router::new().nest_service("/v1", rates);
/// # let _ = app;
/// # }
/// # Ok::<(), scrimp::core::SettingError>(())
/// ```
///
/// # Readiness
///
/// Readiness is the inner service's: `poll_ready` polls the same instance that `call` calls, and a
/// clone starts out unready.
///
/// # Cost
///
/// A call costs two allocations: a box for the future, and one for the body of the response unless
/// it is empty. Each clone costs one more. Calls go through a table of functions. With all layers
/// inside, that is about 120 ns on a hit that takes 880 ns, and 10 ns for a clone that takes 58 ns
/// (`scrimp-bench stack`; `docs/performance.md` in the repository has the table). If that is too
/// much, keep the types: write `impl Service<..>`, or make your own struct generic.
///
/// Two kinds of service do not fit. For one that is not `Sync`, use tower's
/// [`BoxCloneService`](tower::util::BoxCloneService), which gives up `Sync`. Put one that is not
/// `Clone` behind tower's `Buffer` first.
pub struct Stack<E = BoxError>(BoxCloneSyncService<Request<Body>, Response<Body>, E>);

/// The future of a [`Stack`]'s response.
pub type StackFuture<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

// === impl Stack ===

impl<E> Stack<E> {
    /// Wraps a service, with all the layers around it.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error = E>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let erase: fn(Response<B>) -> Response<Body> = |response| response.map(Body::new);
        Self(BoxCloneSyncService::new(service.map_response(erase)))
    }

    /// Returns a layer that does the same, for the outside of a `ServiceBuilder`.
    #[must_use]
    pub fn layer() -> StackLayer {
        StackLayer::new()
    }
}

impl<E, B> Service<Request<B>> for Stack<E>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = E;
    type Future = StackFuture<E>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> StackFuture<E> {
        self.0.call(request.map(Body::new))
    }
}

impl<E> Clone for Stack<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for Stack<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stack")
    }
}
