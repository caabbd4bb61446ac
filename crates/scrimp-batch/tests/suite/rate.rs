//! Rate limits, in virtual time.
#![cfg(feature = "governor")]

use crate::support;

use std::{num::NonZeroU32, time::Duration};

use futures_util::future::{join, join_all};
use scrimp_batch::{BatchLayer, Governed, RateLimit, RestJson};
use serde_json::json;
use tokio::time::Instant;
use tower::Layer;

use support::{Upstream, get, send, status};

fn per_second(count: u32) -> Governed {
    Governed::new(governor::Quota::per_second(NonZeroU32::new(count).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_as_many_requests_as_it_has_items_even_above_the_burst() {
    let upstream = Upstream::rest(|url, _| status(200, json!(url)));
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .rate_limit(per_second(10))
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    let start = Instant::now();
    let answers = join_all((0..35).map(|n| send(service.clone(), get(&format!("/{n}"))))).await;
    assert!(answers.iter().all(Result::is_ok));
    // Ten at once, and 25 more at ten per second.
    let time = start.elapsed();
    assert!(
        (Duration::from_millis(2_400)..=Duration::from_millis(2_600)).contains(&time),
        "{time:?}"
    );
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_serves_callers_in_order() {
    let limit = per_second(10);
    limit.take(10).await;
    let start = Instant::now();
    let large = async {
        limit.take(30).await;
        start.elapsed()
    };
    let small = async {
        limit.take(1).await;
        start.elapsed()
    };
    let (large, small) = join(large, small).await;
    assert!(large < small, "{large:?} {small:?}");
}
