//! Event streams: not stored unless a rule keeps them, and then sent as streams.

use crate::common;

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use common::{Answer, Fields, Rig, layer, request};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use scrimp_cache::CacheLayerBuilder;
use scrimp_core::BodyDigestLayer;
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{Layer, ServiceBuilder, ServiceExt};

const EVENTS: &str = "data: one\n\n: still here\n\ndata: two\n\n";

/// Returns a reply that is fresh for a minute, with this type and these frames.
fn stream(kind: &'static str, fields: Fields<'_>, frames: &[&'static str]) -> Reply {
    let frames = frames.iter().map(|frame| Bytes::from(*frame));
    respond(
        kind,
        fields,
        frames.fold(ScriptedBody::new(), ScriptedBody::data),
    )
}

fn respond(kind: &'static str, fields: Fields<'_>, body: ScriptedBody) -> Reply {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
    for (name, value) in fields {
        headers.insert(*name, value.parse().expect("a value"));
    }
    Reply::respond(response)
}

fn keeping() -> CacheLayerBuilder {
    layer().rule("path=/** events=keep")
}

/// Returns the second answer from a cache over this stream.
async fn again(
    layer: CacheLayerBuilder,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> (Rig, Answer) {
    let rig = Rig::answering(layer, move |_| reply());
    rig.get("http://a/x").await;
    let answer = rig.get("http://a/x").await;
    (rig, answer)
}

#[tokio::test]
async fn no_kind_of_stream_is_stored_by_default() {
    for kind in [
        "text/event-stream",
        "Text/Event-Stream; charset=utf-8",
        "application/x-ndjson",
        "application/jsonl",
        "application/json-seq",
        "application/geo+json-seq",
        "multipart/mixed; boundary=b",
        "multipart/x-mixed-replace; boundary=b",
        "application/grpc+proto",
        "application/grpc-web",
    ] {
        let ttl = layer().rule("path=/** ttl=1h override-origin");
        let (rig, answer) = again(ttl, move || stream(kind, &[], &["data: a\n\n"])).await;
        assert!(!answer.is_hit(), "{kind}");
        assert!(
            answer.cache_status().contains("detail=event-stream"),
            "{kind}"
        );
        let stats = rig.layer.stats();
        assert_eq!(
            (stats.stored, stats.not_stored.event_stream),
            (0, 2),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_rule_keeps_a_stream_and_it_is_sent_as_one_frame_per_event() {
    let reply = || {
        stream(
            "text/event-stream",
            &[],
            &["data: one\n", "\n: still here\n\ndata: two\n\n"],
        )
    };
    let (rig, answer) = again(keeping(), reply).await;
    assert!(answer.is_hit());
    assert_eq!(answer.text(), EVENTS);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("content-length"), "");

    let response = rig
        .open(request("GET", "http://a/x", &[]))
        .await
        .expect("a hit");
    let mut body = response.into_body();
    assert_eq!(
        (body.size_hint().lower(), body.size_hint().exact()),
        (EVENTS.len() as u64, None)
    );
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.push(frame.expect("no error").into_data().expect("no trailers"));
        assert_eq!(body.is_end_stream(), frames.len() == 3);
    }
    assert_eq!(
        frames,
        ["data: one\n\n", ": still here\n\n", "data: two\n\n"]
    );
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn a_stream_that_was_announced_keeps_its_length() {
    let length: Fields<'_> = &[("content-length", "12")];
    let reply = move || stream("application/x-ndjson", length, &["[1,2]\n[3,4]\n"]);
    let (rig, answer) = again(keeping(), reply).await;
    assert_eq!(
        (answer.is_hit(), answer.header("content-length")),
        (true, "12")
    );
    let response = rig
        .open(request("GET", "http://a/x", &[]))
        .await
        .expect("a hit");
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), Some(12));
    let first = body.frame().await.expect("a frame").expect("no error");
    assert_eq!(first.into_data().expect("data"), "[1,2]\n");
    assert_eq!(body.size_hint().exact(), Some(6));
}

#[tokio::test]
async fn a_stream_without_a_clean_end_is_not_stored() {
    for frames in [
        &["data: one\n\ndata: tw"][..],
        &["data: one\n"],
        &[],
        &[
            "data: one\n\n",
            "event: error\ndata: {\"type\":\"overloaded\"}\n\n",
        ],
        &["data: {\"error\":{\"message\":\"busy\"}}\n\n"],
    ] {
        let reply = move || stream("text/event-stream", &[], frames);
        let (rig, answer) = again(keeping(), reply).await;
        let stats = rig.layer.stats();
        assert!(!answer.is_hit(), "{frames:?}");
        assert_eq!(
            (stats.stored, stats.not_stored.incomplete),
            (0, 2),
            "{frames:?}"
        );
    }
    let broken = || {
        let body = ScriptedBody::new().data("data: one\n\n").error("reset");
        respond("text/event-stream", &[], body)
    };
    let rig = Rig::answering(keeping(), move |_| broken());
    assert!(rig.send(request("GET", "http://a/x", &[])).await.is_err());
    assert_eq!(rig.layer.stats().stored, 0);
}

#[tokio::test]
async fn a_reader_that_leaves_has_read_all_only_behind_the_last_event() {
    for (events, stored) in [("data: one\n\n", 0), ("data: one\n\ndata: [DONE]\n\n", 1)] {
        let rig = Rig::answering(keeping(), move |_| {
            let body = ScriptedBody::new().data(events).wake().data("data: x\n\n");
            respond("text/event-stream", &[], body)
        });
        let response = rig
            .open(request("GET", "http://a/x", &[]))
            .await
            .expect("an answer");
        let mut body = response.into_body();
        body.frame().await.expect("a frame").expect("no error");
        drop(body);
        assert_eq!(rig.layer.stats().stored, stored, "{events:?}");
    }
}

#[tokio::test]
async fn trailers_of_a_kept_stream_come_behind_its_messages() {
    let reply = |status: &'static str| {
        move || {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            let body = ScriptedBody::new()
                .data("\0\0\0\0\x01a\0\0\0\0\0")
                .trailers(trailers);
            respond("application/grpc", &[], body)
        }
    };
    let (rig, answer) = again(keeping(), reply("0")).await;
    assert!(answer.is_hit());
    assert_eq!(answer.trailers.expect("trailers")["grpc-status"], "0");
    let response = rig
        .open(request("GET", "http://a/x", &[]))
        .await
        .expect("a hit");
    let mut body = response.into_body();
    let first = body.frame().await.expect("a frame").expect("no error");
    assert_eq!(first.into_data().expect("data"), "\0\0\0\0\x01a");
    let (_, answer) = again(keeping(), reply("13")).await;
    assert!(!answer.is_hit());
}

#[tokio::test]
async fn a_stream_whose_events_cannot_be_found_is_never_stored() {
    for (kind, fields) in [
        ("text/event-stream", &[("content-encoding", "gzip")][..]),
        ("multipart/mixed", &[]),
        ("application/grpc-web-text", &[]),
    ] {
        let reply = move || stream(kind, fields, &["data: a\n\n"]);
        let (rig, answer) = again(keeping(), reply).await;
        assert!(!answer.is_hit(), "{kind}");
        assert_eq!(rig.layer.stats().not_stored.event_stream, 2, "{kind}");
    }
}

#[tokio::test]
async fn a_stream_in_a_content_coding_says_nothing_of_the_next_one() {
    let rig = Rig::answering(keeping(), |head| {
        let coded = head.headers.contains_key("accept-encoding");
        let coding: Fields<'_> = &[("vary", "accept-encoding"), ("content-encoding", "gzip")];
        let fields = if coded { coding } else { &coding[..1] };
        stream("text/event-stream", fields, &["data: a\n\n"])
    });
    let gzip: Fields<'_> = &[("accept-encoding", "gzip")];
    rig.get_with("http://a/x", gzip).await;
    rig.get("http://a/x").await;
    assert!(rig.get("http://a/x").await.is_hit());
}

#[tokio::test]
async fn a_kept_stream_needs_what_any_stored_response_needs() {
    let no_cache: Fields<'_> = &[("cache-control", "no-cache")];
    let reply = move || stream("text/event-stream", no_cache, &["data: a\n\n"]);
    let (rig, _) = again(keeping(), reply).await;
    assert_eq!(rig.layer.stats().not_stored.no_cache, 2);
    let (_, answer) = again(layer().rule("events=keep ttl=1m override-origin"), reply).await;
    assert!(answer.is_hit());
}

#[tokio::test]
async fn the_answer_of_a_language_model_is_kept_by_the_body_of_its_request() {
    let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n";
    let (scripted, upstream) = Scripted::answering(move |_| {
        stream(
            "text/event-stream",
            &[("cache-control", "no-cache")],
            &[chat],
        )
    });
    let rule = "path=/v1/chat/completions body-key events=keep ttl=1h override-origin header=authorization";
    let service = ServiceBuilder::new()
        .layer(BodyDigestLayer::new(1 << 16))
        .layer(layer().rule(rule).build().expect("valid settings"))
        .service(scripted);
    let ask = |question: &'static str| {
        let request = http::Request::post("http://a/v1/chat/completions")
            .header("authorization", "Bearer k")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(question)));
        service.clone().oneshot(request.expect("a request"))
    };
    for calls in [1, 1, 1] {
        let mut body = ask("{\"stream\":true}")
            .await
            .expect("an answer")
            .into_body();
        let mut text = Vec::new();
        while let Some(frame) = body.frame().await {
            text.extend(frame.expect("no error").into_data().expect("no trailers"));
        }
        assert_eq!((text, upstream.calls()), (chat.as_bytes().to_vec(), calls));
    }
    ask("{\"stream\":true,\"n\":2}").await.expect("an answer");
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn no_request_waits_for_the_end_of_a_stream() {
    let gate = scrimp_testkit::Gate::new();
    let shut = gate.clone();
    let (scripted, upstream) = Scripted::answering(move |_| {
        let body = ScriptedBody::new().data("data: a\n\n").gate(&shut);
        respond("text/event-stream", &[], body)
    });
    let cache = keeping().build().expect("valid settings").layer(scripted);
    let mut open = Vec::new();
    for _ in 0..10 {
        let request = request("GET", "http://a/x", &[]);
        let mut body = cache
            .clone()
            .oneshot(request)
            .await
            .expect("a head")
            .into_body();
        assert!(body.frame().await.is_some());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(
            std::pin::pin!(body.frame()).poll(&mut cx),
            Poll::Pending
        ));
        open.push(body);
    }
    assert_eq!(upstream.calls(), 10);
}
