//! A cold key is filled once, and no request waits for a response that will not come.

use crate::common;

use std::time::Duration;

use common::{Rig, all, fresh, ms, never_early, numbered, reply, respond, seconds, settle};
use http_body_util::BodyExt;
use scrimp_cache::Invalidation;
use scrimp_stampede::{Moment, Strategy};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tokio::time::{advance, timeout};

const MINUTE: common::Fields<'_> = &[("cache-control", "max-age=60")];

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_of_a_cold_key_make_one_call() {
    let rig = Rig::new(
        never_early(),
        numbered(|n| fresh(60, &n.to_string(), seconds(1))),
    );
    let answers = all(rig.calls("/", 10_000)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == "1" && answer.waited == seconds(1))
    );
    assert_eq!(
        answers.iter().filter(|answer| answer.is_hit()).count(),
        9_999
    );
    assert_eq!(rig.upstream.calls(), 1);
    let stats = rig.layer.stats();
    assert_eq!((stats.fills, stats.waited, stats.timed_out), (1, 9_999, 0));
}

#[tokio::test(start_paused = true)]
async fn callers_of_an_expired_or_purged_key_make_one_call() {
    let rig = Rig::new(
        never_early(),
        numbered(|n| fresh(60, &n.to_string(), seconds(1))),
    );
    let invalidator = rig.cache.invalidator();
    for calls in 1..=4 {
        let answers = all(rig.calls("/", 1_000)).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.text() == calls.to_string())
        );
        assert_eq!(rig.upstream.calls(), calls);
        // A hit, which shows the layer that hits come at once.
        assert_eq!(rig.get("/").await.waited, ms(0));
        match calls % 2 {
            1 => advance(seconds(61)).await,
            _ => invalidator.invalidate(&Invalidation::everything()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_their_own_key_only() {
    let gate = Gate::new();
    let rig = {
        let gate = gate.clone();
        Rig::new(never_early(), move |parts| match parts.uri.path() {
            "/slow" => reply(200, MINUTE, "slow").gate(&gate),
            _ => reply(200, MINUTE, "quick"),
        })
    };
    let slow = rig.calls("/slow", 2);
    gate.reached(1).await;
    assert_eq!(rig.get("/quick").await.text(), "quick");
    let other = rig.service.clone();
    let other = tokio::spawn(common::ask(
        other,
        common::request("/slow", &[("accept", "x")]),
    ));
    gate.reached(2).await;
    gate.open();
    all(slow).await;
    other.await.expect("no panic").expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_delays_no_other_request() {
    let rig = Rig::new(never_early(), |_| {
        let body = ScriptedBody::new()
            .data("x".repeat(1_000))
            .wake()
            .data("y".repeat(1_000));
        respond(200, MINUTE, body).delay(seconds(1))
    });
    let slow = rig
        .open(common::request("/", &[]))
        .await
        .expect("an answer");
    // The client has read nothing; the fill is complete all the same.
    let answers = all(rig.calls("/", 100)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.is_hit() && answer.waited == ms(0))
    );
    let body = slow.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!((body.len(), rig.upstream.calls()), (2_000, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_a_slow_client_still_delays_is_not_waited_for() {
    let layer = never_early().read_ahead(1_000);
    let rig = Rig::new(layer, |_| {
        let body = (0..10).fold(ScriptedBody::new(), |body, _| body.data("x".repeat(500)));
        respond(200, MINUTE, body).delay(seconds(1))
    });
    let opened = rig.service.clone();
    let slow = tokio::spawn(tower::ServiceExt::oneshot(
        opened,
        common::request("/", &[]),
    ));
    settle().await;
    let waiting = rig.calls("/", 5);
    let slow = slow.await.expect("no panic").expect("an answer");
    for answer in all(waiting).await {
        assert_eq!((answer.body.len(), answer.waited), (5_000, ms(2_099)));
    }
    assert_eq!(rig.layer.stats().timed_out, 0);
    let body = slow.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body.len(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_wait_has_an_end() {
    let gate = Gate::new();
    let replies = [
        reply(200, MINUTE, "late").gate(&gate),
        reply(200, MINUTE, "alone"),
        reply(200, MINUTE, "alone"),
    ];
    let rig = Rig::script(never_early().wait_limit(seconds(2)), replies);
    let first = rig.call("/");
    settle().await;
    let others = all(rig.calls("/", 2)).await;
    assert!(others.iter().all(|answer| answer.waited == seconds(2)));
    assert_eq!(rig.layer.stats().timed_out, 2);
    gate.open();
    all(vec![first]).await;
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_fails_releases_all_at_once() {
    let replies: [fn() -> Reply; 3] = [
        || Reply::error("reset").delay(seconds(1)),
        || Reply::panic().delay(seconds(1)),
        || reply(500, &[], "oops").delay(seconds(1)),
    ];
    for first in replies {
        let rig = Rig::new(never_early(), |_| fresh(60, "good", seconds(1)));
        rig.upstream.next(first());
        let failing = rig.call("/");
        settle().await;
        let answers = all(rig.calls("/", 20)).await;
        assert!(answers.iter().all(|answer| answer.text() == "good"));
        assert!(
            answers.iter().all(|answer| answer.waited == ms(1_999)),
            "in parallel"
        );
        let _ = failing.await;
        assert!(rig.get("/").await.is_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_or_panics_releases_all_at_once() {
    let bodies: [fn(ScriptedBody) -> ScriptedBody; 2] =
        [|body| body.error("reset"), |body| body.panic("scripted")];
    for end in bodies {
        let rig = Rig::new(never_early(), |_| fresh(60, "good", ms(0)));
        let body = end(ScriptedBody::new().data("half").delay(seconds(1)));
        rig.upstream.next(respond(200, MINUTE, body));
        let failing = rig.call("/");
        settle().await;
        let answers = all(rig.calls("/", 20)).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.text() == "good" && answer.waited == ms(999))
        );
        // The client sees the failure as if it had read the body itself.
        assert!(!matches!(failing.await, Ok(Ok(_))));
    }
}

/// A strategy that panics when it is asked about a response.
#[derive(Debug)]
struct Shaky;

impl Strategy for Shaky {
    fn reach(&self, _: Duration, _: Option<Duration>) -> Duration {
        panic!("scripted")
    }

    fn is_due(&self, _: &Moment, _: f64) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_panics_at_the_end_of_a_fill_keeps_no_client_waiting() {
    let rig = Rig::new(never_early().strategy(Shaky), |_| fresh(60, "good", ms(0)));
    let body = ScriptedBody::new().data("slow").delay(seconds(1));
    rig.upstream.next(respond(200, MINUTE, body));
    let filling = rig.call("/");
    let answer = timeout(seconds(60), filling).await;
    let answer = answer.expect("no client waits for an end that does not come");
    let answer = answer.expect("no panic of the client").expect("an answer");
    assert_eq!((answer.text(), answer.waited), ("slow", seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn an_uncacheable_response_releases_all_at_once_and_no_request_queues_again() {
    let private = || {
        let fields = [("cache-control", "private, max-age=60")];
        reply(200, &fields, "mine").delay(seconds(1))
    };
    let rig = Rig::new(never_early(), move |_| private());
    let answers = all(rig.calls("/", 20)).await;
    let alone = answers
        .iter()
        .filter(|answer| answer.waited == seconds(2))
        .count();
    assert_eq!((alone, rig.upstream.calls()), (19, 20));
    let again = all(rig.calls("/", 20)).await;
    assert!(
        again.iter().all(|answer| answer.waited == seconds(1)),
        "no queue"
    );
    assert_eq!(rig.layer.stats().waited, 19);
}

#[tokio::test(start_paused = true)]
async fn a_head_without_a_body_to_come_releases_at_once() {
    let rig = Rig::new(never_early(), |_| {
        respond(200, MINUTE, ScriptedBody::new().sized()).delay(seconds(1))
    });
    let answers = all(rig.calls("/", 20)).await;
    assert!(answers.iter().all(|answer| answer.waited == seconds(1)));
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn conditions_and_parts_wait_but_fill_nothing() {
    let rig = Rig::new(never_early(), |parts| {
        if parts.headers.contains_key("range") {
            return reply(206, &[("content-range", "bytes 0-1/5")], "wh").delay(seconds(1));
        }
        fresh(60, "whole", seconds(1))
    });
    let part = || common::request("/", &[("range", "bytes=0-1")]);
    let alone = rig.send(part()).await.expect("an answer");
    assert_eq!((alone.status.as_u16(), rig.layer.stats().fills), (206, 0));
    let whole = rig.call("/");
    settle().await;
    let waited = rig.send(part()).await.expect("an answer");
    assert_eq!((waited.text(), waited.is_hit()), ("wh", true));
    all(vec![whole]).await;
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_becomes_cacheable_is_noticed_without_a_queue() {
    let kept = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let rig = {
        let kept = std::sync::Arc::clone(&kept);
        Rig::new(never_early(), move |_| {
            let control = match kept.load(std::sync::atomic::Ordering::Relaxed) {
                true => "max-age=600",
                false => "no-store",
            };
            reply(200, &[("cache-control", control)], "x").delay(seconds(1))
        })
    };
    rig.get("/").await;
    kept.store(true, std::sync::atomic::Ordering::Relaxed);
    advance(seconds(61)).await;
    let answers = all(rig.calls("/", 20)).await;
    assert!(
        answers.iter().all(|answer| answer.waited == seconds(1)),
        "no queue"
    );
    advance(seconds(601)).await;
    let calls = rig.upstream.calls();
    let answers = all(rig.calls("/", 20)).await;
    assert!(answers.iter().all(|answer| answer.waited == seconds(1)));
    assert_eq!(rig.upstream.calls(), calls + 1, "filled once from then on");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_always_validated_is_not_queued_for() {
    let rig = Rig::new(never_early(), |parts| {
        let fields = [("cache-control", "no-cache, max-age=60"), ("etag", "\"a\"")];
        let known = parts.headers.contains_key("if-none-match");
        reply(if known { 304 } else { 200 }, &fields, "x").delay(seconds(1))
    });
    rig.get("/").await;
    for _ in 0..3 {
        let answers = all(rig.calls("/", 20)).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.text() == "x" && answer.waited == seconds(1))
        );
    }
    assert_eq!((rig.upstream.calls(), rig.layer.stats().waited), (61, 0));
}
