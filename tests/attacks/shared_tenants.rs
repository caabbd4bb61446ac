//! Tenants that share batches: each pays for its own requests, and one at its cap harms no other.

mod caps;
mod shares;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, join_all};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp::{
    batch::{ArrayInput, BatchCodec, BatchLayer, BatchStats, BatchWindow, RestJson},
    core::{
        BoxError, Currency, Ledger, Money,
        extensions::{Charge, Tenant, TenantShares},
    },
    cost_route::{
        Budget, Cap, CostRouteLayer, Period, Provider, RequestBody, Scope, Tariff, Usage,
    },
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

type Body = Full<Bytes>;
type Upstream = dyn Fn(&str, &Value) -> Response<String> + Send + Sync;

/// A batch layer over a router with a budget, over a scripted upstream.
struct Stack {
    send: Box<dyn Fn(Request<Body>) -> LocalBoxFuture<'static, Answer>>,
    stats: Box<dyn Fn() -> BatchStats>,
    budget: Budget,
    ledger: Ledger,
    /// Provider, tenants and their number of requests, of each call.
    calls: Arc<Mutex<Vec<(String, usize)>>>,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
    charge: Option<Money>,
}

fn usd(text: &str) -> Money {
    text.parse().unwrap()
}

fn provider(name: &str, price: &str) -> Provider {
    Provider::new(name)
        .endpoint(format!("http://{name}"))
        .price(Tariff::new(Currency::USD).per_request(usd(price)))
}

/// Returns a cap of so much for each tenant.
fn each(limit: &str) -> Cap {
    Cap::new("each", usd(limit), Period::Day).tenants(Scope::Each)
}

/// Answers every item of a REST batch with its URL, and a single request with its path.
fn echo(_: &str, asked: &Value) -> Response<String> {
    let Some(items) = asked["requests"].as_array() else {
        return Response::new("1".into());
    };
    let answers: Vec<_> = items
        .iter()
        .map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]}))
        .collect();
    Response::new(json!({ "responses": answers }).to_string())
}

/// Answers with the inputs of an array.
fn embed(_: &str, asked: &Value) -> Response<String> {
    let inputs = asked["input"].as_array().unwrap().iter().enumerate();
    let data: Vec<_> = inputs
        .map(|(index, input)| json!({"index": index, "embedding": input}))
        .collect();
    Response::new(json!({ "data": data }).to_string())
}

fn failed() -> Response<String> {
    let mut response = Response::new("no".to_owned());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

impl Stack {
    fn new(
        caps: impl IntoIterator<Item = Cap>,
        providers: impl IntoIterator<Item = Provider>,
        upstream: impl Fn(&str, &Value) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        Self::with(RestJson::new("/batch"), caps, providers, upstream)
    }

    fn with(
        codec: impl BatchCodec,
        caps: impl IntoIterator<Item = Cap>,
        providers: impl IntoIterator<Item = Provider>,
        upstream: impl Fn(&str, &Value) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        let (budget, ledger) = (Budget::new(caps), Ledger::new());
        let route = CostRouteLayer::builder(providers)
            .explore(false)
            .budget(budget.clone())
            .strict(Usage::default())
            .ledger(ledger.clone())
            .build()
            .unwrap();
        let batch = BatchLayer::builder(codec)
            .share_tenants()
            .window(BatchWindow::fixed(Duration::from_millis(10)))
            .ledger(ledger.clone())
            .price("0.01")
            .retries(0)
            .build()
            .unwrap();
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let (seen, upstream) = (
            Arc::clone(&calls),
            Arc::<Upstream>::from(Box::new(upstream) as Box<Upstream>),
        );
        let client = service_fn(move |request: Request<RequestBody<Body>>| {
            let (seen, upstream) = (Arc::clone(&seen), Arc::clone(&upstream));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let host = parts.uri.host().unwrap_or_default().to_owned();
                let shares = parts.extensions.get::<TenantShares>();
                assert!(shares.is_none() || parts.extensions.get::<Tenant>().is_none());
                let tenants = shares.map_or(1, |shares| shares.tenants().len());
                seen.lock().push((host.clone(), tenants));
                tokio::time::sleep(Duration::from_millis(100)).await;
                let asked = serde_json::from_slice(&body).unwrap_or_default();
                Ok::<_, BoxError>(upstream(&host, &asked).map(Body::from))
            }
        });
        let service = batch.layer(route.layer(client));
        let send = move |request| -> LocalBoxFuture<'static, Answer> {
            let call = service.clone().oneshot(request);
            Box::pin(async move {
                let (parts, body) = call.await.unwrap().into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Answer {
                    status: parts.status,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                    charge: parts.extensions.get().map(|Charge(amount)| *amount),
                }
            })
        };
        Self {
            send: Box::new(send),
            stats: Box::new(move || batch.stats()),
            budget,
            ledger,
            calls,
        }
    }

    async fn all(&self, requests: impl IntoIterator<Item = Request<Body>>) -> Vec<Answer> {
        join_all(requests.into_iter().map(|request| (self.send)(request))).await
    }

    fn calls(&self) -> Vec<(String, usize)> {
        self.calls.lock().clone()
    }

    /// Spends a part of a tenant's cap beforehand.
    fn spend(&self, tenant: &str, amount: &str) {
        let amount = usd(amount);
        let reserved = self.budget.reserve(amount, tenant, "", "").unwrap();
        reserved.settle(amount).unwrap();
    }

    /// Returns what each tenant spent, as the ledger says; the budget must say the same.
    fn spent(&self, before: &[(&str, &str)]) -> BTreeMap<String, Money> {
        let before: BTreeMap<_, _> = before
            .iter()
            .map(|(name, text)| (*name, usd(text)))
            .collect();
        let lines = self.ledger.lines().into_iter();
        let spent: BTreeMap<_, _> = lines
            .filter(|line| line.layer == "cost-route")
            .map(|line| (line.tenant.to_string(), line.spent))
            .collect();
        for line in self.budget.snapshot() {
            let Some((_, name)) = line.account.split('/').next().unwrap().split_once(':') else {
                continue;
            };
            let booked = spent.get(name).copied().unwrap_or_default();
            let before = before.get(name).copied().unwrap_or_default();
            assert_eq!(line.spent, booked.checked_add(before).unwrap(), "{name}");
        }
        spent
    }

    /// Asserts that nothing is reserved: each tenant can reserve the rest of its cap at once.
    fn assert_nothing_is_reserved(
        &self,
        tenants: &[String],
        limit: &str,
        spent: &BTreeMap<String, Money>,
    ) {
        for tenant in tenants {
            let spent = spent.get(tenant).copied().unwrap_or_default();
            let rest = usd(limit).checked_sub(spent).unwrap();
            let reserved = self.budget.reserve(rest, tenant, "", "");
            assert!(reserved.is_ok(), "{tenant}: {reserved:?}");
        }
    }
}

fn sum(amounts: impl IntoIterator<Item = Money>) -> Money {
    let add = |sum: Money, amount| sum.checked_add(amount).unwrap();
    amounts.into_iter().fold(Money::ZERO, add)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n}")).collect()
}

fn get(tenant: &str, path: &str) -> Request<Body> {
    Request::get(format!("http://api.example.com{path}"))
        .extension(Tenant::from(tenant))
        .body(Body::default())
        .unwrap()
}
