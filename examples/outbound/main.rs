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

/// Half an hour of requests. In a test, a tenth of them.
const REQUESTS: u32 = if cfg!(test) { 1_800 } else { 18_000 };
const EVERY: Duration = Duration::from_millis(if cfg!(test) { 1_000 } else { 100 });

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

// === impl Bill ===

impl Bill {
    /// Returns the mean wait for an answer, in seconds.
    fn wait(&self) -> f64 {
        self.waited / f64::from(REQUESTS)
    }
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

/// Returns the bill of each policy.
async fn bills() -> Result<Vec<(&'static str, Bill)>, SettingError> {
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
    let mut bills = Vec::new();
    for (name, layer, priority) in runs {
        bills.push((name, run(layer, priority).await?));
    }
    Ok(bills)
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), SettingError> {
    println!(
        "{:<28} {:>10} {:>10}   requests",
        "policy", "bill", "mean wait"
    );
    for (name, bill) in bills().await? {
        let by: Vec<_> = bill
            .by
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        println!(
            "{name:<28} {:>10} {:>8.2} s   {}",
            bill.paid.to_string(),
            bill.wait(),
            by.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn routing_costs_less_than_the_fastest_and_waits_less_than_the_cheapest() {
        let bills = bills().await.expect("settings in their ranges");
        let paid = |bill: &Bill| bill.paid.get(Currency::USD);
        let (_, cheapest) = &bills[0];
        let (_, fastest) = &bills[1];
        assert!(paid(cheapest) < paid(fastest) && fastest.wait() < cheapest.wait());
        for (name, bill) in &bills[2..] {
            assert!(paid(bill) < paid(fastest), "{name}: {}", bill.paid);
            assert!(bill.wait() < cheapest.wait(), "{name}: {} s", bill.wait());
            let answered: u32 = bill.by.values().sum();
            assert_eq!(answered, REQUESTS, "{name}");
        }
        // The more a second of waiting is worth, the more is paid, and the less is waited.
        for pair in bills[3..].windows(2) {
            let [(_, low), (name, high)] = pair else {
                unreachable!("a window of two");
            };
            assert!(paid(low) <= paid(high), "{name}");
            assert!(low.wait() >= high.wait(), "{name}");
        }
    }
}
