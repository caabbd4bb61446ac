//! Refreshes that fail, and their cost.

use crate::common;

use std::sync::Arc;

use common::{Rig, always_early, fresh, ms, numbered, reply, seconds, settle};
use parking_lot::Mutex;
use scrimp_core::BoxError;
use scrimp_testkit::{Gate, Reply};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_costs_its_caller_nothing_and_leaves_room_for_the_next() {
    let failures: [fn() -> Reply; 6] = [
        || Reply::error("reset"),
        Reply::panic,
        Reply::panic_in_call,
        || reply(503, &[], "busy"),
        || reply(429, &[], "later"),
        || common::respond(200, &[("cache-control", "max-age=60")], broken()),
    ];
    for failure in failures {
        let layer = always_early();
        let replies = [
            fresh(60, "old", ms(500)),
            failure(),
            fresh(60, "new", ms(0)),
        ];
        let rig = Rig::script(layer, replies);
        rig.get("/").await;
        advance(seconds(50)).await;
        for _ in 0..3 {
            assert_eq!(rig.get("/").await.text(), "old");
        }
        settle().await;
        assert_eq!(rig.layer.stats().refresh_failures, 1);
        // It rests before the next try.
        assert_eq!(rig.get("/").await.text(), "old");
        settle().await;
        assert_eq!(rig.upstream.calls(), 2);
        advance(ms(100)).await;
        rig.get("/").await;
        settle().await;
        assert_eq!(rig.get("/").await.text(), "new");
    }
}

fn broken() -> scrimp_testkit::ScriptedBody {
    scrimp_testkit::ScriptedBody::new()
        .data("half")
        .error("reset")
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_takes_too_long_is_given_up() {
    let gate = Gate::new();
    let layer = always_early().refresh_timeout(seconds(2));
    let replies = [
        fresh(60, "old", ms(500)),
        fresh(60, "late", ms(0)).gate(&gate),
    ];
    let rig = Rig::script(layer, replies);
    rig.get("/").await;
    advance(seconds(50)).await;
    rig.get("/").await;
    rig.get("/").await;
    gate.reached(1).await;
    advance(seconds(2)).await;
    settle().await;
    assert_eq!(
        (rig.upstream.abandoned(), rig.layer.stats().refresh_failures),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_down_for_an_hour_delays_no_caller() {
    let down = Arc::new(Mutex::new(false));
    let rig = {
        let down = Arc::clone(&down);
        Rig::new(
            always_early(),
            numbered(move |n| {
                if *down.lock() {
                    return Reply::error("connection refused").delay(seconds(1));
                }
                fresh(60, &n.to_string(), ms(500))
            }),
        )
    };
    rig.get("/").await;
    *down.lock() = true;
    let before = rig.upstream.calls();
    for _ in 0..3_600 {
        advance(seconds(1)).await;
        let answer = rig.get("/").await;
        assert_eq!((answer.text(), answer.waited), ("1", ms(0)));
    }
    // Three tries in quick succession, then one every half minute.
    let tries = rig.upstream.calls() - before;
    assert!((110..=130).contains(&tries), "{tries}");
    assert!(rig.layer.stats().given_up > 100);
    *down.lock() = false;
    advance(seconds(31)).await;
    rig.get("/").await;
    settle().await;
    advance(seconds(1)).await;
    settle().await;
    let back = rig.get("/").await;
    assert!(back.text() != "1" && back.waited == ms(0));
}

#[tokio::test(start_paused = true)]
async fn if_stale_serving_is_forbidden_callers_get_the_failure() {
    let layer = always_early().stale_if_failing(seconds(0));
    let rig = Rig::new(layer, |_| {
        let fields = [("cache-control", "max-age=60, must-revalidate")];
        reply(200, &fields, "x").delay(ms(500))
    });
    rig.get("/").await;
    for _ in 0..20 {
        rig.upstream.next(Reply::error("connection refused"));
    }
    advance(seconds(59)).await;
    rig.get("/").await;
    rig.get("/").await;
    advance(seconds(2)).await;
    let error: Result<_, BoxError> = rig.send(common::request("/", &[])).await;
    assert_eq!(
        error.expect_err("an error").to_string(),
        "connection refused"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_refreshes_than_allowed_are_under_way() {
    let gate = Gate::new();
    let rig = {
        let gate = gate.clone();
        let layer = always_early().max_refreshes(3);
        Rig::new(
            layer,
            numbered(move |n| match n {
                1..=10 => fresh(60, "old", ms(500)),
                _ => fresh(60, "new", ms(0)).gate(&gate),
            }),
        )
    };
    let uris: Vec<_> = (0..10).map(|n| format!("/{n}")).collect();
    for uri in &uris {
        rig.get(uri).await;
    }
    advance(seconds(50)).await;
    for _ in 0..3 {
        for uri in &uris {
            assert_eq!(rig.get(uri).await.waited, ms(0));
        }
    }
    settle().await;
    assert_eq!(rig.upstream.in_flight(), 3);
    assert!(rig.layer.stats().refreshes_full > 0);
    gate.open();
    settle().await;
    for _ in 0..3 {
        for uri in &uris {
            rig.get(uri).await;
        }
        settle().await;
    }
    assert_eq!(
        (rig.upstream.calls(), rig.upstream.max_in_flight()),
        (20, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_paid_for_by_hits() {
    let layer = always_early().budget(0.1);
    let rig = Rig::new(layer, numbered(|n| fresh(60, &n.to_string(), ms(500))));
    rig.get("/").await;
    advance(seconds(50)).await;
    for _ in 0..9 {
        rig.get("/").await;
        settle().await;
    }
    assert_eq!(
        (rig.upstream.calls(), rig.layer.stats().refreshes_unpaid),
        (1, 9)
    );
    rig.get("/").await;
    settle().await;
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_runs_in_a_span_of_its_own() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let rig = {
        let seen = Arc::clone(&seen);
        Rig::new(always_early(), move |_| {
            seen.lock().push(
                tracing::Span::current()
                    .metadata()
                    .map(tracing::Metadata::name),
            );
            fresh(60, "x", ms(500))
        })
    };
    let _guard = scrimp_testkit::listen(tracing_subscriber::registry());
    rig.get("/").await;
    advance(seconds(59)).await;
    rig.get("/").await;
    let span = tracing::info_span!("caller");
    tracing::Instrument::instrument(rig.get("/"), span).await;
    settle().await;
    assert_eq!(*seen.lock(), [None, Some("background")]);
}
