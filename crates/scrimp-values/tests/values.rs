//! One fill per key, and values that stay as long as they may.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_values::{SharedError, ValueCache, kib, mib};
use tokio::{
    sync::Notify,
    task::{JoinSet, yield_now},
    time::advance,
};

const MINUTE: Duration = Duration::from_secs(60);

fn cache() -> ValueCache<u64> {
    let cache = ValueCache::builder(mib(1)).lifetime(MINUTE);
    cache.build().expect("valid settings")
}

async fn get(cache: &ValueCache<u64>, key: &str, value: u64) -> u64 {
    let fill = || async move { Ok::<_, Infallible>(value) };
    *cache.get_or_set(key, fill).await.expect("it cannot fail")
}

#[tokio::test(start_paused = true)]
async fn a_value_is_made_once_in_its_lifetime() {
    let cache = cache();
    assert_eq!(get(&cache, "a", 1).await, 1);
    assert_eq!(get(&cache, "a", 2).await, 1);
    assert_eq!(get(&cache, "b", 3).await, 3);
    advance(MINUTE).await;
    assert_eq!(cache.get("a"), None);
    assert_eq!(get(&cache, "a", 4).await, 4);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses), (1, 4));
    assert_eq!(stats.hit_rate(), Some(0.2));
}

#[tokio::test(start_paused = true)]
async fn a_fill_may_say_how_long_its_value_lives() {
    let cache = cache();
    for lifetime in [Some(MINUTE * 3), None] {
        let fill = || async move { Ok::<_, Infallible>((7, lifetime)) };
        cache
            .get_or_set_for("a", fill)
            .await
            .expect("it cannot fail");
        advance(MINUTE * 2).await;
        assert_eq!(cache.get("a").as_deref(), Some(&7));
        cache.remove("a");
    }
}

#[tokio::test]
async fn a_thousand_callers_make_one_call_and_share_its_error() {
    let cache = cache();
    let (calls, go) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    for fails in [true, false] {
        let mut callers = JoinSet::new();
        for _ in 0..1_000 {
            let (cache, calls, go) = (cache.clone(), Arc::clone(&calls), Arc::clone(&go));
            callers.spawn(async move {
                let fill = || async {
                    calls.fetch_add(1, Relaxed);
                    go.notified().await;
                    match fails {
                        true => Err(io::Error::other("no answer")),
                        false => Ok(7),
                    }
                };
                cache.get_or_set("a", fill).await
            });
        }
        while calls.load(Relaxed) == 0 {
            yield_now().await;
        }
        (0..10).for_each(|_| assert!(cache.in_flight() <= 1));
        yield_now().await;
        go.notify_one();
        let results: Vec<Result<Arc<u64>, SharedError>> = callers.join_all().await;
        for result in &results {
            match (fails, result) {
                (true, Err(error)) => assert!(error.get_ref().is::<io::Error>()),
                (false, Ok(value)) => assert_eq!(**value, 7),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(calls.swap(0, Relaxed), 1);
        assert_eq!(cache.in_flight(), 0);
    }
    assert_eq!(cache.stats().failed, 1);
    assert_eq!(cache.stats().joined, 2 * 999);
}

/// Starts a fill, and returns it with what lets it end.
async fn held(cache: &ValueCache<u64>, value: u64) -> (JoinSet<u64>, Arc<Notify>) {
    let (go, begun) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (cache, end, start) = (cache.clone(), Arc::clone(&go), Arc::clone(&begun));
    let mut filling = JoinSet::new();
    filling.spawn(async move {
        let fill = || async {
            start.notify_one();
            end.notified().await;
            Ok::<_, Infallible>(value)
        };
        *cache.get_or_set("a", fill).await.expect("it cannot fail")
    });
    begun.notified().await;
    (filling, go)
}

#[tokio::test]
async fn what_is_removed_meanwhile_is_not_brought_back() {
    type Change = fn(&ValueCache<u64>);
    let changes: [(Change, Option<u64>); 3] = [
        (|cache| cache.remove("a"), None),
        (ValueCache::clear, None),
        (|cache| cache.set("a", 9), Some(9)),
    ];
    for (change, expected) in changes {
        let cache = cache();
        let (mut filling, go) = held(&cache, 1).await;
        change(&cache);
        if expected.is_none() {
            // One that comes later does not get the old value, either.
            assert_eq!(get(&cache, "a", 2).await, 2);
            cache.remove("a");
        }
        go.notify_one();
        assert_eq!(filling.join_next().await.expect("one").expect("it ends"), 1);
        assert_eq!(cache.get("a").as_deref().copied(), expected);
        assert_eq!(cache.stats().overtaken, 1);
        assert_eq!(cache.in_flight(), 0);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_gives_its_turn_to_another() {
    let cache = cache();
    let (mut filling, _go) = held(&cache, 1).await;
    let other = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, "a", 2).await }
    });
    yield_now().await;
    filling.shutdown().await;
    assert_eq!(other.await.expect("it ends"), 2);
    let (mut filling, _go) = held_of_other_key(&cache).await;
    filling.shutdown().await;
    assert_eq!(cache.in_flight(), 0);
}

async fn held_of_other_key(cache: &ValueCache<u64>) -> (JoinSet<u64>, Arc<Notify>) {
    cache.remove("a");
    held(cache, 3).await
}

#[tokio::test]
async fn a_panic_harms_its_own_caller_only() {
    let cache = cache();
    let failing = tokio::spawn({
        let cache = cache.clone();
        async move {
            let fill = || async { panic!("a fill that panics") };
            cache
                .get_or_set::<_, Infallible>("a", fill)
                .await
                .map(|_| ())
        }
    });
    assert!(failing.await.is_err());
    assert_eq!(get(&cache, "a", 2).await, 2);
    assert_eq!(cache.in_flight(), 0);
}

#[tokio::test]
async fn a_flood_of_keys_keeps_to_its_memory() {
    let cache = ValueCache::builder(kib(64)).weight(|text: &String| text.capacity() as u64);
    let cache = cache.build().expect("valid settings");
    // A hundred times what fits.
    for n in 0..20_000 {
        let fill = || async { Ok::<_, Infallible>("x".repeat(100)) };
        cache
            .get_or_set(format!("{n}"), fill)
            .await
            .expect("it cannot fail");
    }
    let stats = cache.stats();
    assert!(stats.bytes <= kib(64) && stats.entries > 100, "{stats:?}");
    assert_eq!(cache.in_flight(), 0);
    // What is too large for all of it replaces what was there.
    cache.set("large", "x".to_owned());
    cache.set("large", "x".repeat(100_000));
    assert_eq!(cache.get("large"), None);
}

#[test]
fn a_setting_out_of_range_is_named() {
    let cache = ValueCache::<u64>::builder(0).build();
    assert!(
        cache
            .expect_err("no room")
            .to_string()
            .contains("max_bytes")
    );
    let cache = ValueCache::<u64>::builder(1)
        .lifetime(Duration::ZERO)
        .build();
    assert!(cache.expect_err("no time").to_string().contains("lifetime"));
}
