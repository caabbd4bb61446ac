//! Which requests are batched, and which are sent again.

use crate::support;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use scrimp_batch::{ArrayInput, BatchCodec, BatchLayer, GraphQl, JsonRpc, RestJson};
use scrimp_core::{KeyBuf, RetryBudget};
use serde_json::{Value, json};
use tower::Layer;

use support::{Upstream, all, get, layer, post, reason, send, status};

/// Reports whether a codec batches a request.
fn takes(codec: &impl BatchCodec, method: &str, kind: Option<&str>, body: &'static str) -> bool {
    let mut request = Request::builder().method(method).uri("/api/x");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let body = Bytes::from_static(body.as_bytes());
    codec.accepts(&head) && codec.admit(&head, &body, &mut KeyBuf::new()).is_some()
}

#[test]
fn json_in_posts_is_taken_by_the_codecs_that_are_made_for_it() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
    let query = r#"{"query":"{ a }"}"#;
    let input = r#"{"model":"m","input":"a"}"#;
    let (rpc, graphql, array) = (JsonRpc::new(), GraphQl::new(), ArrayInput::new());
    let each = |method: &str, kind: Option<&str>| {
        [
            takes(&rpc, method, kind, call),
            takes(&graphql, method, kind, query),
            takes(&array, method, kind, input),
        ]
    };
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/graphql+json",
    ] {
        assert_eq!(each("POST", Some(kind)), [true; 3], "{kind}");
    }
    for (method, kind) in [
        ("GET", Some("application/json")),
        ("PUT", Some("application/json")),
        ("POST", Some("text/plain")),
        ("POST", Some("application/x-ndjson")),
        ("POST", None),
    ] {
        assert_eq!(each(method, kind), [false; 3], "{method} {kind:?}");
    }
    let json = Some("application/json");
    for body in [
        "",
        "[]",
        "7",
        "{}",
        "{\"method\":7,\"id\":1}",
        "{\"method\":\"m\",\"id\":[]}",
    ] {
        assert!(!takes(&rpc, "POST", json, body), "{body}");
    }
    for body in [
        "{}",
        "{\"query\":7}",
        "{\"id\":\"persisted\"}",
        "{\"query\":\"mutation { a }\"}",
    ] {
        assert!(!takes(&graphql, "POST", json, body), "{body}");
    }
    for body in [
        "{}",
        "{\"input\":{}}",
        "{\"input\":[]}",
        "{\"input\":null}",
        "{\"input\":7}",
    ] {
        assert!(!takes(&array, "POST", json, body), "{body}");
    }
    for input in ["\"a\"", "[\"a\",\"b\"]", "[1,2]", "[[1],[2,3]]"] {
        let body = format!("{{\"input\":{input}}}");
        assert!(takes(&array, "POST", json, body.leak()), "{input}");
    }
}

#[test]
fn rest_takes_gets_below_its_base_and_other_methods_where_it_is_set() {
    let gets = RestJson::new("/api/batch").base("/api");
    let every = gets.clone().any_method();
    let json = Some("application/json");
    for (method, body, by_gets, by_every) in [
        ("GET", "", true, true),
        ("HEAD", "", false, true),
        ("POST", "{}", false, true),
        ("DELETE", "", false, true),
        ("CONNECT", "", false, false),
        ("POST", "{", false, false),
    ] {
        assert_eq!(takes(&gets, method, json, body), by_gets, "{method} {body}");
        assert_eq!(
            takes(&every, method, json, body),
            by_every,
            "{method} {body}"
        );
    }
    assert!(!takes(&every, "POST", None, "{}"), "a body needs its type");
    let elsewhere = RestJson::new("/v2/batch").base("/v2");
    assert!(!takes(&elsewhere, "GET", None, ""));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_list_answers_no_one() {
    let upstream =
        || Upstream::new(|_| std::future::ready(Ok(Response::new(Full::from("{\"data\":7}")))));
    let body = |value: Value| post("/x", value.to_string());
    let call = || body(json!({"method": "m", "id": 1}));
    let query = |n: u8| body(json!({"query": "{ a }", "variables": n}));
    let input = |n: u8| body(json!({"model": "m", "input": n.to_string()}));
    let missing = |answers: Vec<Response<String>>| {
        assert!(
            answers.iter().all(|answer| reason(answer) == "missing"),
            "{answers:?}"
        );
    };
    let rpc = BatchLayer::builder(JsonRpc::new())
        .retries(0)
        .build()
        .unwrap();
    missing(all(&rpc, &upstream(), [call(), call()]).await);
    let graphql = BatchLayer::builder(GraphQl::new())
        .retries(0)
        .build()
        .unwrap();
    missing(all(&graphql, &upstream(), [query(1), query(2)]).await);
    let array = BatchLayer::builder(ArrayInput::new())
        .retries(0)
        .build()
        .unwrap();
    missing(all(&array, &upstream(), [input(1), input(2)]).await);
    let rest = layer().retries(0).build().unwrap();
    missing(all(&rest, &upstream(), ["/1", "/2"].map(get)).await);
}

/// Returns a REST upstream whose batches fail for the first `failures` URLs, with this status.
fn failing(failures: usize, code: u16) -> Upstream {
    Upstream::rest(move |url, call| {
        let number: usize = url[1..].parse().unwrap();
        match call == 0 && number < failures {
            true => status(code, json!("failed")),
            false => status(200, json!(url)),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn failures_are_few_if_they_are_one_or_a_fifth_of_the_batch() {
    for (items, few) in [(2, 1), (4, 1), (9, 1), (10, 2), (14, 2), (15, 3), (25, 5)] {
        for (failures, retried) in [(few, true), (few + 1, false)] {
            let upstream = failing(failures, 503);
            let requests = (0..items).map(|n| get(&format!("/{n}")));
            let answers = all(&layer().build().unwrap(), &upstream, requests).await;
            let failed = answers
                .iter()
                .filter(|answer| answer.status() == 503)
                .count();
            let expected = if retried {
                (0, 1 + failures)
            } else {
                (failures, 1)
            };
            assert_eq!(
                (failed, upstream.calls()),
                expected,
                "{failures} of {items}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_effects_is_sent_again_only_if_it_was_not_carried_out() {
    for (code, calls) in [(429, 2), (503, 1), (500, 1)] {
        let upstream = failing(1, code);
        let requests = (0..8).map(|n| match n {
            0 => post("/0", "{}"),
            n => get(&format!("/{n}")),
        });
        let answers = all(&layer().build().unwrap(), &upstream, requests).await;
        assert_eq!(upstream.calls(), calls, "{code}");
        assert_eq!(answers[0].status() == 200, calls == 2, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_fill_the_budget_that_retries_spend() {
    let budget = RetryBudget::new(0.25, 0).unwrap();
    let layer = layer().retry_budget(budget).retries(9).build().unwrap();
    let down = Upstream::new(|request: Request<Bytes>| {
        let answers = match request.uri().path() {
            "/batch" => {
                let asked: Value = serde_json::from_slice(request.body()).unwrap();
                let answer = |(n, item): (usize, &Value)| json!({"id": item["id"], "status": if n == 0 { 503 } else { 200 }});
                let items = asked["requests"].as_array().unwrap().iter().enumerate();
                json!({"responses": items.map(answer).collect::<Value>()})
            }
            _ => json!(null),
        };
        let mut response = Response::new(Full::from(answers.to_string()));
        if request.method() == Method::GET {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        std::future::ready(Ok(response))
    });
    let service = layer.layer(down.clone());
    // Eight requests are worth two retries, twelve are worth three.
    for (requests, retries) in [(8, 2), (12, 3)] {
        let before = down.calls();
        let calls = (0..requests).map(|n| send(service.clone(), get(&format!("/{n}"))));
        join_all(calls).await;
        assert_eq!(down.calls() - before, 1 + retries);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_sent_again_only_if_its_method_is_safe_by_configuration() {
    let upstream = || {
        Upstream::new(|request: Request<Bytes>| {
            let asked: Value = serde_json::from_slice(request.body()).unwrap();
            let answer = |call: &Value| json!({"id": call["id"], "result": "done"});
            let answers = match asked.as_array() {
                Some(calls) => calls.iter().skip(1).map(answer).collect(),
                None => answer(&asked),
            };
            std::future::ready(Ok(Response::new(Full::from(answers.to_string()))))
        })
    };
    let calls = || {
        ["get_a", "get_b", "get_c"]
            .map(|name| post("/rpc", json!({"method": name, "id": 1}).to_string()))
    };
    let safe = JsonRpc::new().safe(|method| method.starts_with("get_"));
    let answers = all(
        &BatchLayer::builder(safe).build().unwrap(),
        &upstream(),
        calls(),
    )
    .await;
    assert!(answers[0].body().contains("done"));
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let answers = all(&layer, &upstream(), calls()).await;
    assert_eq!(reason(&answers[0]), "missing");
}
