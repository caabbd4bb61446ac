//! Requests whose bodies have no default value: those of hyper's server, and limited ones.

use std::convert::Infallible;

use axum::{Router, body::Body as AxumBody, routing::post};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use scrimp::{
    Body, ServiceBuilderExt,
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, Currency},
    cost_route::{CostRouteLayer, Provider, RequestBody, Tariff},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use scrimp_tests::Server;
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::limit::RequestBodyLimitLayer;

/// Returns the body of a request to its sender, as something that can be stored.
async fn echo<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let body = request.into_body().collect().await.expect("a whole body");
    let response = Response::builder().header("cache-control", "max-age=60");
    let body = Full::new(body.to_bytes());
    Ok(response.body(body).expect("a response"))
}

fn cost_route() -> CostRouteLayer {
    let provider = Provider::new("own").price(Tariff::new(Currency::USD).per_request("0.001"));
    CostRouteLayer::builder([provider])
        .build()
        .expect("settings in their ranges")
}

fn limit() -> LimitLayer {
    LimitLayer::per_second(1_000)
        .build()
        .expect("settings in their ranges")
}

fn batch() -> BatchLayer<RestJson> {
    BatchLayer::builder(RestJson::new("/batch"))
        .build()
        .expect("settings in their ranges")
}

/// Serves on hyper's own server, and sends two GETs and a POST.
async fn works<S, B>(service: S) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    for (method, body) in [("GET", ""), ("GET", ""), ("POST", "a body")] {
        let request = Request::builder().method(method).uri(&url);
        let request = request.body(Body::from(Bytes::from(body)))?;
        let response = client.clone().oneshot(request).await?;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.into_body().collect().await?.to_bytes(), body);
    }
    server.abort();
    Ok(())
}

#[tokio::test]
async fn hypers_server_needs_no_conversion_of_bodies_before_these_layers() -> Result<(), BoxError> {
    works(
        ServiceBuilder::new()
            .coalesce(CoalesceLayer::new())
            .service_fn(echo::<Incoming>),
    )
    .await?;
    works(
        ServiceBuilder::new()
            .limit(limit())
            .service_fn(echo::<Incoming>),
    )
    .await?;
    let routed = ServiceBuilder::new().cost_route(cost_route());
    works(routed.service_fn(echo::<RequestBody<Incoming>>)).await
}

#[tokio::test]
async fn a_stack_takes_the_bodies_of_hypers_server_for_all_layers() -> Result<(), BoxError> {
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let stack = ServiceBuilder::new()
        .stack()
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(CoalesceLayer::new())
        .batch(batch())
        .cost_route(cost_route())
        .limit(limit())
        .service_fn(echo::<RequestBody<Body>>);
    works(stack).await?;
    let mapped = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(Body::new))
        .cache(cache.clone())
        .service(service_fn(echo::<Body>));
    works(mapped).await?;
    assert!(cache.stats().hits > 0);
    Ok(())
}

#[tokio::test]
async fn a_limit_on_bodies_stands_outside_of_all_layers() -> Result<(), BoxError> {
    let layers = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(8))
        .stack()
        .stampede(StampedeLayer::new())
        .cache(CacheLayer::new(MemoryStore::new(1 << 20)))
        .coalesce(CoalesceLayer::new())
        .batch(batch())
        .limit(limit());
    let app: Router = Router::new()
        .route("/", post(|body: String| async move { body }))
        .layer(layers);
    let server = Server::start(app).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<AxumBody>();
    for (body, status) in [("short", 200), ("longer than eight", 413)] {
        let request = Request::post(server.url("/")).body(AxumBody::from(body))?;
        let response = client.clone().oneshot(request).await?;
        assert_eq!(response.status(), status);
    }
    Ok(())
}
