//! Conditions on the whole response: functions of the operator's, and complete answers of language models.

use crate::common;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use common::{Rig, layer};
use http::{HeaderValue, Response};
use scrimp_cache::{CacheLayerBuilder, MemoryStore, Rule};
use scrimp_testkit::{Reply, ScriptedBody};

fn respond(
    kind: &'static str,
    body: &'static str,
    fields: &[(&'static str, &'static str)],
) -> Reply {
    let mut response = Response::new(ScriptedBody::new().data(body));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    for (name, value) in fields {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    Reply::respond(response)
}

#[tokio::test]
async fn a_function_decides_on_the_whole_body_once() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let rule = Rule::builder()
        .path("/**")
        .ttl(std::time::Duration::from_secs(60))
        .store_if(|request, head, _| request.method() == "GET" && head.status() == 200)
        .store_if(move |_, _, body| {
            count.fetch_add(1, Relaxed);
            !body.is_empty() && body.ends_with(b"}")
        });
    let rig = Rig::answering(layer().rule(rule), |request| {
        let body = match request.uri.path() {
            "/whole" => "{\"a\":1}",
            _ => "{\"a\":",
        };
        respond("application/json", body, &[])
    });
    for _ in 0..3 {
        rig.get("http://a/whole").await;
        rig.get("http://a/cut").await;
    }
    let stats = rig.layer.stats();
    assert_eq!((stats.hits, stats.stored), (2, 1));
    assert_eq!((stats.not_stored.store_if, asked.load(Relaxed)), (3, 4));
}

#[tokio::test]
async fn a_confirmed_response_is_not_asked_about_again() {
    let rule = |rule: &'static str, asked: &Arc<AtomicU64>| {
        let count = Arc::clone(asked);
        let rule = rule.parse::<Rule>().expect("a rule");
        assert_eq!(rule.to_string(), "path=/** ttl=0s");
        Rule::builder()
            .path("/**")
            .ttl(std::time::Duration::ZERO)
            .store_if(move |_, _, _| count.fetch_add(1, Relaxed) == 0)
    };
    let asked = Arc::new(AtomicU64::new(0));
    let rig = Rig::answering(
        layer().rule(rule("path=/** ttl=0s", &asked)),
        |request| match request.headers.contains_key("if-none-match") {
            true => Reply::respond(
                Response::builder()
                    .status(304)
                    .header("etag", "\"1\"")
                    .body(ScriptedBody::new())
                    .expect("a response"),
            ),
            false => respond("text/plain", "whole", &[("etag", "\"1\"")]),
        },
    );
    for _ in 0..3 {
        assert_eq!(rig.get("http://a/x").await.text(), "whole");
    }
    assert_eq!(asked.load(Relaxed), 1);
}

#[cfg(feature = "llm")]
mod of_models {
    use super::*;

    const CHAT: &str =
        r#"{"choices":[{"index":0,"message":{"content":"4"},"finish_reason":"stop"}]}"#;
    const TOOL: &str = r#"{"choices":[{"index":0,"message":{"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}"#;
    const CUT: &str =
        r#"{"choices":[{"index":0,"message":{"content":"4"},"finish_reason":"length"}]}"#;
    const ERROR: &str = r#"{"error":{"message":"overloaded"}}"#;
    const STREAM: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"4\"},\"finish_reason\":null}]}\n\n\
                          data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
                          data: [DONE]\n\n";
    const TOOL_STREAM: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"id\":\"c\"}]},\"finish_reason\":null}]}\n\n\
                               data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n\
                               data: [DONE]\n\n";
    const NO_END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"4\"},\"finish_reason\":null}]}\n\n\
                          data: [DONE]\n\n";

    fn keeping() -> CacheLayerBuilder<MemoryStore> {
        layer().rule("path=/** events=keep answers=complete ttl=1h override-origin")
    }

    #[tokio::test]
    async fn only_complete_answers_are_kept_as_text_and_as_streams() {
        for (kind, body, kept) in [
            ("application/json", CHAT, true),
            ("application/json", TOOL, false),
            ("application/json", CUT, false),
            ("application/json", ERROR, false),
            ("text/plain", CHAT, false),
            ("text/event-stream", STREAM, true),
            ("text/event-stream", TOOL_STREAM, false),
            ("text/event-stream", NO_END, false),
        ] {
            let rig = Rig::answering(keeping(), move |_| {
                respond(kind, body, &[("cache-control", "no-cache")])
            });
            let first = rig.get("http://a/x").await;
            let again = rig.get("http://a/x").await;
            assert_eq!((first.text(), again.text()), (body, body));
            assert_eq!(again.is_hit(), kept, "{kind} {body}");
            let refused = rig.layer.stats().not_stored.answer;
            assert_eq!(refused, if kept { 0 } else { 2 }, "{kind} {body}");
        }
    }

    #[test]
    fn the_word_is_read_and_written() {
        let text =
            "path=/v1/chat/completions method=POST ttl=1h events=keep answers=complete body-key";
        let rule: Rule = text.parse().expect("a rule");
        assert_eq!(rule.to_string().parse::<Rule>().expect("a rule"), rule);
        assert!(rule.to_string().contains("answers=complete"));
        let wrong = "path=/** answers=all".parse::<Rule>().unwrap_err();
        assert!(wrong.to_string().contains("answers=complete"), "{wrong}");
        let idle = "path=/** bypass answers=complete".parse::<Rule>();
        assert!(idle.is_err());
    }
}
