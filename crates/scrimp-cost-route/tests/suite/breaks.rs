//! Parts of prompts that prevent their reuse, in requests as clients send them.

use crate::common;

use bytes::Bytes;
use common::{Rig, ok};
use http::Request;
use http_body_util::Full;
use scrimp_core::{Currency, extensions::Tenant};
use scrimp_cost_route::{
    BreakKind, CostRouteLayer, PromptCache, PromptPart, Provider, Rate, Tariff, TokenClass,
    TokenRates,
};
use serde_json::{Value, json};

fn layer() -> CostRouteLayer {
    let rate = |dollars: &str| Rate::per(dollars, 1_000_000);
    let rates = TokenRates::text(rate("1"), rate("5")).with(TokenClass::CacheRead, rate("0.1"));
    let provider = Provider::new("a")
        .endpoint("http://a")
        .price(Tariff::new(Currency::USD).tokens(rates))
        .prompt_cache(PromptCache::automatic());
    CostRouteLayer::builder([provider]).build().unwrap()
}

/// Sends prompts of 10,000 tokens, of which none is ever read from the cache.
async fn send(layer: &CostRouteLayer, bodies: &[Value]) {
    let usage = json!({"usage": {"prompt_tokens": 10_000, "completion_tokens": 10}}).to_string();
    let rig = Rig::new(layer, move |_| ok(&usage));
    for body in bodies {
        let body = Full::from(body.to_string());
        let mut request: Request<Full<Bytes>> =
            Request::post("/v1/chat/completions").body(body).unwrap();
        request.extensions_mut().insert(Tenant("acme".into()));
        rig.send(request).await;
    }
}

fn rules() -> String {
    "Answer briefly, and cite the sources that you used. ".repeat(200)
}

fn tool(name: &str) -> Value {
    let description = format!(
        "Looks up {name}. {}",
        "Use it only if the user asks for it. ".repeat(30)
    );
    json!({"type": "function", "function": {"name": name, "description": description,
        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}})
}

#[tokio::test(start_paused = true)]
async fn a_date_in_the_system_text_of_the_messages_api_is_reported_with_its_cost() {
    let layer = layer();
    let ask = |date: &str| {
        json!({"model": "m", "max_tokens": 100,
            "system": [{"type": "text", "text": format!("Current time: {date}\n{}", rules())}],
            "messages": [{"role": "user", "content": "What is new?"}]})
    };
    send(
        &layer,
        &[ask("2026-01-15 10:22:33"), ask("2026-01-15 10:22:41")],
    )
    .await;
    let breaks = layer.stats().prompt_breaks;
    assert_eq!(breaks.time_stamp.breaks, 1);
    let lost = breaks.time_stamp.lost.get(Currency::USD).as_f64();
    // Nearly all of the prompt would have cost a tenth.
    assert!((0.008_5..0.009).contains(&lost), "{lost}");
    let places = layer.prompt_breaks();
    assert_eq!(
        (places[0].part, places[0].kind),
        (PromptPart::System, BreakKind::TimeStamp)
    );
    let figures = layer.figures().json();
    assert_eq!(figures["prompt_breaks"][0]["kind"], "time-stamp");
    assert!(
        !figures.to_string().contains("10:22"),
        "no text of a prompt"
    );
}

#[tokio::test(start_paused = true)]
async fn tools_of_chat_completions_in_another_order_are_reported() {
    let layer = layer();
    let ask = |names: [&str; 3]| {
        json!({"model": "m", "tools": names.map(tool),
            "messages": [{"role": "system", "content": rules()}, {"role": "user", "content": "Hello"}]})
    };
    send(
        &layer,
        &[
            ask(["orders", "invoices", "returns"]),
            ask(["returns", "orders", "invoices"]),
        ],
    )
    .await;
    let breaks = layer.stats().prompt_breaks;
    assert_eq!(breaks.tool_order.breaks, 1);
    assert!(breaks.tool_order.tokens > 9_000, "{breaks:?}");
    assert_eq!(layer.prompt_breaks()[0].part, PromptPart::Tools);
}

#[tokio::test(start_paused = true)]
async fn identifiers_of_retrieved_documents_are_reported() {
    let layer = layer();
    let ask = |request: &str, question: &str| {
        let context = format!("Request {request}. <doc>{}</doc>", rules());
        json!({"model": "m", "messages": [
            {"role": "system", "content": "You answer from documents."},
            {"role": "user", "content": context},
            {"role": "user", "content": question},
        ]})
    };
    let requests = [
        ask("6f1c2b3a-1111-4d2e-9a3b-0123456789ab", "What is new?"),
        ask("0a9b8c7d-2222-4d2e-9a3b-ba9876543210", "What is old?"),
    ];
    send(&layer, &requests).await;
    let breaks = layer.stats().prompt_breaks;
    assert_eq!(breaks.identifier.breaks, 1, "{breaks:?}");
    assert_eq!(layer.prompt_breaks()[0].part, PromptPart::Messages);
}

#[tokio::test(start_paused = true)]
async fn conversations_that_grow_and_marks_that_move_are_no_breaks() {
    let layer = layer();
    let turn = |count: usize| {
        let messages: Vec<_> = (0..count)
            .map(|n| {
                let mut block = json!({"type": "text", "text": format!("{n}: {}", rules())});
                if n + 1 == count {
                    block["cache_control"] = json!({"type": "ephemeral"});
                }
                json!({"role": "user", "content": [block]})
            })
            .collect();
        json!({"model": "m", "system": rules(), "messages": messages})
    };
    send(&layer, &[turn(1), turn(2), turn(3)]).await;
    let breaks = layer.stats().prompt_breaks;
    assert_eq!(breaks.prompts, 3);
    assert!(
        breaks.iter().all(|(_, found)| found.breaks == 0),
        "{breaks:?}"
    );
}
