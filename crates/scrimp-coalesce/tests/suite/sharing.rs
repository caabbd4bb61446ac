//! One call, one body, many readers.

use crate::rig;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use rig::{answer, at_once, begun, crowd, fetch, get, over, read, settled};
use scrimp_coalesce::CoalesceLayer;
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn ten_thousand_equal_requests_make_one_call_and_are_polled_a_few_times_each() {
    let gate = Gate::new();
    let layer = CoalesceLayer::new();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        // The call wakes itself on the way. These wakes do not concern all callers.
        move |_| {
            Reply::body(ScriptedBody::new().data("feed"))
                .wake()
                .wake()
                .gate(&gate)
                .wake()
        }
    });
    let calls: Vec<_> = (0..10_000)
        .map(|_| scrimp_testkit::PollCounter::new(fetch(service.clone(), get("/feed"))))
        .collect();
    let counts: Vec<_> = calls
        .iter()
        .map(scrimp_testkit::PollCounter::handle)
        .collect();
    let calls: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    settled().await;
    gate.open();
    for call in join_all(calls).await {
        assert_eq!(call.unwrap().unwrap().body, "feed");
    }
    assert_eq!(upstream.calls(), 1);
    let polls: usize = counts.iter().map(scrimp_testkit::Polls::polls).sum();
    let most = counts
        .iter()
        .map(scrimp_testkit::Polls::polls)
        .max()
        .unwrap();
    assert!(polls <= 10_000 * 2 + 8 * 5, "{polls} polls");
    assert!(most <= 7, "{most} polls of one waiter");
    assert_eq!(layer.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_not_polled_while_there_is_nothing_to_do() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate;
        move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    });
    let mut calls = crowd(&service, "/", 100);
    for call in &mut calls {
        assert!(call.poll_now().is_pending());
    }
    assert_eq!(upstream.polls(), 1, "no caller polled again without need");
    assert_eq!(
        calls
            .iter()
            .map(scrimp_testkit::PollCounter::wakes)
            .sum::<usize>(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_alive_but_never_polled_holds_nobody() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| {
            Reply::body(ScriptedBody::new().data("x"))
                .gate(&gate)
                .wake()
        }
    });
    let _asleep = crowd(&service, "/", 5);
    let awake = tokio::spawn(fetch(service.clone(), get("/")));
    gate.reached(1).await;
    tokio::task::yield_now().await;
    gate.open();
    assert_eq!(awake.await.unwrap().unwrap().body, "x");
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_the_wake_carries_on_if_those_who_were_woken_do_not() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    });
    let asleep = crowd(&service, "/", 3);
    gate.open();
    assert!(asleep.iter().all(|call| call.wakes() == 1));
    assert_eq!(at_once(fetch(service, get("/"))).unwrap().body, "x");
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_comer_reads_from_the_first_byte() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| {
            Reply::body(
                ScriptedBody::new()
                    .data("first ")
                    .gate(&gate)
                    .data("second"),
            )
        }
    });
    let mut leader = service.clone().oneshot(get("/")).await.unwrap();
    let frame = leader.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "first ", "not delayed");
    let late = begun(fetch(service.clone(), get("/")));
    gate.open();
    assert_eq!(late.await.unwrap().body, "first second");
    assert_eq!(read(leader).await.unwrap().body, "second");
    assert_eq!(upstream.calls(), 1);
    assert_eq!(fetch(service, get("/")).await.unwrap().body, "first second");
    assert_eq!(upstream.calls(), 2, "a call that has ended is not joined");
}

#[tokio::test(start_paused = true)]
async fn each_chunk_reaches_every_reader_in_the_wake_that_brings_it() {
    let gates = [Gate::new(), Gate::new()];
    let (service, _) = over(&CoalesceLayer::new(), {
        let [one, two] = gates.clone();
        move |_| {
            Reply::body(
                ScriptedBody::new()
                    .gate(&one)
                    .data("a")
                    .gate(&two)
                    .data("b"),
            )
        }
    });
    let responses = join_all((0..50).map(|_| service.clone().oneshot(get("/")))).await;
    let mut readers: Vec<_> = responses
        .into_iter()
        .map(|response| begun(read(response.unwrap())))
        .collect();
    for (gate, last) in gates.iter().zip([false, true]) {
        gate.open();
        for reader in &mut readers {
            assert_eq!(
                reader.wakes(),
                1 + usize::from(last),
                "one wake for a chunk"
            );
            assert_eq!(reader.poll_now().is_ready(), last);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn head_and_trailers_reach_all() {
    let gate = Gate::new();
    let (service, _) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "7".parse().unwrap());
            let body = ScriptedBody::new().data("x").gate(&gate).trailers(trailers);
            Reply::respond(answer(&[("x-own", "kept"), ("etag", "\"1\"")], body))
        }
    });
    let readers = join_all((0..3).map(|_| service.clone().oneshot(get("/")))).await;
    gate.open();
    for response in readers {
        let answer = read(response.unwrap()).await.unwrap();
        assert_eq!(answer.headers["x-own"], "kept");
        assert_eq!(answer.trailers.unwrap()["x-sum"], "7");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_mid_body_reaches_every_reader_as_an_error() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("half").gate(&gate).error("reset"))
    });
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(service.clone().oneshot(get("/")).await.unwrap());
    }
    let late = begun(fetch(service.clone(), get("/")));
    gate.open();
    assert_eq!(upstream.calls(), 1);
    let mut first = None;
    for mut reader in readers {
        let half = reader.frame().await.unwrap().unwrap();
        assert_eq!(half.into_data().unwrap(), "half");
        let error = reader.frame().await.unwrap().unwrap_err();
        let source = Arc::new(error).source().map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("reset"));
        assert_eq!(first.get_or_insert_with(|| source.clone()), &source);
        assert!(reader.frame().await.is_none());
    }
    late.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_mid_body_is_one_readers_and_an_error_to_the_rest() {
    let gate = Gate::new();
    let (service, _) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| {
            Reply::body(
                ScriptedBody::new()
                    .data("half")
                    .gate(&gate)
                    .panic("scripted"),
            )
        }
    });
    let mut readers = Vec::new();
    for _ in 0..3 {
        let response = service.clone().oneshot(get("/")).await.unwrap();
        readers.push(tokio::spawn(read(response)));
    }
    tokio::task::yield_now().await;
    gate.open();
    let mut panics = 0;
    for reader in readers {
        match reader.await {
            Err(_) => panics += 1,
            Ok(answer) => drop(answer.unwrap_err()),
        }
    }
    assert_eq!(panics, 1);
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_in_what_could_matter_do_not_share() {
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    });
    let differing = [
        rig::with("/a", &[]),
        rig::with("/b", &[]),
        rig::with("/a?x", &[]),
        rig::with("/a", &[("authorization", "Bearer 1")]),
        rig::with("/a", &[("authorization", "Bearer 2")]),
        rig::with("/a", &[("cookie", "session=1")]),
        rig::with("/a", &[("x-api-key", "1")]),
        rig::with("/a", &[("x-user-id", "1")]),
        rig::with("/a", &[("accept", "text/html")]),
        rig::with("/a", &[("accept-encoding", "gzip")]),
        rig::with("/a", &[("range", "bytes=0-1")]),
        rig::with("/a", &[("if-none-match", "\"1\"")]),
        rig::with("/a", &[("x-forwarded-host", "evil.example")]),
        rig::with("/a", &[("cache-control", "no-cache")]),
    ];
    let count = differing.len();
    let calls: Vec<_> = differing
        .into_iter()
        .map(|request| begun(fetch(service.clone(), request)))
        .collect();
    assert_eq!(upstream.calls(), count);
    let noise = [
        ("user-agent", "other"),
        ("traceparent", "00-1"),
        ("x-forwarded-for", "::1"),
    ];
    let _same = begun(fetch(service, rig::with("/a", &noise)));
    assert_eq!(upstream.calls(), count);
    gate.open();
    join_all(calls).await;
}

#[tokio::test(start_paused = true)]
async fn two_tenants_never_share_a_call() {
    use scrimp_core::extensions::Tenant;
    let gate = Gate::new();
    let (service, upstream) = over(&CoalesceLayer::new(), {
        let gate = gate;
        move |_| Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    });
    let _calls: Vec<_> = ["a", "b", "a"]
        .map(|tenant| {
            let mut request = get("/");
            request.extensions_mut().insert(Tenant(tenant.into()));
            begun(fetch(service.clone(), request))
        })
        .into();
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_joined_is_told_and_whoever_called_is_not() {
    use scrimp_core::{
        Money,
        extensions::{Charge, Explain, Shared},
    };
    let gate = Gate::new();
    let (service, _) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| {
            let mut response = Response::new(ScriptedBody::new().data("x"));
            response
                .extensions_mut()
                .insert(Charge("0.01".parse().unwrap()));
            Reply::respond(response).gate(&gate)
        }
    });
    let leader = begun(service.clone().oneshot(get("/")));
    let mut explained = get("/");
    explained.extensions_mut().insert(Explain);
    let follower = begun(service.clone().oneshot(explained));
    gate.open();
    let (leader, follower) = (leader.await.unwrap(), follower.await.unwrap());
    assert!(leader.headers().get("cache-status").is_none());
    assert_eq!(
        follower.headers()["cache-status"],
        "scrimp-coalesce; fwd=uri-miss; collapsed"
    );
    assert!(
        follower
            .extensions()
            .get::<Shared>()
            .is_some_and(Shared::collapsed)
    );
    let paid = |answer: &rig::Answer| answer.extensions().get::<Charge>().map(|charge| charge.0);
    assert_eq!(paid(&leader).unwrap().to_string(), "$0.01");
    assert_eq!(paid(&follower), Some(Money::ZERO));
    let _: Bytes = read(leader).await.unwrap().body;
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_layer_made_before_its_first_service_shares_with_it() {
    let layer = CoalesceLayer::new();
    let clone = layer.clone();
    let gate = Gate::new();
    let reply = |gate: Gate| move |_: &_| Reply::body(ScriptedBody::new()).gate(&gate);
    let (one, first) = over(&layer, reply(gate.clone()));
    let (other, second) = over(&clone, reply(gate));
    let _calls = [one, other].map(|service| begun(fetch(service, get("/"))));
    assert_eq!(first.calls() + second.calls(), 1);
    assert_eq!(clone.stats().in_flight, 1);
}
