//! Callers may leave at any time, and so may the layer.

use crate::common;

use std::task::Poll;

use common::{
    Rig, all, always_early, fresh, ms, never_early, numbered, reply, respond, seconds, settle,
};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_stampede::{LocalFillLock, StampedeLayer};
use scrimp_testkit::{Gate, PollCounter, Reply, Scripted, ScriptedBody};
use tokio::time::advance;
use tower::{Layer, ServiceExt};

const MINUTE: common::Fields<'_> = &[("cache-control", "max-age=60")];

#[tokio::test(start_paused = true)]
async fn when_the_request_that_fills_leaves_another_takes_its_place() {
    let rig = Rig::new(
        never_early(),
        numbered(|n| fresh(60, &n.to_string(), seconds(1))),
    );
    let first = rig.call("/");
    settle().await;
    let others = rig.calls("/", 100);
    settle().await;
    first.abort();
    let answers = all(others).await;
    assert!(answers.iter().all(|answer| answer.text() == "2"));
    assert_eq!((rig.upstream.calls(), rig.upstream.abandoned()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_body_does_not_take_it_from_the_waiters() {
    let gate = Gate::new();
    let rig = {
        let gate = gate.clone();
        Rig::new(never_early(), move |_| {
            respond(
                200,
                MINUTE,
                ScriptedBody::new().data("a").gate(&gate).data("b"),
            )
        })
    };
    let opened = rig
        .open(common::request("/", &[]))
        .await
        .expect("an answer");
    let others = rig.calls("/", 3);
    settle().await;
    drop(opened);
    settle().await;
    gate.open();
    let answers = all(others).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == "ab" && answer.is_hit())
    );
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_last_caller_leaves_the_call_is_cancelled() {
    let gate = Gate::new();
    let rig = {
        let gate = gate.clone();
        Rig::new(never_early(), move |_| {
            respond(
                200,
                MINUTE,
                ScriptedBody::new().data("a").gate(&gate).data("b"),
            )
        })
    };
    let opened = rig
        .open(common::request("/", &[]))
        .await
        .expect("an answer");
    let others = rig.calls("/", 3);
    settle().await;
    drop(opened);
    for other in others {
        assert_eq!(rig.upstream.in_flight(), 1);
        other.abort();
        settle().await;
    }
    assert_eq!(rig.upstream.in_flight(), 0);
    gate.open();
    assert_eq!(rig.get("/").await.text(), "ab");
}

#[tokio::test(start_paused = true)]
async fn a_body_outlives_its_service_and_its_layer() {
    let rig = Rig::new(never_early(), |_| {
        respond(
            200,
            MINUTE,
            ScriptedBody::new().data("a").delay(seconds(1)).data("b"),
        )
    });
    let opened = rig
        .open(common::request("/", &[]))
        .await
        .expect("an answer");
    drop(rig);
    let body = http_body_util::BodyExt::collect(opened.into_body()).await;
    assert_eq!(body.expect("a body").to_bytes(), "ab");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ends_with_the_layer() {
    let gate = Gate::new();
    let replies = [
        fresh(60, "old", ms(500)),
        reply(200, MINUTE, "new").gate(&gate),
    ];
    let rig = Rig::script(always_early(), replies);
    rig.get("/").await;
    advance(seconds(59)).await;
    rig.get("/").await;
    rig.get("/").await;
    gate.reached(1).await;
    let Rig {
        service,
        layer,
        upstream,
        cache,
    } = rig;
    drop(service);
    settle().await;
    assert_eq!(upstream.in_flight(), 1, "the layer can still make services");
    drop((layer, cache));
    settle().await;
    assert_eq!((upstream.in_flight(), upstream.abandoned()), (0, 1));
}

#[test]
fn without_a_runtime_no_request_waits_for_another() {
    let gate = Gate::new();
    let (service, upstream) = {
        let gate = gate.clone();
        Scripted::answering(move |_| reply(200, MINUTE, "x").gate(&gate))
    };
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let service = StampedeLayer::new().layer(cache.layer(service));
    let call = || service.clone().oneshot(common::request("/", &[]));
    let mut calls = [PollCounter::new(call()), PollCounter::new(call())];
    assert!(calls.iter_mut().all(|call| call.poll_now().is_pending()));
    assert_eq!(upstream.calls(), 2);
    gate.open();
    for call in &mut calls {
        assert!(matches!(call.poll_now(), Poll::Ready(Ok(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_thousand_callers_leave_nothing_behind_when_every_third_cancels() {
    let (service, upstream) = Scripted::answering(|parts| {
        let lasting = [("cache-control", "max-age=1")];
        let fields = match parts.uri.path().ends_with('7') {
            true => &[("cache-control", "no-store")],
            false => &lasting,
        };
        let body = ScriptedBody::new().wake().data("a").wake().data("b");
        match parts.uri.path().ends_with('3') {
            true => Reply::error("reset").wake(),
            false => respond(200, fields, body).wake(),
        }
    });
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let layer = always_early()
        .lock(LocalFillLock::new(), seconds(1))
        .build()
        .unwrap();
    let service = layer.layer(cache.layer(service));
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20 {
        let callers: Vec<_> = (0..1_000)
            .map(|_| {
                let uri = format!("/{}", random.u32(..50));
                let call = common::ask(service.clone(), common::request(&uri, &[]));
                (tokio::spawn(call), random.u32(..3) == 0)
            })
            .collect();
        for (caller, leaves) in callers {
            if leaves {
                caller.abort();
            }
            match caller.await {
                Ok(Ok(answer)) => assert_eq!(answer.text(), "ab"),
                Ok(Err(error)) => assert_eq!(error.to_string(), "reset"),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    }
    // Everything that was started comes to an end.
    while upstream.in_flight() > 0 || !format!("{layer:?}").contains("Gate(0)") {
        tokio::task::yield_now().await;
    }
    assert!(upstream.faults().is_empty());
}
