//! An outbound client over three providers: one becomes slow, another expensive.
//!
//!     cargo run --example outbound
//!
//! Half an hour of requests, ten a second, in virtual time. Prints the result of each policy: the
//! money paid, and the time waited.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    core::{Currency, Ledger, SettingError, Totals, extensions::Priority},
    cost_route::{
        CostRouteLayer, CostRouteLayerBuilder, Provider, RequestBody, RouteDecision, Tariff,
        engine::{Score, Weights},
    },
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

const REQUESTS: u32 = 18_000;
const EVERY: Duration = Duration::from_millis(100);

/// Simulates an HTTP client: responds as the provider would at this time.
#[derive(Clone)]
struct Client {
    start: Instant,
}

impl Service<Request<RequestBody<Full<Bytes>>>> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Full<Bytes>>>) -> Self::Future {
        let minute = self.start.elapsed().as_secs() / 60;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let milliseconds = match (&*host, minute) {
            ("budget.example.com", 10..20) => 6_000, // gets slow for ten minutes
            ("budget.example.com", _) => 800,
            ("solid.example.com", _) => 700,
            _ => 300,
        };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Ok(Response::new(Full::from("{}")))
        })
    }
}

fn price(dollars: &str) -> Tariff {
    Tariff::new(Currency::USD).per_request(dollars)
}

fn provider(name: &str, dollars: &str, milliseconds: u64) -> Provider {
    Provider::new(name)
        .endpoint(format!("https://{name}.example.com/v1"))
        .price(price(dollars))
        .latency(Duration::from_millis(milliseconds))
}

fn three() -> [Provider; 3] {
    [
        provider("budget", "0.0004", 800),
        provider("solid", "0.0006", 700),
        provider("premium", "0.0030", 300),
    ]
}

struct Bill {
    paid: Totals,
    waited: f64,
    by: BTreeMap<String, u32>,
}

async fn run(layer: CostRouteLayerBuilder, priority: Priority) -> Result<Bill, SettingError> {
    let (start, ledger) = (Instant::now(), Ledger::new());
    let layer = layer.ledger(ledger.clone()).build()?;
    let client = layer.layer(Client { start });
    let mut tasks = Vec::new();
    for n in 0..REQUESTS {
        // After twenty minutes, the price of the second provider is five times as high.
        if n == REQUESTS / 3 * 2 {
            layer.providers().set_price("solid", price("0.0030"))?;
        }
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let mut request = Request::get("/quote")
                .body(Full::default())
                .expect("a request");
            request.extensions_mut().insert(priority);
            let begun = Instant::now();
            let Ok(response) = client.oneshot(request).await;
            let decision = response.extensions().get::<RouteDecision>();
            let provider = decision.map_or_else(String::new, |d| d.provider.to_string());
            let _ = response.into_body().collect().await;
            (provider, begun.elapsed().as_secs_f64())
        }));
        tokio::time::sleep(EVERY).await;
    }
    let (mut waited, mut by) = (0.0, BTreeMap::new());
    for task in tasks {
        if let Ok((provider, seconds)) = task.await {
            waited += seconds;
            *by.entry(provider).or_default() += 1;
        }
    }
    let paid = ledger.spent("cost-route");
    Ok(Bill { paid, waited, by })
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), SettingError> {
    let [budget, _, premium] = three();
    let all = || CostRouteLayer::builder(three());
    let runs = [
        (
            "always the cheapest by list",
            CostRouteLayer::builder([budget]),
            Priority::Default,
        ),
        (
            "always the fastest",
            CostRouteLayer::builder([premium]),
            Priority::Default,
        ),
        (
            "weights",
            all().score(Score::Weighted(Weights::default())),
            Priority::Default,
        ),
        ("money, low priority", all(), Priority::Low),
        ("money, default priority", all(), Priority::Default),
        ("money, high priority", all(), Priority::High),
    ];
    println!(
        "{:<28} {:>10} {:>10}   requests",
        "policy", "bill", "mean wait"
    );
    for (name, layer, priority) in runs {
        let bill = run(layer, priority).await?;
        let by: Vec<_> = bill
            .by
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        println!(
            "{name:<28} {:>10} {:>8.2} s   {}",
            bill.paid.to_string(),
            bill.waited / f64::from(REQUESTS),
            by.join(", ")
        );
    }
    Ok(())
}
