//! Stores that fail, hang, or respond late.

use std::{future::pending, pin::Pin, sync::Arc, time::Duration};

use scrimp::{
    cache::{
        CacheLayer, Entry, FillToken, Lookup, MemoryBudget, MemoryStore, PutOutcome, Store,
        Variants,
    },
    core::{BoxError, Key, KeyRef},
};
use scrimp_tests::{Fields, Rig, reply};
use tokio::time::{Instant, sleep};

const MINUTE: Fields<'_> = &[("cache-control", "max-age=60")];

/// Failure of a store before it does its work.
#[derive(Clone, Copy)]
enum Trouble {
    Fails,
    Hangs,
    Late(Duration),
}

/// A store in memory with failures in look-ups and puts.
#[derive(Clone)]
struct Troubled {
    memory: MemoryStore,
    get: Trouble,
    put: Trouble,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl Trouble ===

impl Trouble {
    async fn pass(self) -> Result<(), BoxError> {
        match self {
            Self::Fails => Err("connection refused".into()),
            Self::Hangs => pending().await,
            Self::Late(time) => {
                sleep(time).await;
                Ok(())
            }
        }
    }
}

// === impl Troubled ===

impl Store for Troubled {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let found = match self.memory.get(key) {
            Lookup::Now(found) => found,
            Lookup::Later(_) => None,
        };
        let trouble = self.get;
        Lookup::Later(Box::pin(async move {
            trouble.pass().await?;
            Ok(found)
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let (trouble, memory) = (self.put, self.memory.clone());
        Box::pin(async move {
            trouble.pass().await?;
            memory.put(key, entry, token).await
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.memory.remove(key, which);
    }

    fn budget(&self) -> &MemoryBudget {
        self.memory.budget()
    }

    fn max_body(&self) -> u64 {
        self.memory.max_body_size()
    }

    fn stats(&self) -> scrimp::cache::StoreStats {
        self.memory.stats()
    }
}

fn rig(get: Trouble, put: Trouble, limit: Option<Duration>) -> Rig<Troubled> {
    let memory = MemoryStore::new(1 << 20);
    let layer = CacheLayer::builder(Troubled { memory, get, put });
    let layer = match limit {
        Some(limit) => layer.store_timeout(limit),
        None => layer,
    };
    Rig::new(layer.build().unwrap(), |_| reply(200, MINUTE, "page"))
}

const SOON: Trouble = Trouble::Late(Duration::from_millis(10));
const TOO_LATE: Trouble = Trouble::Late(Duration::from_secs(5));

#[tokio::test(start_paused = true)]
async fn a_late_store_still_answers() {
    let rig = rig(SOON, SOON, None);
    assert_eq!(rig.get("/").await.text(), "page");
    sleep(Duration::from_millis(11)).await;
    assert!(rig.get("/").await.is_hit());
    let stats = rig.layer.stats();
    assert_eq!((stats.stored, stats.hits, stats.store_failures), (1, 1, 0));
    assert_eq!(stats.store.fill_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn look_ups_that_fail_hang_or_are_late_cost_at_most_the_time_out() {
    for (trouble, limit, waited) in [
        (Trouble::Fails, None, 0),
        (Trouble::Hangs, None, 100),
        (TOO_LATE, None, 100),
        (Trouble::Hangs, Some(Duration::from_millis(7)), 7),
    ] {
        let rig = rig(trouble, SOON, limit);
        for n in 1..=3 {
            let asked = Instant::now();
            let answer = rig.get("/").await;
            assert_eq!((answer.text(), answer.is_hit()), ("page", false));
            assert_eq!(asked.elapsed(), Duration::from_millis(waited));
            assert_eq!(rig.layer.stats().store_failures, n);
        }
        // The put in flight holds its memory.
        sleep(Duration::from_millis(11)).await;
        assert_eq!(rig.layer.stats().store.fill_bytes, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn puts_that_fail_or_hang_delay_no_caller() {
    for trouble in [Trouble::Fails, Trouble::Hangs] {
        let rig = rig(SOON, trouble, None);
        for _ in 0..3 {
            let asked = Instant::now();
            assert_eq!(rig.get("/").await.text(), "page");
            assert_eq!(asked.elapsed(), Duration::from_millis(10));
        }
        // A hanging put is given up after ten seconds.
        sleep(Duration::from_secs(11)).await;
        let stats = rig.layer.stats();
        assert_eq!((stats.stored, stats.store_failures), (0, 3));
        assert_eq!(stats.store.fill_bytes, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_invalidated_during_a_late_put_does_not_come_back() {
    let rig = rig(SOON, TOO_LATE, None);
    rig.get("/").await;
    rig.ask("POST", "/", &[]).await;
    sleep(Duration::from_secs(6)).await;
    assert!(!rig.get("/").await.is_hit());
    assert_eq!(rig.layer.stats().superseded, 1);
}

#[tokio::test(start_paused = true)]
async fn hanging_puts_delay_no_caller_and_accumulate_no_memory() {
    let troubled = Troubled {
        memory: MemoryStore::new(1 << 20),
        get: SOON,
        put: Trouble::Hangs,
    };
    let rig = Rig::new(CacheLayer::new(troubled), |_| {
        reply(200, MINUTE, &"x".repeat(5_000))
    });
    for n in 0..100 {
        assert_eq!(rig.get(&format!("/{n}")).await.body.len(), 5_000);
    }
    // A response holds its memory until the put ends, and a share of the store is reserved for
    // that. When the share is used up, the store receives no more.
    let held = rig.layer.stats().store.fill_bytes;
    assert!((100_000..=1 << 17).contains(&held), "{held}");
    // The puts are given up, counted, and their memory is returned.
    sleep(Duration::from_secs(11)).await;
    let stats = rig.layer.stats();
    assert_eq!((stats.store.fill_bytes, stats.stored), (0, 0));
    assert!((20..30).contains(&stats.store_failures), "{stats:?}");
}
