//! Content codings: a batch is asked for without one, and read whatever the upstream sends.

#![cfg(feature = "decode")]

use crate::support;

use std::io::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Request, Response, header::ACCEPT_ENCODING};
use http_body_util::Full;
use scrimp_batch::{ArrayInput, BatchCodec, BatchLayer, GraphQl, JsonRpc};
use serde_json::{Value, json};

use support::{Body, Upstream, all, get, layer, post, reason, status};

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap().into()
}

fn accepting(mut request: Request<Body>, coding: &'static str) -> Request<Body> {
    request
        .headers_mut()
        .insert(ACCEPT_ENCODING, coding.parse().unwrap());
    request
}

/// Answers in gzip: always, or only if the request names it.
fn compressing(always: bool, answer: fn(&Value) -> Value) -> Upstream {
    Upstream::new(move |request: Request<Bytes>| {
        let asked = request.headers().get(ACCEPT_ENCODING);
        let named = asked.is_some_and(|value| value.to_str().unwrap().contains("gzip"));
        let body = answer(&serde_json::from_slice(request.body()).unwrap_or_default()).to_string();
        let response = match always || named {
            true => Response::builder()
                .header("content-encoding", "gzip")
                .header("etag", "\"a\"")
                .body(Full::new(gzip(body.as_bytes()))),
            false => Response::builder().body(Full::from(body)),
        };
        std::future::ready(Ok(response.unwrap()))
    })
}

/// Sends two requests that accept gzip, and returns the bodies of their answers.
async fn two<C: BatchCodec>(
    codec: C,
    upstream: &Upstream,
    requests: [Request<Body>; 2],
) -> Vec<String> {
    let layer = BatchLayer::builder(codec).build().unwrap();
    let requests = requests.map(|request| accepting(request, "gzip, br"));
    let answers = all(&layer, upstream, requests).await;
    assert_eq!(upstream.calls(), 1);
    assert_eq!(
        upstream.requests()[0].headers()[ACCEPT_ENCODING],
        "identity"
    );
    let coded = |answer: &Response<String>| answer.headers().contains_key("content-encoding");
    assert!(!answers.iter().any(coded), "{answers:?}");
    answers.into_iter().map(Response::into_body).collect()
}

#[tokio::test(start_paused = true)]
async fn batches_of_every_format_are_read_although_their_callers_accept_gzip() {
    for always in [false, true] {
        let rest = compressing(always, |asked| {
            let items = asked["requests"].as_array().unwrap().iter();
            let answer =
                |item: &Value| json!({"id": item["id"], "status": 200, "body": item["url"]});
            json!({"responses": items.map(answer).collect::<Value>()})
        });
        let codec = scrimp_batch::RestJson::new("/batch");
        let answers = two(codec, &rest, ["/1", "/2"].map(get)).await;
        assert_eq!(answers, ["\"/1\"", "\"/2\""]);
        let rpc = compressing(always, |asked| {
            let answer = |call: &Value| json!({"id": call["id"], "result": call["params"]});
            asked.as_array().unwrap().iter().map(answer).collect()
        });
        let call = |n: u8| {
            post(
                "/rpc",
                json!({"method": "m", "params": [n], "id": 0}).to_string(),
            )
        };
        let answers = two(JsonRpc::new(), &rpc, [1, 2].map(call)).await;
        assert!(answers[0].contains("[1]") && answers[1].contains("[2]"));
        let graphql = compressing(always, |asked| {
            let answer = |query: &Value| json!({"data": query["query"]});
            asked.as_array().unwrap().iter().map(answer).collect()
        });
        let query = |text: &str| post("/graphql", json!({"query": text}).to_string());
        let answers = two(GraphQl::new(), &graphql, ["{a}", "{b}"].map(query)).await;
        assert!(answers[0].contains("{a}") && answers[1].contains("{b}"));
        let inputs = compressing(always, |asked| {
            let inputs = asked["input"].as_array().unwrap().iter().enumerate();
            let vector = |(n, input): (usize, &Value)| json!({"index": n, "embedding": input});
            json!({"data": inputs.map(vector).collect::<Value>()})
        });
        let input = |text: &str| post("/v1", json!({"model": "m", "input": text}).to_string());
        let answers = two(ArrayInput::new(), &inputs, ["a", "b"].map(input)).await;
        assert!(answers[0].contains("\"a\"") && answers[1].contains("\"b\""));
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_accept_other_codings_share_a_batch_and_its_items_name_none() {
    let upstream = support::echo();
    let requests = [
        accepting(get("/1"), "gzip"),
        accepting(get("/1"), "br"),
        get("/2"),
    ];
    let layer = layer().build().unwrap();
    let answers = all(&layer, &upstream, requests).await;
    assert_eq!(answers[1].body(), "{\"you asked\":\"/1\"}");
    assert_eq!((upstream.calls(), layer.stats().duplicates), (1, 1));
    assert!(!upstream.json(0).to_string().contains("gzip"));
}

#[tokio::test(start_paused = true)]
async fn a_request_alone_keeps_its_codings() {
    let upstream = compressing(false, |_| json!("alone"));
    let layer = layer().build().unwrap();
    let answers = all(&layer, &upstream, [accepting(get("/1"), "gzip")]).await;
    assert_eq!(answers[0].headers()["content-encoding"], "gzip");
}

#[tokio::test(start_paused = true)]
async fn a_batch_in_a_coding_that_is_unknown_or_a_bomb_is_unreadable() {
    let bomb = gzip(&vec![b' '; 40 << 20]);
    for (coding, body) in [
        ("compress", Bytes::from("x")),
        ("gzip", bomb),
        ("br", Bytes::from("x")),
    ] {
        let upstream = Upstream::new(move |_| {
            let response = Response::builder().header("content-encoding", coding);
            std::future::ready(Ok(response.body(Full::new(body.clone())).unwrap()))
        });
        let layer = layer().build().unwrap();
        let answers = all(&layer, &upstream, ["/1", "/2"].map(get)).await;
        assert!(
            answers.iter().all(|answer| reason(answer) == "unreadable"),
            "{coding}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_in_a_coding_of_its_own_is_decoded_and_a_false_claim_is_dropped() {
    let upstream = Upstream::rest(|url, _| {
        let body = match url {
            "/coded" => json!(BASE64_STANDARD.encode(gzip(b"{\"n\":1}"))),
            "/text" => json!("plain"),
            _ => json!({"n": 2}),
        };
        let mut response = status(200, body);
        let headers = response.headers_mut();
        headers.insert("content-encoding", "gzip".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        response
    });
    let layer = layer().build().unwrap();
    let answers = all(&layer, &upstream, ["/coded", "/text", "/value"].map(get)).await;
    let bodies: Vec<&str> = answers
        .iter()
        .map(|answer| answer.body().as_str())
        .collect();
    assert_eq!(bodies, ["{\"n\":1}", "\"plain\"", "{\"n\":2}"]);
    assert!(
        !answers
            .iter()
            .any(|answer| answer.headers().contains_key("content-encoding"))
    );
}

#[tokio::test(start_paused = true)]
async fn items_that_decode_to_too_much_together_are_missing_and_those_that_fit_are_not() {
    let upstream = Upstream::rest(|url, _| {
        let length = if url == "/short" { 1_000 } else { 9 << 20 };
        let body = json!(BASE64_STANDARD.encode(gzip(&vec![b' '; length])));
        let mut response = status(200, body);
        let headers = response.headers_mut();
        headers.insert("content-encoding", "gzip".parse().unwrap());
        response
    });
    let layer = layer().retries(0).build().unwrap();
    let requests = ["/long", "/longer", "/short"].map(get);
    let answers = all(&layer, &upstream, requests).await;
    assert_eq!(upstream.calls(), 1);
    assert_eq!(answers[0].body().len(), 9 << 20);
    assert_eq!(reason(&answers[1]), "missing");
    assert_eq!(answers[2].body().len(), 1_000);
}
