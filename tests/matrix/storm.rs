//! All failures at once: callers that are dropped at any time, bodies that break off, panics.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    api::pattern,
    between::OneAtATime,
    front::{Front, Place},
    order::Order,
};

const CALLS: usize = 400;

/// Returns one of a few paths, so that many requests are equal, to slow pages.
fn path(random: &mut fastrand::Rng) -> String {
    match random.u8(0..8) {
        0..4 => format!("/slow/{}", random.usize(0..6) * 9000),
        4 => format!("/live/{}", random.u8(1..3)),
        5 => format!("/api/items/{}", random.u8(20..40)),
        6 => format!("/broken/{}", random.u8(0..4)),
        _ => format!("/panic/{}", random.u16(0..200)),
    }
}

/// Sends a request, reads some of the response or all of it, and may be dropped at any time.
async fn call(front: &Front, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    sleep(Duration::from_millis(random.u64(0..200))).await;
    let request = front.request(&path(&mut random));
    let reads = random.usize(0..6);
    let leaves = Instant::now() + Duration::from_millis(random.u64(0..40));
    let call = tower::ServiceExt::oneshot(front.client.clone(), request);
    let read = async move {
        let Ok(response) = call.await else { return };
        let mut body = response.into_body();
        for _ in 0..reads {
            match body.frame().await {
                Some(Ok(_)) => {}
                _ => return,
            }
        }
        if reads > 2 {
            // The remaining callers read to the end.
            let _ = body.collect().await;
        }
    };
    if random.bool() {
        read.await;
        return;
    }
    tokio::select! {
        () = read => {}
        () = sleep_until(leaves) => {}
    }
}

async fn storm(order: &Order, seed: u64) {
    let limit = OneAtATime::default();
    let front = std::sync::Arc::new(Front::over(Place::InProcess, order, &limit).await);
    let calls: Vec<_> = (0..CALLS as u64)
        .map(|n| {
            let front = std::sync::Arc::clone(&front);
            tokio::spawn(async move { call(&front, seed * 1_000_003 + n).await })
        })
        .collect();
    for call in calls {
        let ended = timeout(Duration::from_secs(3600), call).await;
        // Scripted panics reach their callers.
        let _ = ended.unwrap_or_else(|_| panic!("{front:?}: seed {seed}: one hangs"));
    }
    sleep(Duration::from_secs(60)).await;
    front.at_rest(&format!("after the storm of seed {seed}"));
    assert_eq!(limit.most(), 1, "{front:?}");
    for n in 0..6 {
        let answer = front.get(&format!("/slow/{}", n * 9000)).await;
        assert!(answer.body == pattern(n * 9000), "{front:?}: seed {seed}");
    }
    for n in 20..40 {
        let answer = front.get(&format!("/api/items/{n}")).await;
        assert_eq!(
            answer.body,
            format!("{{\"item\":{n}}}"),
            "{front:?}: seed {seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_everything_is_at_rest_and_works() {
    for (seed, order) in (0..).zip(Order::matrix()) {
        storm(&order, seed).await;
    }
}
