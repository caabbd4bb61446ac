//! Answers that come in parts, and stay open.

use crate::support;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use http::{Request, Response, header::ACCEPT};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use scrimp_batch::{BatchLayer, GraphQl, JsonRpc, RestJson};
use serde_json::json;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use support::{MS, Upstream, get, post, send};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers `/open` with a body that stays open, and every other request at once.
async fn answer(
    kind: &'static str,
    request: Request<Full<Bytes>>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() != "/open" {
        return Ok(Response::new(Full::from("done").boxed_unsync()));
    }
    let first = stream::iter([Ok(Frame::data(Bytes::from("data: 1\n\n")))]);
    let body = StreamBody::new(first.chain(stream::pending())).boxed_unsync();
    Ok(Response::builder()
        .header("content-type", kind)
        .body(body)
        .unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stays_open_delays_no_one_in_its_lane() {
    for kind in [
        "text/event-stream",
        "multipart/mixed; boundary=-",
        "application/json",
    ] {
        let upstream = service_fn(move |request| answer(kind, request));
        let layer = BatchLayer::builder(RestJson::new("/batch"))
            .build()
            .unwrap();
        let service = layer.layer(upstream);
        let open = service.clone().oneshot(get("/open")).await.unwrap();
        let start = Instant::now();
        for n in 0..3 {
            let answer = service
                .clone()
                .oneshot(get(&format!("/{n}")))
                .await
                .unwrap();
            assert_eq!(answer.status(), 200);
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{kind}");
        drop(open);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_takes_no_place_among_the_calls_in_flight_and_another_body_does() {
    for (kind, waits) in [("text/event-stream", false), ("application/json", true)] {
        let upstream = service_fn(move |request| answer(kind, request));
        let layer = BatchLayer::builder(RestJson::new("/batch"))
            .concurrency(1)
            .build()
            .unwrap();
        let service = layer.layer(upstream);
        let open = service.clone().oneshot(get("/open")).await.unwrap();
        let next = tokio::time::timeout(MS * 1_000, service.clone().oneshot(get("/1"))).await;
        assert_eq!(next.is_err(), waits, "{kind}");
        drop((open, next));
        service.oneshot(get("/2")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_accepts_parts_or_asks_for_them_is_sent_alone() {
    let upstream = Upstream::new(|_| std::future::ready(Ok(Response::new(Full::from("alone")))));
    let query = |text: &str| post("/graphql", json!({"query": text}).to_string());
    let accepting = |value: &str, mut request: Request<Full<Bytes>>| {
        request.headers_mut().insert(ACCEPT, value.parse().unwrap());
        request
    };
    let layer = BatchLayer::builder(GraphQl::new()).build().unwrap();
    let service = layer.layer(upstream.clone());
    let requests = [
        query("{ a ... @defer { b } }"),
        query("{ list @stream { b } }"),
        accepting(
            "multipart/mixed; deferSpec=20220824, application/json",
            query("{ a }"),
        ),
        accepting("application/json, multipart/mixed", query("{ b }")),
    ];
    let calls = requests.map(|request| send(service.clone(), request));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().body(), "alone");
    }
    assert_eq!((upstream.calls(), layer.stats().batches), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_refuses_streams_in_its_list_is_batched() {
    let upstream = Upstream::new(|request: Request<Bytes>| {
        let calls: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let answer = |call: &serde_json::Value| json!({"id": call["id"], "result": 1});
        let answers: serde_json::Value = calls.as_array().unwrap().iter().map(answer).collect();
        std::future::ready(Ok(Response::new(Full::from(answers.to_string()))))
    });
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let call = |_| {
        let mut request = post("/rpc", json!({"method": "m", "id": 1}).to_string());
        let accept = "application/json, text/event-stream;q=0";
        request
            .headers_mut()
            .insert(ACCEPT, accept.parse().unwrap());
        request
    };
    support::all(&layer, &upstream, (0..2).map(call)).await;
    assert_eq!(upstream.calls(), 1);
}
