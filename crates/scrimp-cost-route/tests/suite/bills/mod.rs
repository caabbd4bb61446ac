//! Costs of calls: as providers report them, by the model, and for the layers outside.

mod codings;
use crate::common;
mod models;
mod partial;
mod tags;

use std::path::PathBuf;

use bytes::Bytes;
use common::{Rig, cents, get, money, ok, provider, status};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::{
    Currency, Ledger, Money,
    extensions::{Charge, OtherCharges, Settlement},
};
use scrimp_cost_route::{
    CostRouteLayer, Price, Provider, QualityVerdict, Rate, Tariff, TokenClass, TokenRates,
};
use scrimp_testkit::{Reply, ScriptedBody};

/// Returns a tariff of $1 per million input tokens, $0.10 read from the cache, $1.25 and $2 (one
/// hour) written to it, and $10 output.
fn tariff() -> Tariff {
    let rate = |dollars: &str| Rate::per(dollars, 1_000_000);
    let rates = TokenRates::text(rate("1"), rate("10"))
        .with(TokenClass::CacheRead, rate("0.1"))
        .with(TokenClass::CacheWrite, rate("1.25"))
        .with(TokenClass::CacheWrite1h, rate("2"));
    Tariff::new(Currency::USD).tokens(rates)
}

fn llm() -> Provider {
    provider("llm", 0).price(tariff())
}

fn post(body: &str) -> Request<Full<Bytes>> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Request::post("/v1/chat/completions")
        .body(body.into())
        .unwrap()
}

/// Returns what a call costs by an answer, on the ledger of the layer.
async fn cost_of(provider: Provider, answer: &str) -> Money {
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder([provider]).ledger(ledger.clone());
    let answer = answer.to_owned();
    let rig = Rig::new(&layer.build().unwrap(), move |_| ok(&answer));
    rig.send(post("{\"model\":\"m\"}")).await;
    ledger.totals().spent.get(Currency::USD)
}

#[tokio::test(start_paused = true)]
async fn each_dialect_of_usage_costs_what_it_means() {
    for (answer, dollars) in [
        // OpenAI, with and without a total; xAI; DeepSeek.
        (
            r#"{"usage":{"prompt_tokens":2000,"completion_tokens":50}}"#,
            "0.0025",
        ),
        (
            r#"{"usage":{"prompt_tokens":500,"completion_tokens":100,"total_tokens":900,
                "completion_tokens_details":{"reasoning_tokens":300}}}"#,
            "0.0045",
        ),
        (
            r#"{"usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,
                "prompt_cache_hit_tokens":900,"prompt_cache_miss_tokens":100}}"#,
            "0.00029",
        ),
        // Anthropic's stream; Gemini; Bedrock; Cohere; Ollama.
        (
            "data: {\"message\":{\"usage\":{\"input_tokens\":100,\"cache_read_input_tokens\":1000,\
             \"cache_creation_input_tokens\":200,\"cache_creation\":{\"ephemeral_1h_input_tokens\":200},\
             \"output_tokens\":2}}}\n\ndata: {\"usage\":{\"input_tokens\":0,\"output_tokens\":30}}\n\n",
            "0.0009",
        ),
        (
            r#"{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"thoughtsTokenCount":30,
                "toolUsePromptTokenCount":40,"totalTokenCount":100}}"#,
            "0.00055",
        ),
        (
            r#"{"usage":{"inputTokens":10,"outputTokens":20,"totalTokens":130,"cacheReadInputTokens":100}}"#,
            "0.00022",
        ),
        (
            r#"{"usage":{"billed_units":{"input_tokens":10,"output_tokens":20},
                "tokens":{"input_tokens":999,"output_tokens":20}}}"#,
            "0.00021",
        ),
        (
            "{\"done\":true,\"prompt_eval_count\":10,\"eval_count\":20}\n",
            "0.00021",
        ),
    ] {
        assert_eq!(cost_of(llm(), answer).await, money(dollars), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_told_is_estimated_and_never_free() {
    for answer in [
        r#"{"usage":{"prompt_tokens":"many","completion_tokens":"more"}}"#,
        r#"{"usage":{"prompt_tokens":-4,"completion_tokens":null}}"#,
        r#"{"usage":null,"choices":[]}"#,
        "no usage at all, but quite some text",
    ] {
        let cost = cost_of(llm(), answer).await;
        assert!(cost > Money::ZERO, "{answer}: {cost}");
    }
    // 13 bytes are 4 tokens.
    let half = cost_of(
        llm(),
        r#"{"usage":{"prompt_tokens":"x","completion_tokens":2}}"#,
    )
    .await;
    assert_eq!(half, money("0.000024"));
}

#[tokio::test(start_paused = true)]
async fn an_embedding_whose_output_has_no_price_is_paid_by_its_input() {
    let rates = TokenRates::new().with(TokenClass::Input, Rate::per("1", 1_000_000));
    let price = Tariff::new(Currency::USD).tokens(rates);
    let embedder = provider("embedder", 0).price(price);
    let answer = r#"{"data":[{"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":8}}"#;
    assert_eq!(cost_of(embedder, answer).await, money("0.000008"));
}

#[tokio::test(start_paused = true)]
async fn a_stated_cost_is_taken_where_it_is_asked_for() {
    let answer = r#"{"usage":{"prompt_tokens":1000,"completion_tokens":100,"cost":0.00123}}"#;
    assert_eq!(cost_of(llm(), answer).await, money("0.002"));
    assert_eq!(
        cost_of(llm().stated_cost(true), answer).await,
        money("0.00123")
    );
    let unpriced = provider("llm", 0).price(Price::Unknown).stated_cost(true);
    assert_eq!(cost_of(unpriced, answer).await, money("0.00123"));
    let silent = r#"{"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
    assert_eq!(
        cost_of(llm().stated_cost(true), silent).await,
        money("0.002")
    );
}

/// The shared cases are absent from a checkout of this repository alone.
#[tokio::test(start_paused = true)]
async fn the_shared_cases_of_usage_cost_what_they_say() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/usage.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("the shared cases are absent: only the project's own are tried");
        return;
    };
    let mut count = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let body = case["body"].as_str().unwrap();
        let cost = cost_of(llm().stated_cost(true), body).await;
        let dollars = case["dollars"].to_string();
        assert_eq!(cost, money(&dollars), "{}", case["case"]);
        count += 1;
    }
    assert!(count > 0);
}

#[tokio::test(start_paused = true)]
async fn the_layers_outside_learn_the_cost_when_it_is_known() {
    let layer = CostRouteLayer::builder([llm()]).build().unwrap();
    let rig = Rig::new(&layer, |_| {
        ok(r#"{"usage":{"prompt_tokens":1000,"completion_tokens":100}}"#)
    });
    let response = rig.open(post("{}")).await.unwrap();
    let (parts, body) = response.into_parts();
    let estimate = parts.extensions.get::<Charge>().unwrap().0;
    assert_ne!(estimate, money("0.002"));
    assert_eq!(Settlement::cost(&parts.extensions, Money::ZERO), estimate);
    body.collect().await.unwrap();
    assert_eq!(
        Settlement::cost(&parts.extensions, Money::ZERO),
        money("0.002")
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_costs_the_layers_outside_nothing() {
    for code in [404, 500] {
        let layer = CostRouteLayer::builder([provider("a", 3)]).attempts(1);
        let rig = Rig::new(&layer.build().unwrap(), move |_| status(code));
        let (parts, body) = rig.open(get()).await.unwrap().into_parts();
        assert_eq!(parts.extensions.get(), Some(&Charge(cents(0))));
        body.collect().await.unwrap();
        assert_eq!(Settlement::cost(&parts.extensions, cents(9)), cents(0));
    }
    let paid = Tariff::new(Currency::USD)
        .per_request(cents(3))
        .errors_paid(true);
    for code in [404, 500] {
        let ledger = Ledger::new();
        let layer = CostRouteLayer::builder([provider("a", 0).price(paid.clone())]).attempts(1);
        let layer = layer.ledger(ledger.clone()).build().unwrap();
        let rig = Rig::new(&layer, move |_| status(code));
        rig.get().await;
        let spent = ledger.totals().spent.get(Currency::USD);
        assert_eq!(spent, cents(3), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_has_used_tokens_is_paid_though_another_provider_answers() {
    for (usage, spent) in [("1000", 8), ("0", 5)] {
        let ledger = Ledger::new();
        let layer = CostRouteLayer::builder([provider("a", 3), provider("b", 5)])
            .explore(false)
            .ledger(ledger.clone());
        let rig = Rig::new(&layer.build().unwrap(), move |host| {
            let body = format!("{{\"usage\":{{\"prompt_tokens\":{usage}}}}}");
            let mut response = Response::new(ScriptedBody::new().data(body));
            if host == "a" {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
            }
            Reply::respond(response)
        });
        assert_eq!(rig.get().await.from(), "b");
        let spent = cents(spent);
        assert_eq!(ledger.totals().spent.get(Currency::USD), spent, "{usage}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_begins_with_an_error_is_not_paid_where_no_other_provider_is_tried() {
    for (body, paid) in [
        ("event: error\ndata: {\"error\":\"overloaded\"}\n\n", 0),
        ("data: [DONE]\n\n", 0),
        (
            "data: {\"choices\":[]}\n\ndata: {\"error\":\"late\"}\n\n",
            1,
        ),
        (
            "data: {\"error\":\"x\",\"usage\":{\"prompt_tokens\":1}}\n\n",
            1,
        ),
    ] {
        let ledger = Ledger::new();
        let layer = CostRouteLayer::builder([provider("a", 3)]).ledger(ledger.clone());
        let layer = layer.build().unwrap();
        let rig = Rig::new(&layer, move |_| {
            let mut response = Response::new(ScriptedBody::new().data(body));
            let kind = "text/event-stream".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            Reply::respond(response)
        });
        assert_eq!(rig.send(post("{}")).await.body, body);
        assert_eq!(ledger.totals().calls_made, paid, "{body}");
        assert_eq!(
            layer.stats().failed,
            u64::from(!body.contains("choices")),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_charge_of_a_response_has_the_rejected_attempts_in_it() {
    let yen = provider("jp", 0).price("300 JPY").quality(1.0);
    let providers = [yen, provider("a", 1), provider("b", 5)];
    let ledger = Ledger::new();
    let layer = CostRouteLayer::builder(providers)
        .exchange_rate(common::yen(), "0.00001 USD")
        .explore(false)
        .ledger(ledger.clone())
        .quality_gate(
            |_: &http::request::Parts, _: &http::response::Parts, body: &[u8]| {
                if body == b"good" {
                    QualityVerdict::accept(1.0)
                } else {
                    QualityVerdict::reject(0.0)
                }
            },
        )
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |host| ok(if host == "b" { "good" } else { "bad" }));
    let (parts, body) = rig.open(get()).await.unwrap().into_parts();
    body.collect().await.unwrap();
    assert_eq!(Settlement::cost(&parts.extensions, Money::ZERO), cents(6));
    let others = parts.extensions.get::<OtherCharges>().unwrap();
    assert_eq!(others.0.get(common::yen()), money("300 JPY"));
    assert_eq!(ledger.totals().spent.get(Currency::USD), cents(6));
}
