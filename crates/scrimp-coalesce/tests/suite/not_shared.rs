//! The count of each reason for not sharing a call.

use crate::rig;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rig::{answer, at_once, fetch, get, over, post, with};
use scrimp_coalesce::{CoalesceLayer, CoalesceLayerBuilder, CoalesceStats};
use scrimp_testkit::{Reply, ScriptedBody};

/// Asks once, and asserts that this reason has a count of one, and no other has any.
fn counted(
    layer: CoalesceLayerBuilder,
    request: Request<Full<Bytes>>,
    response: (u16, &'static [(&'static str, &'static str)]),
    (reason, count): (&'static str, fn(&CoalesceStats) -> u64),
) {
    let layer = layer.build().expect("settings");
    let (service, _) = over(&layer, move |_| {
        let mut reply = answer(response.1, ScriptedBody::new());
        *reply.status_mut() = http::StatusCode::from_u16(response.0).expect("a status code");
        Reply::respond(reply)
    });
    at_once(fetch(service, request)).expect("a response");
    let stats = layer.stats();
    assert_eq!(count(&stats), 1, "{reason}");
    let counts = stats.not_shared.iter().filter(|(_, count)| *count > 0);
    assert_eq!(counts.collect::<Vec<_>>(), [(reason, 1)]);
    assert_eq!(stats.not_shared.total(), 1);
}

#[test]
fn each_reason_in_a_request_has_a_count() {
    let new = CoalesceLayer::builder;
    let ok = (200, &[][..]);
    let mut with_body = get("/");
    *with_body.body_mut() = "query".into();
    counted(
        new(),
        post("/", "x"),
        ok,
        ("method", |stats| stats.not_shared.method),
    );
    counted(
        new(),
        with_body,
        ok,
        ("body", |stats| stats.not_shared.body),
    );
    let upgrade = with("/", &[("connection", "upgrade"), ("upgrade", "websocket")]);
    counted(
        new(),
        upgrade,
        ok,
        ("own-call", |stats| stats.not_shared.own_call),
    );
    counted(
        new().key_with(|_| None),
        get("/"),
        ok,
        ("key", |stats| stats.not_shared.key),
    );
    let private = new().private_if(|_, _| true);
    counted(
        private,
        get("/"),
        ok,
        ("private-if", |stats| stats.not_shared.private_if),
    );
}

#[test]
fn each_reason_in_a_response_has_a_count() {
    for (status, fields, reason, count) in [
        (
            101,
            &[][..],
            "not-final",
            (|s| s.not_shared.not_final) as fn(&CoalesceStats) -> u64,
        ),
        (
            200,
            &[("content-type", "text/event-stream")],
            "event-stream",
            |s| s.not_shared.event_stream,
        ),
        (200, &[("set-cookie", "a=b")], "set-cookie", |s| {
            s.not_shared.set_cookie
        }),
        (200, &[("vary", "user-agent")], "vary", |s| {
            s.not_shared.vary
        }),
        (200, &[("cache-control", "private")], "private", |s| {
            s.not_shared.private
        }),
        (200, &[("cache-control", "no-store")], "no-store", |s| {
            s.not_shared.no_store
        }),
        (
            200,
            &[("cache-control", "private=x-user"), ("x-user", "ann")],
            "withheld-field",
            |s| s.not_shared.withheld_field,
        ),
        (401, &[("www-authenticate", "NTLM")], "challenge", |s| {
            s.not_shared.challenge
        }),
    ] {
        counted(
            CoalesceLayer::builder(),
            get("/"),
            (status, fields),
            (reason, count),
        );
    }
}

#[test]
fn a_response_to_a_remembered_key_counts_again_and_a_shared_one_does_not() {
    let layer = CoalesceLayer::new();
    let (service, _) = over(&layer, |parts| match parts.uri.path() {
        "/mine" => Reply::respond(answer(&[("cache-control", "private")], ScriptedBody::new())),
        _ => Reply::body(ScriptedBody::new()),
    });
    for path in ["/mine", "/all", "/mine", "/all", "/mine"] {
        at_once(fetch(service.clone(), get(path))).expect("a response");
    }
    let stats = layer.stats();
    assert_eq!((stats.not_shared.private, stats.not_shared.total()), (3, 3));
    assert_eq!(stats.barred, 2);
}
