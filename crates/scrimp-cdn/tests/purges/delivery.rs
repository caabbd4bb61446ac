//! Delivery: batches, duplicates, and the end of a purger.

use std::{num::NonZeroU32, time::Duration};

use governor::Quota;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_cdn::{CdnPurger, Fastly, Nginx};
use scrimp_core::Governed;
use scrimp_testkit::Gate;
use tower::{ServiceExt, service_fn};

use crate::rig::{Script, invalidate, tags};

#[tokio::test(start_paused = true)]
async fn purges_at_the_same_time_are_one_request() {
    let script = Script::default();
    let purger = CdnPurger::builder(Fastly::new("s", "t"));
    let purger = purger.build(script.service()).unwrap();
    for invalidation in tags(50) {
        invalidate(&purger, &[invalidation.clone(), invalidation]);
        tokio::task::yield_now().await;
    }
    purger.delivered().await;
    assert_eq!(script.calls(), 1);
    let stats = purger.stats();
    assert_eq!(
        (stats.purges, stats.duplicates, stats.delivered),
        (100, 50, 50)
    );
}

#[tokio::test(start_paused = true)]
async fn a_purge_during_the_request_of_an_equal_one_is_sent_again() {
    let (script, gate) = (Script::default(), Gate::new());
    let (inner, held) = (script.service(), gate.clone());
    let transport = service_fn(move |request| {
        let (inner, opened) = (inner.clone(), held.opened());
        async move {
            let response = inner.oneshot(request).await;
            opened.await;
            response
        }
    });
    let purger = CdnPurger::builder(Fastly::new("s", "t"));
    let purger = purger.gather(Duration::ZERO).build(transport).unwrap();
    invalidate(&purger, &tags(1));
    script.called.notified().await;
    // The CDN may have carried out the first one before the second change.
    invalidate(&purger, &tags(1));
    gate.open();
    purger.delivered().await;
    assert_eq!(script.paths(), ["/service/s/purge/t0"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_is_repeated_once_if_the_operator_says_so() {
    let script = Script::default();
    let after = Duration::from_secs(30);
    let quick = Governed::new(Quota::per_second(NonZeroU32::MAX));
    let purger = CdnPurger::builder(Fastly::new("s", "t")).repeat_after(after);
    let purger = purger.item_limit(quick).build(script.service()).unwrap();
    invalidate(&purger, &tags(1));
    purger.delivered().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    // It is gathered with the first one.
    invalidate(&purger, &tags(2)[1..]);
    purger.delivered().await;
    assert_eq!(script.calls(), 2);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(script.calls(), 3);
    let pause = script.pauses()[1];
    assert!(pause > after && pause < 2 * after, "{pause:?}");
    assert_eq!(script.bodies()[2], r#"{"surrogate_keys":["t0","t1"]}"#);
    // What is accepted within the time is as bounded as the queue.
    for part in tags(20_000).chunks(1_000) {
        invalidate(&purger, part);
        purger.delivered().await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(script.paths().last().unwrap(), "/service/s/purge_all");
}

#[tokio::test(start_paused = true)]
async fn a_request_of_an_operator_that_invalidates_one_key_purges_its_uri() {
    let script = Script::default();
    let purger = CdnPurger::builder(Fastly::new("s", "t"));
    let purger = purger.build(script.service()).unwrap();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).purger(purger.clone());
    let invalidator = cache.build().unwrap().invalidator();
    let request = http::Request::get("/7?x=1")
        .header("host", "a.test")
        .body(());
    invalidator.invalidate_request(&request.unwrap());
    purger.delivered().await;
    assert_eq!(script.paths(), ["/purge/a.test/7"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_cdn_cannot_do_is_left_out_if_the_operator_says_so() {
    let script = Script::default();
    let purger = CdnPurger::builder(Nginx::new("http://127.0.0.1:1")).skip_unsupported();
    let purger = purger.build(script.service()).unwrap();
    invalidate(&purger, &tags(3));
    purger.delivered().await;
    assert_eq!((script.calls(), purger.stats().skipped), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn workers_end_with_the_last_handle() {
    let script = Script::default();
    let purger = CdnPurger::builder(Fastly::new("s", "t"));
    let purger = purger.build(script.service()).unwrap();
    let metrics = tokio::runtime::Handle::current().metrics();
    assert_eq!(metrics.num_alive_tasks(), 4);
    let copy = purger.clone();
    drop(purger);
    invalidate(&copy, &tags(1));
    copy.delivered().await;
    assert_eq!((script.calls(), metrics.num_alive_tasks()), (1, 4));
    drop(copy);
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 0);
}

#[test]
fn a_purger_without_a_runtime_is_a_wrong_setting() {
    let purger = CdnPurger::builder(Fastly::new("s", "t")).build(Script::default().service());
    let error = purger.unwrap_err().to_string();
    assert_eq!(
        error,
        "CdnPurger: `transport` must be given within a tokio runtime"
    );
}

#[tokio::test]
async fn settings_out_of_range_are_named() {
    let built =
        |api: Fastly, change: fn(scrimp_cdn::CdnPurgerBuilder) -> scrimp_cdn::CdnPurgerBuilder| {
            let builder = change(CdnPurger::builder(api));
            builder
                .build(Script::default().service())
                .unwrap_err()
                .to_string()
        };
    let good = || Fastly::new("s", "t");
    assert!(built(good(), |builder| builder.capacity(15)).contains("`capacity`"));
    assert!(built(good(), |builder| builder.parallel(0)).contains("`parallel`"));
    let shorter = |builder: scrimp_cdn::CdnPurgerBuilder| {
        builder.retries(Duration::from_secs(2), Duration::from_secs(1))
    };
    assert!(built(good(), shorter).contains("`retries`"));
    let as_is = |builder| builder;
    assert!(built(Fastly::new("s/../t", "t"), as_is).contains("`service`"));
    assert!(built(good().endpoint("api"), as_is).contains("`endpoint`"));
    assert!(built(good().site("/a"), as_is).contains("`site`"));
}
