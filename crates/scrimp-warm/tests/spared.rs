//! The use of warming, as callers come.

mod rig;

use std::time::Duration;

use rig::{Rig, ask, is_hit, page, targets};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_testkit::{Scripted, Subject, contract};
use scrimp_warm::{Spared, SparedLayer, Warmer};
use tokio::time::{advance, sleep};
use tower::Layer;

type Body = http_body_util::Full<bytes::Bytes>;

mod laws {
    use super::*;

    fn layer() -> SparedLayer {
        Spared::new().layer()
    }

    contract!(Subject::new(layer));
}

#[tokio::test(start_paused = true)]
async fn hits_of_callers_on_warmed_responses_are_counted_and_nothing_else() {
    let rig = Rig::answering(|parts| page(parts).delay(Duration::from_millis(200)));
    let spared = Spared::new();
    let stack = spared.layer().layer(rig.stack.clone());
    // Stored by a caller, before.
    ask(stack.clone(), "/9", &[]).await;
    let warmer = Warmer::builder().price("0.01").jitter(0.0).spared(&spared);
    rig.warm(warmer, 10).await;
    let report = spared.report();
    assert_eq!((report.warmed, report.used, report.hits), (9, 0, 0));
    assert_eq!(report.cost.to_string(), "$0.09");

    sleep(Duration::from_secs(60)).await;
    for path in ["/0", "/0", "/1", "/9", "/unknown"] {
        ask(stack.clone(), path, &[]).await;
    }
    // The warmer itself is no caller.
    let again = Warmer::builder().build().unwrap();
    again
        .run::<_, Body>(stack.clone(), &targets(10))
        .await
        .unwrap();
    let report = spared.report();
    assert_eq!((report.used, report.hits), (2, 3));
    assert_eq!(report.waiting, Duration::from_millis(400));
    assert_eq!(report.used_cost.to_string(), "$0.02");

    // Once it has expired, and a caller has fetched it again, it is not the warmed one.
    advance(Duration::from_secs(3_600)).await;
    for _ in 0..2 {
        sleep(Duration::from_secs(60)).await;
        ask(stack.clone(), "/2", &[]).await;
    }
    assert!(is_hit(&ask(stack.clone(), "/2", &[]).await));
    assert_eq!(spared.report().hits, 3);
}

#[tokio::test(start_paused = true)]
async fn variants_are_told_apart() {
    let rig = Rig::answering(|parts| {
        let fields = [("cache-control", "max-age=60"), ("vary", "accept-encoding")];
        rig::reply(parts, 200, &fields)
    });
    let spared = Spared::new();
    let stack = spared.layer().layer(rig.stack.clone());
    let builder = Warmer::builder().variant("accept-encoding", "br");
    let builder = builder.variant("accept-encoding", "gzip").spared(&spared);
    rig.warm(builder, 1).await;
    for coding in ["br", "gzip"] {
        ask(stack.clone(), "/0", &[("accept-encoding", coding)]).await;
    }
    let report = spared.report();
    assert_eq!((report.warmed, report.used, report.hits), (2, 2, 2));
}

#[tokio::test]
async fn a_hundred_times_too_many_responses_are_forgotten_the_oldest_first() {
    let (scripted, _upstream) = Scripted::answering(page);
    let cache = CacheLayer::new(MemoryStore::new(64 << 20));
    let spared = Spared::with_max(10).unwrap();
    let stack = spared.layer().layer(cache.layer(scripted));
    let warmer = Warmer::builder()
        .concurrency(1)
        .spared(&spared)
        .build()
        .unwrap();
    warmer
        .run::<_, Body>(stack.clone(), &targets(1_000))
        .await
        .unwrap();
    let report = spared.report();
    assert_eq!((report.warmed, report.forgotten), (1_000, 990));
    for number in 980..1_000 {
        ask(stack.clone(), &format!("/{number}"), &[]).await;
    }
    assert_eq!(spared.report().used, 10);
    assert!(Spared::with_max(0).is_err());
}
