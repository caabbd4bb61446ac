//! The rate, in virtual time.

mod rig;

use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use rig::{Rig, by_user, ms, request};
use scrimp_core::{RateLimit, extensions::Deadline};
use scrimp_limit::LimitLayer;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn requests_above_the_burst_pass_at_the_rate() {
    let rig = Rig::new(LimitLayer::per_second(10).burst(5));
    let start = Instant::now();
    let times = (0..25).map(|_| async {
        assert_eq!(rig.status(request("ann", 1)).await, 200);
        start.elapsed()
    });
    let times = join_all(times).await;
    assert!(times[..5].iter().all(|time| *time < ms(10)), "{times:?}");
    for (n, time) in (1..).zip(&times[5..]) {
        let due = ms(100 * n);
        assert!(*time >= due && *time < due + ms(5), "{times:?}");
    }
    let stats = rig.layer.stats();
    assert_eq!((stats.requests, stats.waited, stats.refused), (25, 20, 0));
    assert_eq!((stats.waiting, rig.upstream.calls()), (0, 25));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_wait_too_long_is_refused_at_once_with_its_time() {
    let rig = Rig::new(LimitLayer::per_minute(1).max_wait(Duration::from_secs(100)));
    let start = Instant::now();
    let ask = || rig.send(request("ann", 1));
    let (first, second, third) = tokio::join!(ask(), ask(), async {
        let refused = ask().await;
        assert!(start.elapsed() < ms(10));
        refused
    });
    assert_eq!(
        (
            first.unwrap().status().as_u16(),
            second.unwrap().status().as_u16()
        ),
        (200, 200)
    );
    let refused = third.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "120");
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    let kind = br#"{"type":"urn:scrimp:limit:too-many-requests""#;
    assert!(refused.body().starts_with(kind), "{:?}", refused.body());
    assert_eq!((rig.layer.stats().refused, rig.upstream.calls()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_passes_after_the_time_of_its_refusal() {
    let rig = Rig::new(LimitLayer::per_minute(4).burst(1).max_wait(Duration::ZERO));
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    let refused = rig.send(request("ann", 1)).await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "15");
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(rig.status(request("ann", 1)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shortens_the_wait() {
    let rig = Rig::new(LimitLayer::per_second(1));
    let due = |time| {
        let mut request = request("ann", 1);
        request
            .extensions_mut()
            .insert(Deadline(Instant::now() + time));
        request
    };
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    let start = Instant::now();
    assert_eq!(rig.status(due(ms(900))).await, 429);
    assert!(start.elapsed() < ms(10));
    assert_eq!(rig.status(due(ms(1_100))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_limit_of_its_own_and_a_weight_counts() {
    let rig = Rig::new(by_user(LimitLayer::per_second(100)).max_wait(Duration::ZERO));
    assert_eq!(rig.status(request("ann", 60)).await, 200);
    assert_eq!(rig.status(request("ann", 60)).await, 429);
    assert_eq!(rig.status(request("ann", 40)).await, 200);
    assert_eq!(rig.status(request("ann", 0)).await, 200, "it takes nothing");
    assert_eq!(rig.status(request("bob", 100)).await, 200);
    tokio::time::advance(ms(600)).await;
    assert_eq!(rig.status(request("ann", 60)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_heavier_than_the_burst_waits_for_all_of_its_weight_in_its_turn() {
    let rig = Rig::new(by_user(LimitLayer::per_second(100)).burst(10));
    let start = Instant::now();
    let timed = |weight| {
        let sent = rig.send(request("ann", weight));
        async move {
            assert_eq!(sent.await.unwrap().status(), 200);
            start.elapsed().as_millis()
        }
    };
    let (heavy, light) = tokio::join!(timed(210), timed(1));
    assert!((2_000..2_020).contains(&heavy), "{heavy} ms");
    assert!(
        (2_010..2_030).contains(&light),
        "{light} ms: it does not overtake"
    );
}

#[tokio::test(start_paused = true)]
async fn other_layers_count_against_the_same_limit() {
    let rig = Rig::new(LimitLayer::per_second(10).max_wait(Duration::ZERO));
    let start = Instant::now();
    rig.layer.take(35).await;
    assert!((ms(2_500)..ms(2_520)).contains(&start.elapsed()));
    assert_eq!(rig.status(request("ann", 1)).await, 429);
}

#[test]
fn a_request_that_cannot_wait_without_a_runtime_is_refused() {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };
    let rig = Rig::new(LimitLayer::per_second(1));
    let once = || {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(rig.send(request("ann", 1))).poll(&mut context) {
            Poll::Ready(response) => response.unwrap().status().as_u16(),
            Poll::Pending => panic!("the upstream responds at once"),
        }
    };
    assert_eq!((once(), once()), (200, 429));
}

#[test]
fn a_setting_out_of_its_range_is_an_error_with_its_name() {
    let error = |builder: scrimp_limit::LimitLayerBuilder| builder.build().unwrap_err().to_string();
    let per_second = || LimitLayer::per_second(1);
    assert_eq!(
        error(LimitLayer::per_second(0)),
        "LimitLayer: `count` must be at least 1, not 0"
    );
    assert_eq!(
        error(LimitLayer::per(1, Duration::ZERO)),
        "LimitLayer: `per` must be at least 1ns, not 0ns"
    );
    assert_eq!(
        error(per_second().burst(0)),
        "LimitLayer: `burst` must be at least 1, not 0"
    );
    assert_eq!(
        error(per_second().max_keys(0)),
        "LimitLayer: `max_keys` must be at least 1, not 0"
    );
    let long = error(per_second().burst(u32::MAX));
    assert!(
        long.starts_with("LimitLayer: `burst` must be replenished within 366 days"),
        "{long}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In every span of time no more passes than the burst and what the rate adds.
    #[test]
    fn no_span_of_time_has_more_than_its_rate(
        rate in 1_u32..200,
        burst in 1_u32..20,
        pauses in prop::collection::vec((0_u64..200, 1_u32..30), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let passed = runtime.block_on(async {
            let start = Instant::now();
            let builder = LimitLayer::per_second(rate).burst(burst);
            let rig = Rig::new(by_user(builder).max_wait(Duration::from_secs(3_600)));
            let mut sent = Vec::new();
            for (pause, weight) in &pauses {
                tokio::time::sleep(ms(*pause)).await;
                let response = rig.send(request("ann", *weight));
                let weight = *weight;
                sent.push(tokio::spawn(async move {
                    assert_eq!(response.await.unwrap().status(), 200);
                    (start.elapsed(), weight)
                }));
            }
            let passed = join_all(sent).await;
            passed.into_iter().map(Result::unwrap).collect::<Vec<_>>()
        });
        // In order; a request heavier than the burst has taken its weight by then.
        prop_assert!(passed.windows(2).all(|two| two[0].0 <= two[1].0), "{:?}", passed);
        for (n, (from, first)) in passed.iter().enumerate() {
            let mut weight = (*first).min(burst);
            for (to, next) in &passed[n + 1..] {
                weight += next;
                let most = f64::from(burst) + (*to - *from).as_secs_f64() * f64::from(rate);
                prop_assert!(f64::from(weight) <= most + 1.0, "{} in {:?}", weight, *to - *from);
            }
        }
    }
}
