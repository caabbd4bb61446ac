//! Rates, pauses and limits of time, under a paused clock.

mod rig;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rig::{Rig, page, reply, targets};
use scrimp_limit::LimitLayer;
use scrimp_testkit::{Gate, Reply, Scripted};
use scrimp_warm::{StopReason, Warmer};
use tokio::time::Instant;
use tower::Layer;

type Body = http_body_util::Full<bytes::Bytes>;

/// Returns a rig that notes when each call begins.
fn noting(answer: impl Fn(&http::request::Parts) -> Reply + Send + Sync + 'static) -> (Rig, Times) {
    let times = Times::default();
    let noted = Arc::clone(&times);
    let rig = Rig::answering(move |parts| {
        noted.lock().push(Instant::now());
        answer(parts)
    });
    (rig, times)
}

type Times = Arc<Mutex<Vec<Instant>>>;

/// Returns the highest number of calls in any interval of this length.
fn most_within(times: &[Instant], interval: Duration) -> usize {
    let within = |first: &Instant| {
        let until = *first + interval;
        times
            .iter()
            .filter(|time| (*first..until).contains(*time))
            .count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_in_every_second() {
    let (rig, times) = noting(|parts| page(parts).delay(Duration::from_millis(300)));
    let report = rig
        .warm(Warmer::builder().rate_per_second(10).concurrency(50), 100)
        .await;
    let times = times.lock().clone();
    assert_eq!((report.stored, times.len()), (100, 100));
    assert_eq!(most_within(&times, Duration::from_secs(1)), 10);
    assert_eq!(
        most_within(&times, Duration::from_millis(100)),
        1,
        "no burst"
    );
    let took = times[99] - times[0];
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_call_in_a_minute_is_a_rate_too() {
    let (rig, times) = noting(page);
    rig.warm(Warmer::builder().one_call_per(Duration::from_secs(60)), 4)
        .await;
    let times = times.lock().clone();
    assert_eq!((times[3] - times[0]).as_secs(), 180);
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_be_shared_with_others() {
    let limit = LimitLayer::per_second(5).burst(1).build().unwrap();
    let (rig, times) = noting(page);
    let (one, other) = (
        rig.warm(Warmer::builder().rate_limit(limit.clone()), 20),
        rig.warm(Warmer::builder().rate_limit(limit.clone()), 40),
    );
    tokio::join!(one, other);
    let times = times.lock().clone();
    assert!(
        most_within(&times, Duration::from_secs(1)) <= 6,
        "{times:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_respected_and_the_request_is_made_again() {
    let refusals = AtomicUsize::new(0);
    let (rig, times) = noting(move |parts| {
        if parts.uri.path() == "/2" && refusals.fetch_add(1, Relaxed) < 2 {
            return reply(parts, 503, &[("retry-after", "30")]);
        }
        page(parts)
    });
    let report = rig.warm(Warmer::builder().concurrency(1), 5).await;
    assert_eq!((report.stored, report.refused, report.errors()), (5, 2, 0));
    assert_eq!((report.calls, report.paused.as_secs()), (5, 60));
    let times = times.lock().clone();
    let pauses: Vec<_> = times
        .windows(2)
        .map(|two| (two[1] - two[0]).as_secs())
        .collect();
    assert_eq!(pauses, [0, 0, 30, 30, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_in_the_stack_that_refuses_makes_the_run_pause() {
    let limit = LimitLayer::per_second(1).burst(4).max_wait(Duration::ZERO);
    let limit = limit.build().unwrap();
    let (scripted, upstream) = Scripted::answering(page);
    let cache = scrimp_cache::CacheLayer::new(scrimp_cache::MemoryStore::new(1 << 20));
    let stack = cache.layer(limit.layer(scripted));
    let warmer = Warmer::builder().concurrency(8).build().unwrap();
    let begun = Instant::now();
    let report = warmer.run::<_, Body>(stack, &targets(24)).await.unwrap();
    assert_eq!(
        (report.stored, report.calls, upstream.calls()),
        (24, 24, 24)
    );
    assert!(report.refused > 0 && report.stopped.is_none());
    assert!(
        begun.elapsed() >= Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_for_ever_ends_the_run() {
    let (rig, times) = noting(|parts| reply(parts, 429, &[]));
    let report = rig.warm(Warmer::builder().concurrency(1), 5).await;
    assert_eq!(report.stopped, Some(StopReason::Refused));
    assert_eq!((report.refused, report.left, report.calls), (10, 5, 0));
    // Without Retry-After, the pauses grow up to a minute.
    let times = times.lock().clone();
    let pauses: Vec<_> = times
        .windows(2)
        .map(|two| (two[1] - two[0]).as_secs())
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_success_between_two_refusals_of_calls_in_flight_is_no_end() {
    let refusals = AtomicUsize::new(0);
    let (rig, _) = noting(move |parts| match parts.uri.path() {
        "/0" | "/2" if refusals.fetch_add(1, Relaxed) < 2 => {
            let last = parts.uri.path() == "/2";
            let delay = Duration::from_millis(if last { 300 } else { 100 });
            reply(parts, 429, &[]).delay(delay)
        }
        _ => page(parts).delay(Duration::from_millis(200)),
    });
    let report = rig.warm(Warmer::builder().concurrency(3), 5).await;
    assert_eq!((report.refused, report.stored), (2, 5));
    assert!(report.stopped.is_none() && report.paused > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_too_long_ends_the_run() {
    let (rig, times) = noting(|parts| reply(parts, 429, &[("retry-after", "86400")]));
    let report = rig.warm(Warmer::builder().concurrency(1), 5).await;
    assert_eq!(
        (report.stopped, report.left),
        (Some(StopReason::Refused), 5)
    );
    assert_eq!(times.lock().len(), 1);
    let longer = Warmer::builder().concurrency(1).max_refusals(2);
    let longer = longer.max_pause(Duration::from_secs(86_400));
    assert_eq!(rig.warm(longer, 5).await.refused, 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_end_in_time_is_given_up() {
    let gate = Gate::new();
    let held = gate.clone();
    let rig = Rig::answering(move |parts| {
        let body = scrimp_testkit::ScriptedBody::new();
        let never = body.data("x").gate(&held).data("y");
        match parts.uri.path() {
            "/0" => Reply::body(never),
            "/1" => page(parts).gate(&held),
            _ => page(parts),
        }
    });
    let report = rig
        .warm(Warmer::builder().timeout(Duration::from_secs(2)), 3)
        .await;
    assert_eq!((report.timed_out, report.stored), (2, 1));
    assert_eq!(report.took.as_secs(), 2);
    assert_eq!(rig.upstream.in_flight(), 0);
}
