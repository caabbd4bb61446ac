//! A reqwest client with all layers, over an API with two providers. `docs/start.md` shows it.

use reqwest_middleware::ClientWithMiddleware;
use scrimp::{
    ServiceBuilderExt,
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore, mib},
    coalesce::CoalesceLayer,
    core::{BoxError, Ledger, box_error},
    cost_route::{CostRouteLayer, Provider},
    limit::LimitLayer,
    reqwest::{SessionLayer, Transport, client_with},
    stampede::StampedeLayer,
};
use tower::ServiceBuilder;

/// Returns a client for an API that two providers serve. The cheaper one that is good enough gets each call.
fn client(
    [first, second]: [&str; 2],
    token: &str,
    ledger: &Ledger,
) -> Result<ClientWithMiddleware, BoxError> {
    let providers = [
        Provider::new("first").endpoint(first).price("0.01"),
        Provider::new("second").endpoint(second).price("0.004"),
    ];
    let cache = CacheLayer::builder(MemoryStore::new(mib(64)))
        .rule("path=/rates/* ttl=1m header=authorization") // a rate is for the caller who asks
        .ledger(ledger.clone())
        .build()?;
    let stack = ServiceBuilder::new()
        .layer(SessionLayer::builder().bearer(token).build()?) // the caller, seen by all layers
        .stampede(StampedeLayer::new())
        .cache(cache)
        .coalesce(CoalesceLayer::builder().ledger(ledger.clone()).build()?)
        .batch(BatchLayer::builder(RestJson::new("/batch")).build()?)
        .cost_route(
            CostRouteLayer::builder(providers)
                .ledger(ledger.clone())
                .build()?,
        )
        .limit(LimitLayer::per_second(100).build()?)
        .map_err(box_error) // an error that several callers can get
        .service(Transport::new(reqwest::Client::builder())?);
    Ok(client_with(stack))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let ledger = Ledger::new();
    let providers = ["https://first.example", "https://second.example"];
    let token = std::env::var("API_TOKEN")?;
    let client = client(providers, &token, &ledger)?;
    for currency in ["EUR", "USD", "EUR"] {
        // The host is that of the provider which is chosen.
        let url = format!("https://api.example/rates/{currency}");
        println!(
            "{currency}: {}",
            client.get(url).send().await?.text().await?
        );
    }
    println!("{ledger}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    };

    use axum::{
        Json, Router,
        extract::State,
        http::{HeaderMap, StatusCode},
        response::{IntoResponse, Response},
    };
    use futures_util::future::try_join_all;
    use serde_json::{Value, json};

    /// Answers one request, or those of a batch, if the caller is known.
    async fn api(
        State(calls): State<Arc<AtomicU64>>,
        headers: HeaderMap,
        batch: Option<Json<Value>>,
    ) -> Response {
        calls.fetch_add(1, Relaxed);
        if headers
            .get("authorization")
            .is_none_or(|token| token != "Bearer secret")
        {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match batch
            .as_ref()
            .and_then(|batch| batch["requests"].as_array())
        {
            None => Json(1.07).into_response(),
            Some(asked) => {
                let answer = |ask: &Value| json!({"id": ask["id"], "status": 200, "body": 1.07});
                let answers: Vec<_> = asked.iter().map(answer).collect();
                Json(json!({ "responses": answers })).into_response()
            }
        }
    }

    #[tokio::test]
    async fn a_hundred_requests_for_ten_rates_are_a_batch_and_then_hits() {
        let calls = Arc::<AtomicU64>::default();
        let app = Router::new().fallback(api).with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let [first, second] = ["first", "second"].map(|name| format!("http://{address}/{name}"));
        let ledger = Ledger::new();
        let client = client([&first, &second], "secret", &ledger).expect("the settings are right");
        for _ in 0..2 {
            let asked = (0..100).map(async |n| {
                let url = format!("http://{address}/rates/{}", n % 10);
                client
                    .get(url)
                    .send()
                    .await?
                    .error_for_status()?
                    .text()
                    .await
                    .map_err(Into::into)
            });
            let rates: Result<Vec<String>, BoxError> = try_join_all(asked).await;
            assert!(rates.expect("rates").iter().all(|rate| rate == "1.07"));
        }
        let calls = calls.load(Relaxed);
        assert!((1..=3).contains(&calls), "{calls} calls");
        let price: scrimp::core::Money = "0.004".parse().expect("an amount");
        assert_eq!(ledger.spent("cost-route"), (price * calls).into());
    }
}
