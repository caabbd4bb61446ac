//! A router over a scripted client, which recognizes a provider by the authority.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::{BoxError, Currency, Money};
use scrimp_cost_route::{
    CostRoute, CostRouteLayer, CostRouteLayerBuilder, Provider, Rate, RouteBody, RouteDecision,
    Tariff, TokenRates,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use serde_json::Value;
use tower::{Layer, ServiceExt};

pub struct Rig {
    pub service: CostRoute<Scripted>,
    pub upstream: Upstream,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub decision: Option<RouteDecision>,
    pub body: Bytes,
}

pub fn cents(n: i128) -> Money {
    Money::from_pico(n * 10_000_000_000, Currency::USD)
}

/// Makes a provider at `http://NAME/` that charges this many cents a request.
pub fn provider(name: &str, cents_each: i128) -> Provider {
    Provider::new(name)
        .endpoint(format!("http://{name}"))
        .price(Tariff::new(Currency::USD).per_request(cents(cents_each)))
}

/// Starts a layer over a cheap and an expensive provider, without exploration.
pub fn two() -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider("cheap", 1), provider("dear", 5)]).explore(false)
}

pub fn yen() -> Currency {
    Currency::new("JPY").unwrap()
}

pub fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// Makes a provider that charges a tenth of a cent per token in, and a cent per token out.
pub fn by_token(name: &str) -> Provider {
    let rate = |text: &str| text.parse::<Rate>().unwrap();
    let rates = TokenRates::text(rate("0.001"), rate("0.01"));
    provider(name, 0).price(Tariff::new(Currency::USD).tokens(rates))
}

pub fn ok(body: &str) -> Reply {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Reply::body(ScriptedBody::new().data(body))
}

pub fn status(status: u16) -> Reply {
    let mut response = Response::new(ScriptedBody::new().data("failed"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Reply::respond(response)
}

pub fn get() -> Request<Full<Bytes>> {
    Request::get("/thing").body(Full::default()).unwrap()
}

impl Rig {
    pub fn new(
        layer: &CostRouteLayer,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (client, upstream) =
            Scripted::answering(move |parts| answer(parts.uri.host().unwrap_or_default()));
        Self {
            service: layer.layer(client),
            upstream,
        }
    }

    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<RouteBody<ScriptedBody>>, BoxError> {
        self.service.clone().oneshot(request).await
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (parts, body) = self.open(request).await.expect("an answer").into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            decision: parts.extensions.get().cloned(),
            body: body.collect().await.expect("a clean end").to_bytes(),
        }
    }

    pub async fn get(&self) -> Answer {
        self.send(get()).await
    }

    /// Returns the providers that were called.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.upstream.requests();
        let hosts = requests.iter().filter_map(|parts| parts.uri.host());
        hosts.map(str::to_owned).collect()
    }
}

impl Answer {
    pub fn from(&self) -> &str {
        self.decision
            .as_ref()
            .map_or("", |decision| &decision.provider)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}
