//! One fill among processes that share a cache and a lock.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Answer, all, ask, fresh, ms, noon, numbered, request, seconds, settle};
use http_body_util::Full;
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::{Acquired, BoxError, Clock, FillLock, Key, LockFuture, extensions::Fence};
use scrimp_stampede::{LocalFillLock, Stampede, StampedeLayer};
use scrimp_testkit::{Reply, Scripted, Upstream};
use tokio::time::advance;
use tower::{Layer, ServiceExt};

/// Failures of a lock service.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Refuses,
    Hangs,
}

impl FillLock for Broken {
    fn acquire(&self, _: Key, _: Duration) -> LockFuture<'_, Result<Acquired, BoxError>> {
        match self {
            Self::Refuses => Box::pin(async { Err("connection refused".into()) }),
            Self::Hangs => Box::pin(std::future::pending()),
        }
    }
}

type Process = Stampede<Cache<Scripted>>;

/// Returns processes, each with its own records, over one cache.
fn processes<const N: usize>(
    lock: &(impl FillLock + Clone),
    answer: impl Fn(&http::request::Parts) -> Reply + Send + Sync + 'static,
) -> ([(Process, StampedeLayer); N], Upstream) {
    let (service, upstream) = Scripted::answering(answer);
    let clock = Clock::anchored(noon());
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .clock(clock.clone())
        .build()
        .unwrap()
        .layer(service);
    let processes = std::array::from_fn(|_| {
        let layer = StampedeLayer::builder().random(|| 0.0).clock(clock.clone());
        let layer = layer.lock(lock.clone(), seconds(10)).build().unwrap();
        (layer.layer(cache.clone()), layer)
    });
    (processes, upstream)
}

fn calls(process: &Process, count: usize) -> Vec<common::Caller> {
    let call = |_| tokio::spawn(ask(process.clone(), request("/", &[])));
    (0..count).map(call).collect()
}

async fn get(process: &Process) -> Answer {
    let request: http::Request<Full<Bytes>> = request("/", &[]);
    ask(process.clone(), request).await.expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn many_processes_make_one_call_on_a_true_miss() {
    let lock = LocalFillLock::new();
    let answer = numbered(|n| fresh(60, &n.to_string(), seconds(1)));
    let (processes, upstream) = processes::<8>(&lock, answer);
    for expected in ["1", "2"] {
        let callers = processes.iter().flat_map(|(process, _)| calls(process, 50));
        let answers = all(callers.collect()).await;
        assert!(answers.iter().all(|answer| answer.text() == expected));
        assert!(answers.iter().all(|answer| answer.waited <= ms(1_001)));
        settle().await;
        assert_eq!(format!("{lock:?}"), "LocalFillLock(0 held)");
        advance(seconds(61)).await;
    }
    assert_eq!(upstream.calls(), 2);
    let busy: u64 = processes
        .iter()
        .map(|(_, layer)| layer.stats().lock_busy)
        .sum();
    assert!(busy >= 7, "{busy}");
}

#[tokio::test(start_paused = true)]
async fn a_hit_asks_for_no_lock() {
    let (processes, upstream) = processes::<2>(&Broken::Hangs, |_| fresh(60, "x", ms(0)));
    // The first gives up on the lock; the second finds the response in the cache.
    assert_eq!(get(&processes[0].0).await.waited, ms(100));
    for _ in 0..3 {
        assert_eq!(get(&processes[1].0).await.waited, ms(0));
    }
    assert_eq!(
        (upstream.calls(), processes[1].1.stats().lock_failures),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_lock_service_fails_no_request() {
    for broken in [Broken::Refuses, Broken::Hangs] {
        let (processes, upstream) = processes::<1>(&broken, |_| fresh(60, "x", ms(0)));
        let (process, layer) = &processes[0];
        let waits = match broken {
            Broken::Refuses => ms(0),
            Broken::Hangs => ms(100),
        };
        let ask = async |uri: &'static str| {
            ask(process.clone(), request(uri, &[]))
                .await
                .expect("an answer")
                .waited
        };
        assert_eq!(ask("/1").await, waits);
        // Once: then the lock service is left alone for a while.
        for uri in ["/2", "/3", "/4"] {
            assert_eq!(ask(uri).await, ms(0));
        }
        assert_eq!((upstream.calls(), layer.stats().lock_failures), (4, 1));
        advance(seconds(6)).await;
        assert_eq!(ask("/5").await, waits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_slow_keeps_its_lease_and_one_that_leaves_gives_it_back() {
    let lock = LocalFillLock::new();
    let answer = numbered(|n| fresh(60, &n.to_string(), seconds(25)));
    let (processes, upstream) = processes::<2>(&lock, answer);
    let filling = calls(&processes[0].0, 1);
    settle().await;
    // The lease is 10 s, and is renewed: after 21 s no other process has it.
    advance(seconds(21)).await;
    let key = {
        let parts = upstream.requests().pop().expect("a request");
        assert!(
            parts
                .extensions
                .get::<Fence>()
                .is_some_and(|fence| fence.0 > 0)
        );
        format!("{lock:?}")
    };
    assert_eq!(key, "LocalFillLock(1 held)");
    filling[0].abort();
    settle().await;
    settle().await;
    assert_eq!(format!("{lock:?}"), "LocalFillLock(0 held)");
    let next = processes[1].0.clone().oneshot(request("/", &[]));
    assert!(next.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_another_process_never_finishes_is_not_waited_for_past_the_limit() {
    let lock = LocalFillLock::new();
    let (processes, upstream) = processes::<2>(
        &lock,
        numbered(|n| match n {
            1 => fresh(60, "late", seconds(600)),
            _ => fresh(60, "own", ms(0)),
        }),
    );
    let stuck = calls(&processes[0].0, 1);
    settle().await;
    let own = get(&processes[1].0).await;
    assert_eq!((own.text(), own.waited), ("own", seconds(5)));
    assert_eq!(upstream.calls(), 2);
    stuck[0].abort();
}
