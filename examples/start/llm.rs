//! A client of language models, over two providers with a budget. `docs/start.md` shows it.

use reqwest_middleware::ClientWithMiddleware;
use scrimp::{
    ServiceBuilderExt,
    cache::{CacheLayer, MemoryStore, mib},
    coalesce::CoalesceLayer,
    core::{BodyDigestLayer, BoxError, Currency, Ledger, box_error},
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Rate, Tariff, TokenRates},
    reqwest::{Transport, client_with},
};
use serde_json::{Value, json};
use tower::ServiceBuilder;

/// Returns a provider of a model, with its prices for a million tokens.
fn provider(name: &str, url: &str, key: &str, model: &str, input: &str, output: &str) -> Provider {
    let million = |price| Rate::per(price, 1_000_000);
    let rates = TokenRates::text(million(input), million(output));
    Provider::new(name)
        .endpoint(url)
        .bearer(key)
        .model("chat", Tariff::new(Currency::USD).tokens(rates))
        .rename_model("chat", model) // callers say `chat`, and each provider gets its own name
}

/// Returns a client that keeps complete answers for an hour, and spends at most so much a day.
fn client(
    providers: [Provider; 2],
    a_day: &str,
    ledger: &Ledger,
) -> Result<ClientWithMiddleware, BoxError> {
    let cache = CacheLayer::builder(MemoryStore::new(mib(64)))
        .rule("path=/v1/chat/completions method=POST body-key answers=complete ttl=1h override-origin")
        .ledger(ledger.clone())
        .build()?;
    let route = CostRouteLayer::builder(providers)
        .repeatable(["/v1/chat/completions"]) // a POST that fails may go to the other provider
        .budget(Budget::new([Cap::new("a day", a_day, Period::Day)]))
        .ledger(ledger.clone())
        .build()?;
    let stack = ServiceBuilder::new()
        .stack()
        .body_digest(BodyDigestLayer::new(1 << 20).canonical_json()) // by it, a POST has a key
        .cache(cache)
        .coalesce(CoalesceLayer::builder().share_posts_by_digest().build()?)
        .cost_route(route)
        .map_err(box_error)
        .service(Transport::new(reqwest::Client::builder())?);
    Ok(client_with(stack))
}

async fn ask(client: &ClientWithMiddleware, question: &str) -> Result<Value, BoxError> {
    let chat = json!({ "model": "chat", "messages": [{ "role": "user", "content": question }] });
    // The host is that of the provider which is chosen.
    let request = client
        .post("https://llm.example/v1/chat/completions")
        .header("content-type", "application/json")
        .body(chat.to_string());
    Ok(serde_json::from_slice(
        &request.send().await?.bytes().await?,
    )?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (openai, deepseek) = (std::env::var("OPENAI_KEY")?, std::env::var("DEEPSEEK_KEY")?);
    let ledger = Ledger::new();
    let providers = [
        provider(
            "openai",
            "https://api.openai.com",
            &openai,
            "gpt-4o-mini",
            "0.15",
            "0.60",
        ),
        provider(
            "deepseek",
            "https://api.deepseek.com",
            &deepseek,
            "deepseek-chat",
            "0.28",
            "0.42",
        ),
    ];
    let client = client(providers, "5", &ledger)?;
    for _ in 0..2 {
        let answer = ask(&client, "Which planet is nearest to the sun?").await?;
        println!("{}", answer["choices"][0]["message"]["content"]);
    }
    println!("{ledger}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, extract::Path, http::StatusCode, routing::post};

    /// Answers as a model does. One provider is down.
    async fn chat(Path(name): Path<String>, Json(chat): Json<Value>) -> (StatusCode, Json<Value>) {
        if name == "down" {
            return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
        }
        let said = format!(
            "{} says Mercury",
            chat["model"].as_str().unwrap_or_default()
        );
        let choice = json!({ "message": { "content": said }, "finish_reason": "stop" });
        let usage = json!({ "prompt_tokens": 1_000, "completion_tokens": 1_000 });
        (
            StatusCode::OK,
            Json(json!({ "choices": [choice], "usage": usage })),
        )
    }

    #[tokio::test]
    async fn an_answer_is_paid_once_by_the_provider_that_is_up_until_the_day_s_money_is_spent() {
        let app = Router::new().route("/{provider}/v1/chat/completions", post(chat));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let ledger = Ledger::new();
        let providers = [
            provider("a", &format!("{url}/down"), "key", "a-chat", "0.1", "0.1"),
            provider("b", &format!("{url}/up"), "key", "b-chat", "1", "1"),
        ];
        let client = client(providers, "0.05", &ledger).expect("the settings are right");
        for question in ["one", "one", "two", "one"] {
            let answer = ask(&client, question).await.expect("an answer");
            let said = &answer["choices"][0]["message"]["content"];
            assert_eq!(said, "b-chat says Mercury", "{answer}");
        }
        assert_eq!(ledger.spent("cost-route").to_string(), "$0.004");
        assert_eq!(ledger.saved().to_string(), "$0.004");
        // Each new question costs two tenths of a cent.
        let mut last = Value::Null;
        for n in 0..30 {
            let question = format!("question {n}");
            last = ask(&client, &question).await.expect("a document");
        }
        assert_eq!(last["type"], "urn:scrimp:cost-route:budget", "{last}");
        let spent = ledger.spent("cost-route").get(Currency::USD);
        assert!(spent <= "0.05".parse().expect("an amount"), "{spent}");
    }
}
