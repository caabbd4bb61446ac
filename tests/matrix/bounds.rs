//! Guarantees of the types, checked by the compiler.

use std::{
    convert::Infallible,
    future::{Future, Ready},
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::Limited;
use hyper::body::Incoming;
use scrimp::{
    Body, Stack, StackLayer,
    batch::{Batch, BatchBody, BatchLayer, RestJson},
    cache::{Cache, CacheBody, CacheLayer},
    coalesce::{Coalesce, CoalesceBody, CoalesceLayer},
    core::BoxError,
    cost_route::{CostRoute, CostRouteLayer, RequestBody, RouteBody},
    limit::{Limit, LimitBody, LimitLayer},
    stampede::{Stampede, StampedeBody, StampedeLayer},
};
use scrimp_testkit::{Scripted, ScriptedBody};
use tower::Service;

/// An inner service with a small future of known size.
#[derive(Debug, Clone)]
struct Inner;

type Answered = Ready<Result<Response<Body>, Infallible>>;

impl<B> Service<Request<B>> for Inner {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Answered {
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

/// The recommended order over it.
type Routed = CostRoute<Inner>;
type Batched = Batch<Routed, RestJson>;
type Coalesced = Coalesce<Batched>;
type Cached = Cache<Coalesced>;
type All = Stampede<Cached>;

type FutureOf<S> = <S as Service<Request<Body>>>::Future;

const fn layer<L: Clone + Send + Sync + 'static>() {}

/// Checks axum's bounds on a service, and that its future can be sent to any thread.
const fn service<S, B>()
where
    S: Service<Request<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Future + Send + 'static,
    S::Response: Send,
{
}

/// Checks the same over a service and bodies that are not `Sync`.
const fn unshared<S, B>()
where
    S: Service<Request<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Response: Send,
{
}

const fn body<B: http_body::Body + Send + 'static>() {}

const _: () = {
    layer::<StampedeLayer>();
    layer::<CacheLayer>();
    layer::<CoalesceLayer>();
    layer::<BatchLayer<RestJson>>();
    layer::<CostRouteLayer>();
    layer::<LimitLayer>();
    layer::<StackLayer>();

    service::<Stampede<Inner>, Body>();
    service::<Cache<Inner>, Body>();
    service::<Coalesce<Inner>, Body>();
    service::<Batch<Inner, RestJson>, Body>();
    service::<CostRoute<Inner>, Body>();
    service::<Limit<Inner>, Body>();
    service::<All, Body>();
    service::<Stack<Infallible>, Body>();
    // Requests with third-party bodies.
    service::<All, axum::body::Body>();
    service::<All, http_body_util::Full<bytes::Bytes>>();
    service::<All, RequestBody<Body>>();
    service::<Stack<Infallible>, axum::body::Body>();
    // And with bodies that have no default value.
    service::<Coalesce<Inner>, Incoming>();
    service::<CostRoute<Inner>, Incoming>();
    service::<Limit<Inner>, Incoming>();
    service::<Stack<Infallible>, Incoming>();
    service::<Coalesce<Inner>, Limited<axum::body::Body>>();
    service::<CostRoute<Inner>, Limited<axum::body::Body>>();
    service::<Limit<Inner>, Limited<axum::body::Body>>();
    service::<Stack<Infallible>, Limited<axum::body::Body>>();

    unshared::<Stampede<Scripted>, Body>();
    unshared::<Cache<Scripted>, Body>();
    unshared::<Coalesce<Scripted>, Body>();
    unshared::<Batch<Scripted, RestJson>, Body>();
    unshared::<CostRoute<Scripted>, Body>();
    unshared::<Limit<Scripted>, Body>();

    body::<StampedeBody<ScriptedBody>>();
    body::<CacheBody<ScriptedBody>>();
    body::<CoalesceBody<ScriptedBody>>();
    body::<BatchBody<ScriptedBody>>();
    body::<RouteBody<ScriptedBody>>();
    body::<LimitBody<ScriptedBody>>();
    body::<Body>();
};

/// Fails to compile if a future is larger than the limit, and names the future and the limit.
macro_rules! at_most {
    ($($bytes:literal $service:ty),* $(,)?) => {
        $(const _: () = assert!(
            size_of::<FutureOf<$service>>() <= $bytes,
            concat!("the future of ", stringify!($service), " is larger than ", $bytes, " bytes"),
        );)*
    };
}

// On 64-bit targets, with room for some words more than they take now: 304, 320, 376, 264, 16
// around one of 152 bytes, and 288, 416, 472, 512 as the stack grows.
at_most! {
    152 Inner,
    352 Stampede<Inner>,
    384 Cache<Inner>,
    448 Coalesce<Inner>,
    320 Batch<Inner, RestJson>,
    16 CostRoute<Inner>,
    16 Routed,
    352 Batched,
    480 Coalesced,
    544 Cached,
    592 All,
    16 Stack<Infallible>,
}
