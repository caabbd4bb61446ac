//! Header fields: which requests share a batch, and where their fields are written.

use crate::support;

use std::collections::HashSet;

use futures_util::future::join_all;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use scrimp_batch::{
    ArrayInput, BatchCodec, BatchLayer, BatchLayerBuilder, Credentials, GraphQl, JsonRpc, RestJson,
};
use scrimp_core::KeyBuf;
use scrimp_http::{
    connection::FRAMING, credentials::KNOWN, names::FieldNames, trace_fields::TRACE_FIELDS,
};
use serde_json::{Value, json};
use tower::Layer;

use support::{Body, Upstream, get, post, send, status};

/// Returns every name of a list, and one name for each prefix.
fn every_name(list: &FieldNames) -> Vec<HeaderName> {
    let begun = list.prefixes().iter().map(|prefix| format!("{prefix}x"));
    let whole = list.names().iter().map(|name| (*name).to_owned());
    whole
        .chain(begun)
        .map(|name| name.parse().unwrap())
        .collect()
}

/// Adds a line of this field to a request.
fn with(mut request: Request<Body>, name: &HeaderName, value: &str) -> Request<Body> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().append(name, value);
    request
}

fn rest(n: usize) -> Request<Body> {
    get(&format!("/{n}"))
}

fn rpc(n: usize) -> Request<Body> {
    let body = json!({"jsonrpc": "2.0", "method": "m", "id": n});
    post("/rpc", body.to_string())
}

fn query(n: usize) -> Request<Body> {
    post(
        "/graphql",
        json!({"query": format!("{{ a{n} }}")}).to_string(),
    )
}

fn input(n: usize) -> Request<Body> {
    post("/embed", json!({"input": format!("text {n}")}).to_string())
}

/// Returns an upstream whose answers match no item: only its requests matter.
fn sink() -> Upstream {
    Upstream::new(|_| std::future::ready(Ok(status(200, json!(null)).map(|_| Full::default()))))
}

/// Sends requests at the same moment, and returns the upstream's requests.
async fn sent<C: BatchCodec>(
    layer: BatchLayerBuilder<C>,
    requests: impl IntoIterator<Item = Request<Body>>,
) -> Vec<Request<bytes::Bytes>> {
    let upstream = sink();
    let service = layer.retries(0).build().unwrap().layer(upstream.clone());
    let calls = requests
        .into_iter()
        .map(|request| send(service.clone(), request));
    join_all(calls).await;
    upstream.requests()
}

/// Checks that two callers that differ in a field, each with two requests, get an envelope each,
/// with the field on it and not in it.
async fn are_apart<C: BatchCodec>(
    codec: impl Fn() -> C,
    request: fn(usize) -> Request<Body>,
    name: &HeaderName,
) {
    let values = ["secret-a", "secret-b", "secret-a", "secret-b"];
    let requests = values
        .iter()
        .enumerate()
        .map(|(n, value)| with(request(n), name, value));
    let sent = sent(BatchLayer::builder(codec()), requests).await;
    let on_envelopes: HashSet<_> = sent
        .iter()
        .flat_map(|request| request.headers().get_all(name))
        .collect();
    assert_eq!((sent.len(), on_envelopes.len()), (2, 2), "{name}");
    for envelope in sent {
        let body = String::from_utf8_lossy(envelope.body());
        assert!(!body.contains("secret"), "{name} in {body}");
        assert_eq!(envelope.headers().get_all(name).iter().count(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_who_differ_in_any_credential_never_share_a_batch() {
    for name in every_name(&KNOWN) {
        let disguised = name.as_str().replace('-', "_").parse().unwrap();
        for name in [&name, &disguised] {
            are_apart(|| RestJson::new("/batch"), rest, name).await;
            are_apart(JsonRpc::new, rpc, name).await;
            are_apart(GraphQl::new, query, name).await;
            are_apart(ArrayInput::new, input, name).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn order_of_field_names_does_not_matter_and_two_lines_differ_from_one() {
    let key = HeaderName::from_static("x-api-key");
    let user = HeaderName::from_static("x-user-id");
    let one = with(with(rest(1), &key, "k"), &user, "u");
    let two = with(with(rest(2), &user, "u"), &key, "k");
    let sent_together = sent(BatchLayer::builder(RestJson::new("/batch")), [one, two]).await;
    assert_eq!(sent_together.len(), 1);

    let lines = with(with(rest(1), &key, "a"), &key, "b");
    let line = with(rest(2), &key, "ab");
    let other = with(with(rest(3), &key, "a"), &user, "b");
    let swapped = with(with(rest(4), &key, "b"), &key, "a");
    let apart = [lines, line, other, swapped];
    let sent_apart = sent(BatchLayer::builder(RestJson::new("/batch")), apart).await;
    assert_eq!(sent_apart.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_operator_sets_which_fields_are_credentials() {
    let tenant = HeaderName::from_static("x-tenant-id");
    let badge = HeaderName::from_static("x-shop-badge");
    let two =
        |name: &HeaderName| ["a", "b"].map(|value| with(get(&format!("/{value}")), name, value));

    let layer = || BatchLayer::builder(RestJson::new("/batch"));
    let list = Credentials::default().without(&tenant).with(badge.clone());
    let together = sent(layer().credentials(list.clone()), two(&tenant)).await;
    assert_eq!(together.len(), 1);
    assert!(
        !together[0].headers().contains_key(&tenant),
        "each item has its own"
    );
    let body: Value = serde_json::from_slice(together[0].body()).unwrap();
    assert_eq!(body["requests"][0]["headers"]["x-tenant-id"], "a");
    assert_eq!(sent(layer().credentials(list), two(&badge)).await.len(), 2);
    let only = layer().credentials([badge.clone()]);
    assert_eq!(sent(only, two(&tenant)).await.len(), 1);
    assert_eq!(sent(layer(), two(&badge)).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cookies_in_items_are_joined_by_semicolons() {
    let cookie = http::header::COOKIE;
    let mark = HeaderName::from_static("x-mark");
    let request = |n| {
        let request = with(with(rest(n), &cookie, "a=1"), &cookie, "b=\"2\"");
        with(with(request, &mark, "1"), &mark, "2")
    };
    let layer = BatchLayer::builder(RestJson::new("/batch")).credentials(Credentials::none());
    let sent = sent(layer, [request(1), request(2)]).await;
    let body: Value = serde_json::from_slice(sent[0].body()).unwrap();
    let expected = json!({"cookie": "a=1; b=\"2\"", "x-mark": "1, 2"});
    assert_eq!(body["requests"][1]["headers"], expected);
}

#[tokio::test(start_paused = true)]
async fn calls_that_differ_only_in_a_trace_field_share_a_batch() {
    for name in every_name(&TRACE_FIELDS) {
        for (codec, request) in [("rpc", rpc as fn(usize) -> _), ("query", query)] {
            let requests = (0..20).map(|n| with(request(n), &name, &format!("trace-{n}")));
            let sent = match codec {
                "rpc" => sent(BatchLayer::builder(JsonRpc::new()), requests).await,
                _ => sent(BatchLayer::builder(GraphQl::new().limit(20)), requests).await,
            };
            assert_eq!(sent.len(), 1, "{name} in {codec}");
            assert_eq!(
                sent[0].headers()[&name],
                "trace-0",
                "the first item's {name}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn equal_gets_are_duplicates_even_if_their_trace_fields_differ() {
    for name in every_name(&TRACE_FIELDS) {
        let requests = [1, 2, 1].map(|n| with(rest(n), &name, &format!("trace-{n}")));
        let again = with(rest(1), &name, "trace-9");
        let requests = requests.into_iter().chain([again]);
        let sent = sent(BatchLayer::builder(RestJson::new("/batch")), requests).await;
        assert_eq!(sent.len(), 1, "{name}");
        let body: Value = serde_json::from_slice(sent[0].body()).unwrap();
        let items = body["requests"].as_array().unwrap();
        assert_eq!(items.len(), 2, "{name}");
        assert_eq!(
            items[1]["headers"][name.as_str()],
            "trace-2",
            "its own {name}"
        );
        assert_eq!(
            sent[0].headers()[&name],
            "trace-1",
            "the first item's {name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_in_framing_share_a_batch_and_no_item_has_framing() {
    let connection = HeaderName::from_static("connection");
    let mine = HeaderName::from_static("x-mine");
    // Host is excluded: it is a part of the target.
    for name in every_name(&FRAMING).iter().filter(|name| *name != "host") {
        let framed = |request: fn(usize) -> Request<Body>, n| {
            let request = with(request(n), name, &format!("frame-{n}"));
            let request = with(request, &connection, "close, X-Mine");
            with(request, &mine, &format!("frame-{n}"))
        };
        for (codec, request) in [("rpc", rpc as fn(usize) -> _), ("rest", rest)] {
            if (codec, name.as_str()) == ("rest", "upgrade") {
                continue; // It is sent alone.
            }
            let requests = [1, 2].map(|n| framed(request, n));
            let sent = match codec {
                "rpc" => sent(BatchLayer::builder(JsonRpc::new()), requests).await,
                _ => sent(BatchLayer::builder(RestJson::new("/batch")), requests).await,
            };
            assert_eq!(sent.len(), 1, "{name} in {codec}");
            let text = format!("{:?}", sent[0]);
            assert!(!text.contains("frame-"), "{name} in {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_accepts_an_event_stream_is_sent_alone() {
    let accept = http::header::ACCEPT;
    for value in [
        "text/event-stream",
        "application/json, Text/Event-Stream;q=0.5",
    ] {
        let two =
            |request: fn(usize) -> Request<Body>| [1, 2].map(|n| with(request(n), &accept, value));
        let streams = [
            sent(BatchLayer::builder(RestJson::new("/batch")), two(rest)).await,
            sent(BatchLayer::builder(JsonRpc::new()), two(rpc)).await,
            sent(BatchLayer::builder(GraphQl::new()), two(query)).await,
            sent(BatchLayer::builder(ArrayInput::new()), two(input)).await,
        ];
        assert_eq!(streams.map(|sent| sent.len()), [2; 4], "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_needs_its_own_call_is_in_no_envelope() {
    for (name, value) in [
        ("range", "bytes=0-1"),
        ("if-range", "\"x\""),
        ("upgrade", "websocket"),
        ("expect", "100-continue"),
    ] {
        let name = HeaderName::from_static(name);
        let requests = [1, 2].map(|n| with(rest(n), &name, value));
        let sent = sent(BatchLayer::builder(RestJson::new("/batch")), requests).await;
        assert_eq!(sent.len(), 2, "{name}");
    }
}

#[test]
fn a_request_may_be_repeated_by_its_method_or_its_idempotency_key() {
    let codec = RestJson::new("/batch").any_method();
    let replayable = |method: &str, key: Option<&str>| {
        let mut request = Request::builder().method(method).uri("/x");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let admission = codec.admit(&head, &bytes::Bytes::new(), &mut KeyBuf::new());
        admission.unwrap().replayable
    };
    for method in [
        "GET", "PUT", "DELETE", "PROPFIND", "REPORT", "QUERY", "MKCOL",
    ] {
        assert!(replayable(method, None), "{method}");
    }
    for method in ["POST", "PATCH", "LOCK", "BREW"] {
        assert!(!replayable(method, None), "{method}");
        assert!(replayable(method, Some("\"k\"")), "{method} with a key");
        assert!(!replayable(method, Some("")), "{method} with an empty key");
    }
}

#[tokio::test(start_paused = true)]
async fn one_server_has_one_lane_in_every_spelling_of_its_name() {
    let from = |uri: &str| Request::get(uri).body(Body::default()).unwrap();
    let uris = [
        "http://api.example.com/1",
        "http://API.Example.com/2",
        "http://api.example.com:80/3",
    ];
    let together = sent(BatchLayer::builder(RestJson::new("/batch")), uris.map(from)).await;
    assert_eq!(together.len(), 1);
    let uris = [
        "http://api.example.com/1",
        "https://api.example.com/2",
        "http://api.example.com:81/3",
        "http://ann:secret@api.example.com/4",
        "http://bob:secret@api.example.com/5",
    ];
    let host = |n, host: &str| with(rest(n), &http::header::HOST, host);
    let hosts = [host(6, "a.example.com"), host(7, "b.example.com")];
    let apart = uris.map(from).into_iter().chain(hosts);
    let apart = sent(BatchLayer::builder(RestJson::new("/batch")), apart).await;
    assert_eq!(apart.len(), 7);
}
