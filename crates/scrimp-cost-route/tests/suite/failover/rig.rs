//! A router over real servers, and helpers that send requests.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp_core::{Currency, Money};
use scrimp_cost_route::{
    CostRoute, CostRouteLayer, CostRouteLayerBuilder, Provider, RequestBody, RouteBody,
    RouteDecision, Tariff,
};
use tower::{Layer, ServiceExt};

use super::server::Server;

pub(crate) type Service = CostRoute<Client<HttpConnector, RequestBody<Full<Bytes>>>>;

/// A response, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) decision: Option<RouteDecision>,
    pub(crate) body: Result<Bytes, String>,
}

pub(crate) fn cents(n: i128) -> Money {
    Money::from_pico(n * 10_000_000_000, Currency::USD)
}

/// Makes a provider that charges this many cents a request, and has 300 ms to its first byte.
pub(crate) fn provider(name: &str, server: &Server, cents_each: i128) -> Provider {
    Provider::new(name)
        .endpoint(&server.uri)
        .price(Tariff::new(Currency::USD).per_request(cents(cents_each)))
        .latency(Duration::from_millis(50))
        .timeout(Duration::from_millis(300))
}

/// Starts a layer over a cheap provider that is tried first, and one for failover.
pub(crate) fn two(first: &Server, second: &Server) -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider("first", first, 1), provider("second", second, 2)])
        .explore(false)
}

pub(crate) fn over(layer: &CostRouteLayer) -> Service {
    layer.layer(Client::builder(TokioExecutor::new()).build_http())
}

pub(crate) fn request(method: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri("/v1/things?x=1")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) async fn open(
    service: &Service,
    request: Request<Full<Bytes>>,
) -> Result<Response<RouteBody<Incoming>>, Error> {
    service.clone().oneshot(request).await
}

pub(crate) async fn send(
    service: &Service,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Error> {
    let (parts, body) = open(service, request).await?.into_parts();
    let body = body.collect().await;
    Ok(Answer {
        status: parts.status,
        decision: parts.extensions.get().cloned(),
        body: body
            .map(http_body_util::Collected::to_bytes)
            .map_err(|error| error.to_string()),
    })
}

pub(crate) async fn get(service: &Service) -> Answer {
    send(service, request("GET", "")).await.expect("an answer")
}

impl Answer {
    /// Returns the name of the provider that answered.
    pub(crate) fn from(&self) -> &str {
        self.decision
            .as_ref()
            .map_or("", |decision| &decision.provider)
    }

    pub(crate) fn text(&self) -> &str {
        let body = self.body.as_ref().expect("a clean end");
        std::str::from_utf8(body).expect("UTF-8")
    }
}
