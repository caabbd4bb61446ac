//! An invalidation while an old response is in flight.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, service_fn};

use super::clock;
use crate::{
    error::Result,
    {
        crowd::{Ask, ask, get},
        outcome::{Line, Scenario},
        value::{Goal, Value},
    },
};

const TAKES: Duration = Duration::from_millis(100);
const TTL: Duration = Duration::from_secs(60);
const READS: u64 = 70;

/// A profile with a version.
#[derive(Debug, Clone, Default)]
struct Profile(Arc<AtomicU64>);

pub(crate) async fn run() -> Result<Scenario> {
    let (without, with) = (by_hand().await, through_the_layer().await?);
    let none = Goal::Exactly(Value::Count(0));
    Ok(Scenario::new(
        "invalidation during a fill",
        "The first read of a profile takes 100 ms; after half of that it is changed and \
         invalidated; then it is read once a second for 70 s, with a freshness lifetime of 60 s. \
         Without: a map with a lifetime, from which the entry is removed.",
    )
    .line(
        Line::count("old profiles served after the change", with)
            .without(Value::Count(without))
            .must(none),
    ))
}

async fn through_the_layer() -> Result<u64> {
    let profile = Profile::default();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .clock(clock())
        .rule("path=/users/{id} tag=user:{id} ttl=1m")
        .build()?;
    let invalidator = cache.invalidator();
    let client = ServiceBuilder::new().layer(cache).service({
        let profile = profile.clone();
        service_fn(move |_: Ask| {
            let profile = profile.clone();
            async move { Ok::<_, Infallible>(Response::new(Full::from(profile.read().await))) }
        })
    });
    let read = || {
        let client = client.clone();
        async move {
            ask(client, get("http://api.example/users/7"))
                .await
                .number()
        }
    };
    let change = || {
        profile.0.store(1, Relaxed);
        invalidator.invalidate(&Invalidation::tag("user:7"));
    };
    Ok(old(read, change).await)
}

/// Runs a simple cache without the layer.
async fn by_hand() -> u64 {
    let profile = Profile::default();
    let stored: Mutex<HashMap<&str, (Instant, Bytes)>> = Mutex::default();
    let read = || async {
        let found = stored.lock().get("user:7").cloned();
        let body = match found {
            Some((until, body)) if Instant::now() < until => body,
            _ => {
                let body = profile.read().await;
                let entry = (Instant::now() + TTL, body.clone());
                stored.lock().insert("user:7", entry);
                body
            }
        };
        std::str::from_utf8(&body).ok()?.parse().ok()
    };
    let change = || {
        profile.0.store(1, Relaxed);
        stored.lock().remove("user:7");
    };
    old(read, change).await
}

/// Counts the old responses to reads that began after the change.
async fn old<F>(read: impl Fn() -> F, change: impl FnOnce()) -> u64
where
    F: Future<Output = Option<u64>>,
{
    let first = read();
    let ((), _) = futures_util::join!(
        async {
            sleep(TAKES / 2).await;
            change();
        },
        first,
    );
    let mut old = 0;
    for _ in 0..READS {
        sleep(Duration::from_secs(1)).await;
        old += u64::from(read().await != Some(1));
    }
    old
}

// === impl Profile ===

impl Profile {
    /// Reads the profile at the start of the call, and sends it at its end.
    async fn read(&self) -> Bytes {
        let version = self.0.load(Relaxed).to_string();
        sleep(TAKES).await;
        version.into()
    }
}
