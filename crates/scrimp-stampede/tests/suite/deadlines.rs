//! A caller's own time limit, while it waits for the fill of another caller.

use crate::common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{Caller, Rig, ask, fresh, ms, never_early, reply, request, respond, seconds, settle};
use http::{Request, request::Parts};
use http_body_util::Full;
use scrimp_core::extensions::Deadline;
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tokio::time::{Instant, advance};

/// Returns a request with a time limit.
fn within(time: Duration) -> Request<Full<Bytes>> {
    let mut request = request("/", &[]);
    let deadline = Deadline(Instant::now() + time);
    request.extensions_mut().insert(deadline);
    request
}

fn call(rig: &Rig, time: Duration) -> Caller {
    tokio::spawn(ask(rig.service.clone(), within(time)))
}

fn slow() -> impl Fn(&Parts) -> Reply + Send + Sync + 'static {
    |parts| {
        let own = parts.extensions.get::<Deadline>();
        assert_eq!(own, None, "the limit of one caller of many");
        fresh(60, "late", seconds(2))
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_is_answered_at_its_own_limit_and_the_fill_goes_on() {
    let rig = Rig::new(never_early(), slow());
    let leader = rig.call("/");
    settle().await;
    let hasty = rig.send(within(ms(300))).await.unwrap();
    assert_eq!((hasty.status.as_u16(), hasty.waited), (504, ms(300)));
    assert_eq!(
        hasty.header("proxy-status"),
        "scrimp-stampede; error=http_response_timeout; details=\"deadline\""
    );
    assert!(hasty.text().contains("urn:scrimp:stampede:deadline"));
    let filled = leader.await.unwrap().unwrap();
    assert_eq!((filled.text(), filled.waited), ("late", seconds(2)));
    let stats = rig.layer.stats();
    assert_eq!(
        (rig.upstream.calls(), stats.timed_out, stats.refused),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_is_answered_at_its_own_limit_and_its_call_fills_the_key_for_the_others() {
    let rig = Rig::new(never_early(), slow());
    let leader = call(&rig, seconds(1));
    settle().await;
    let others = [rig.call("/"), call(&rig, seconds(3))];
    let led = leader.await.unwrap().unwrap();
    assert_eq!((led.status.as_u16(), led.waited), (504, seconds(1)));
    for other in others {
        let other = other.await.unwrap().unwrap();
        assert_eq!((other.text(), other.is_hit()), ("late", true));
        assert_eq!(other.waited, ms(1_999));
    }
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_its_leader_has_left_ends_with_the_last_one_who_waits() {
    let gate = Gate::new();
    let rig = {
        let gate = gate.clone();
        Rig::new(never_early(), move |_| reply(200, &[], "never").gate(&gate))
    };
    let callers = [call(&rig, seconds(1)), call(&rig, seconds(2))];
    gate.reached(1).await;
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status, 504);
        assert!(gate.waiting() <= 1);
    }
    settle().await;
    assert_eq!((gate.waiting(), rig.upstream.calls()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_leader_has_left_may_fail_without_harm() {
    let failures: [fn() -> Reply; 2] = [|| Reply::error("down"), Reply::panic];
    for failure in failures {
        let calls = AtomicUsize::new(0);
        let rig = Rig::new(never_early(), move |_| match calls.fetch_add(1, Relaxed) {
            0 => failure().delay(seconds(2)),
            _ => fresh(60, "again", ms(0)),
        });
        let leader = call(&rig, seconds(1));
        settle().await;
        let follower = rig.call("/");
        assert_eq!(leader.await.unwrap().unwrap().status, 504);
        let follower = follower.await.unwrap().unwrap();
        assert_eq!((follower.text(), follower.waited), ("again", ms(1_999)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hit_that_turns_out_to_be_a_miss_is_held_to_the_limit_too() {
    let rig = Rig::new(never_early(), slow());
    for _ in 0..2 {
        assert_eq!(rig.get("/").await.text(), "late");
    }
    rig.cache
        .invalidator()
        .invalidate(&scrimp_cache::Invalidation::everything());
    let leader = call(&rig, seconds(1));
    settle().await;
    let follower = rig.call("/");
    assert_eq!(leader.await.unwrap().unwrap().status, 504);
    assert_eq!(follower.await.unwrap().unwrap().waited, ms(1_999));
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_limit_has_passed_takes_a_hit_and_starts_no_call() {
    let rig = Rig::new(never_early(), |_| fresh(60, "one", ms(0)));
    let late = rig.send(within(ms(0))).await.unwrap();
    assert_eq!((late.status.as_u16(), rig.upstream.calls()), (504, 0));
    assert_eq!(rig.get("/").await.text(), "one");
    assert_eq!(rig.send(within(ms(1))).await.unwrap().text(), "one");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_behind_a_response_has_no_limit() {
    let limits = Arc::new(AtomicUsize::new(0));
    let rig = {
        let limits = Arc::clone(&limits);
        Rig::new(common::always_early(), move |parts| {
            let due = scrimp_core::extensions::DueBy::of(&parts.extensions);
            limits.fetch_add(usize::from(due.is_some()), Relaxed);
            fresh(60, "one", seconds(1))
        })
    };
    rig.get("/").await;
    advance(seconds(50)).await;
    while rig.layer.stats().refreshes == 0 {
        let answer = rig.send(within(ms(1))).await.unwrap();
        assert!(answer.is_hit(), "{answer:?} {:?}", rig.layer.stats());
    }
    advance(seconds(2)).await;
    settle().await;
    assert_eq!((rig.upstream.calls(), limits.load(Relaxed)), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn followers_leave_in_the_order_of_their_limits_and_a_body_under_way_is_read_on() {
    let rig = Rig::new(never_early(), |_| {
        let body = ScriptedBody::new().data("be").delay(seconds(2)).data("gun");
        respond(200, &[("cache-control", "max-age=60")], body)
    });
    let leader = rig.call("/");
    settle().await;
    let callers: Vec<_> = (1..=3).map(|n| call(&rig, seconds(n))).collect();
    let mut seen = Vec::new();
    for caller in callers {
        let answer = caller.await.unwrap().unwrap();
        seen.push((answer.status.as_u16(), answer.waited));
    }
    let whole = ms(1_999);
    assert_eq!(seen, [(504, seconds(1)), (200, whole), (200, whole)]);
    assert_eq!(leader.await.unwrap().unwrap().text(), "begun");
    assert_eq!(rig.upstream.calls(), 1);
}
