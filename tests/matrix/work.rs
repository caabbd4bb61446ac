//! In sensible orders, every layer does its work.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{
    api::pattern,
    front::{Front, Place},
    order::{Kind, Order},
};

const PLACES: [Place; 4] = [Place::InProcess, Place::Axum, Place::Hyper, Place::Reqwest];

/// Checks every place and every sensible order of all layers.
async fn everywhere(check: impl AsyncFn(&Front)) {
    for order in Order::sensible() {
        for place in PLACES {
            check(&Front::batching(place, &order, 10).await).await;
        }
    }
}

async fn at_once(front: &Front, path: impl Fn(usize) -> String, count: usize) {
    let paths: Vec<_> = (0..count).map(path).collect();
    let answers = join_all(paths.iter().map(|path| front.get(path))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{front:?}: {answers:?}"
    );
}

#[tokio::test]
async fn a_stored_response_causes_no_new_call() {
    everywhere(async |front| {
        for _ in 0..10 {
            assert_eq!(
                front.get("/bytes/100").await.body,
                pattern(100),
                "{front:?}"
            );
        }
        let hits = front.layers.cache.stats().hits;
        assert_eq!((front.world.calls(), hits), (1, 9), "{front:?}");
    })
    .await;
}

#[tokio::test]
async fn simultaneous_equal_requests_make_one_call() {
    everywhere(async |front| {
        at_once(front, |_| "/stream/100000".to_owned(), 50).await;
        assert_eq!(front.world.calls(), 1, "{front:?}");
    })
    .await;
}

#[tokio::test]
async fn unstorable_responses_are_shared_too() {
    everywhere(async |front| {
        // Stampede protection learns that there is no response to wait for.
        front.get("/live/100").await;
        at_once(front, |_| "/live/100".to_owned(), 20).await;
        let joined = front.layers.coalesce.stats().joined;
        let calls = front.world.calls();
        assert!(
            joined > 0 && calls < 21,
            "{front:?}: {calls} calls, {joined} joined"
        );
    })
    .await;
}

#[tokio::test]
async fn items_go_in_batches_and_are_stored_one_by_one() {
    everywhere(async |front| {
        at_once(front, |n| format!("/api/items/3{n}"), 10).await;
        assert_eq!(front.world.batched(), (1, 10), "{front:?}");
        for n in 0..10 {
            front.get(&format!("/api/items/3{n}")).await;
        }
        assert_eq!(front.world.calls(), 1, "{front:?}");
    })
    .await;
}

#[tokio::test]
async fn the_cheap_provider_is_called_and_the_expensive_one_if_it_fails() {
    everywhere(async |front| {
        front.get("/once/1").await;
        assert_eq!(
            front.get("/unavailable/7").await.body,
            pattern(7),
            "{front:?}"
        );
        assert_eq!(
            front.world.providers(),
            ["cheap", "cheap", "dear"],
            "{front:?}"
        );
        // The response of the other provider is stored like any other.
        front.get("/unavailable/7").await;
        assert_eq!(front.world.calls(), 3, "{front:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn responses_are_refreshed_before_they_expire_and_no_caller_waits() {
    for order in Order::sensible() {
        let front = Front::new(Place::InProcess, &order).await;
        for _ in 0..4 {
            front.get("/bytes/100").await;
        }
        sleep(Duration::from_secs(40)).await;
        let before = tokio::time::Instant::now();
        front.get("/bytes/100").await;
        assert_eq!(before.elapsed(), Duration::ZERO, "{front:?}");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(front.layers.stampede.stats().refreshes, 1, "{front:?}");
        sleep(Duration::from_secs(30)).await;
        // Without a refresh it would have expired by now.
        front.get("/bytes/100").await;
        let stats = front.layers.cache.stats();
        assert_eq!(
            (front.world.calls(), stats.hits),
            (2, 5),
            "{front:?}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn a_pair_of_layers_does_the_work_of_both() {
    for order in Order::pairs() {
        for place in PLACES {
            let front = Front::batching(place, &order, 10).await;
            for _ in 0..2 {
                at_once(&front, |n| format!("/api/items/{n}"), 10).await;
            }
            let (batches, items) = front.world.batched();
            if order.has(Kind::Batch) {
                assert!(batches > 0 && items == batches * 10, "{front:?}: {items}");
            }
            // A batch outside of the cache is never found in it.
            if order.has(Kind::Cache) && !order.puts(Kind::Batch, Kind::Cache) {
                assert_eq!(front.layers.cache.stats().hits, 10, "{front:?}");
            }
            // With routing inside of batches, the router's fields on items stay in the envelope.
            if order.has(Kind::CostRoute) && !order.puts(Kind::CostRoute, Kind::Batch) {
                assert!(!front.world.providers().is_empty(), "{front:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_fails_over_as_its_items_would() {
    for order in Order::sensible() {
        let front = Front::batching(Place::InProcess, &order, 10).await;
        at_once(&front, |n| format!("/api/unavailable/3{n}"), 10).await;
        assert_eq!(front.world.providers(), ["cheap", "dear"], "{front:?}");
    }
}
