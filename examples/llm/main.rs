//! A client of language models with all layers: chat, streams and embeddings, over three providers, with a
//! budget. `cargo run --release --example llm`

mod api;
#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed};

use futures_util::future::{join_all, try_join_all};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{Body, ServiceBuilderExt, Stack, batch::*, cache::*, coalesce::*, core::*};
use scrimp::{cost_route::*, stampede::*};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};

/// Makes a provider. Prices are of a million tokens.
fn provider(url: &str, name: &str, input: &str, output: &str) -> Provider {
    let million = |price| Rate::per(price, 1_000_000);
    let chat = TokenRates::text(million(input), million(output));
    let embedding = TokenRates::text(million("0.02"), million("0"));
    let tariff = |rates| Tariff::new(Currency::USD).tokens(rates);
    Provider::new(name)
        .endpoint(format!("{url}/{name}"))
        .bearer("its key")
        .model("chat", tariff(chat))
        .rename_model("chat", format!("{name}-chat"))
        .model("embedding", tariff(embedding))
        .rename_model("embedding", format!("{name}-embedding"))
}

/// Builds the client: what is outside comes first.
fn client(
    url: &str,
    ledger: &Ledger,
) -> Result<(Stack, CacheLayer<MemoryStore>, CostRouteLayer), BoxError> {
    let providers = [
        provider(url, "dear", "2.50", "10"),
        provider(url, "cheap", "0.15", "0.60"),
        provider(url, "middle", "0.40", "1.60"),
    ];
    let route = CostRouteLayer::builder(providers)
        .repeatable(["/v1/chat/completions", "/v1/embeddings"])
        .budget(Budget::new([Cap::new("a day", "0.05", Period::Day)]))
        .ledger(ledger.clone())
        .build()?;
    let cache = CacheLayer::builder(MemoryStore::new(mib(64)))
        .rule("path=/v1/chat/completions method=POST body-key events=keep answers=complete ttl=1h override-origin")
        .rule("path=/v1/embeddings method=POST body-key ttl=1d")
        .ledger(ledger.clone())
        .build()?;
    let batch = BatchLayer::builder(ArrayInput::new()).ledger(ledger.clone());
    let coalesce = CoalesceLayer::builder().share_posts_by_digest();
    let stack = ServiceBuilder::new()
        .stack()
        .body_digest(BodyDigestLayer::new(1 << 20).canonical_json())
        .stampede(StampedeLayer::new())
        .cache(cache.clone())
        .coalesce(coalesce.share_events().build()?)
        .batch(batch.build()?)
        .cost_route(route.clone())
        .map_err(box_error)
        .service(Client::builder(TokioExecutor::new()).build_http());
    Ok((stack, cache, route))
}

/// Posts a document. Returns the status and the length of the answer.
async fn post(
    client: &Stack,
    url: &str,
    path: &str,
    document: Value,
) -> Result<(u16, usize), BoxError> {
    let request = http::Request::post(format!("{url}{path}"))
        .header("content-type", "application/json")
        .body(Body::from(document.to_string()))?;
    let response = client.clone().oneshot(request).await?;
    let (status, body) = (response.status().as_u16(), response.into_body());
    Ok((status, body.collect().await?.to_bytes().len()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (calls, ledger) = (Arc::<AtomicU64>::default(), Ledger::new());
    let url = api::serve(calls.clone()).await?;
    let (client, cache, route) = client(&url, &ledger)?;
    let ask = async |question: String, stream: bool| {
        let chat = json!({ "model": "chat", "stream": stream, "messages": [{ "role": "user", "content": question }] });
        post(&client, &url, "/v1/chat/completions", chat).await
    };
    for (what, stream) in [("chat", false), ("streams", true)] {
        // Forty users ask ten questions; then all ask for the weather, which takes a tool.
        let questions = (0..40).map(|n| ask(format!("question {}", n % 10), stream));
        try_join_all(questions).await?;
        try_join_all((0..5).map(|_| ask("question 3".into(), stream))).await?;
        ask("the weather?".into(), stream).await?;
        ask("the weather?".into(), stream).await?;
        println!(
            "{what:<11} 47 requests: {:>3} calls",
            calls.swap(0, Relaxed)
        );
    }
    let embed = |n: usize| json!({ "model": "embedding", "input": format!("text {n}") });
    let texts = (0..500).map(|n| post(&client, &url, "/v1/embeddings", embed(n)));
    let answered = join_all(texts).await.into_iter().flatten();
    assert!(answered.into_iter().all(|(status, _)| status == 200));
    println!("embeddings 500 requests: {:>3} calls", calls.load(Relaxed));
    println!(
        "{} answers were not complete",
        cache.stats().not_stored.answer
    );
    let (spent, failovers) = (ledger.spent("cost-route"), route.stats().failovers);
    println!(
        "spent {spent}, saved {}; {failovers} times another provider",
        ledger.saved()
    );
    Ok(())
}
