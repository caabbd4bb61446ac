//! Compares samples of what the upper tier answers with the lower tier.

use std::{
    future::Future,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_core::{BoxError, KeyRef};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::Inner;
use crate::entry::{Lookup, Store, Variants};

/// Comparisons at the same time. Further samples are left out.
const MOST: usize = 16;

/// The sampling of a store.
pub(super) struct Monitor {
    one_in: Option<NonZeroU64>,
    hits: AtomicU64,
    places: Arc<Semaphore>,
}

// === impl Monitor ===

impl Monitor {
    pub(super) fn new(one_in: Option<NonZeroU64>) -> Self {
        Self {
            one_in,
            hits: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(MOST)),
        }
    }

    fn samples(&self) -> bool {
        self.one_in
            .is_some_and(|one_in| self.hits.fetch_add(1, Relaxed) % one_in == 0)
    }
}

// === impl Inner ===

impl<U: Store, L: Store> Inner<U, L> {
    /// Compares an answer of the upper tier with the lower one in the background, if it is a sample.
    #[inline]
    pub(super) fn watch(self: &Arc<Self>, key: KeyRef<'_>, found: &Arc<Variants>) {
        if self.monitor.samples() {
            self.start_comparing(key, found);
        }
    }

    #[cold]
    fn start_comparing(self: &Arc<Self>, key: KeyRef<'_>, found: &Arc<Variants>) {
        let Ok(place) = Arc::clone(&self.monitor.places).try_acquire_owned() else {
            return;
        };
        let (inner, key, found) = (Arc::clone(self), key.to_key(), Arc::clone(found));
        self.tasks.start("cache.monitor", async move {
            if let Some(below) = inner.peek(inner.lower.get(key.as_ref())).await {
                let stale = staleness(&found, &below, inner.clock.instant());
                // An answer that was purged is none: the layer asks again, or has a newer one.
                if stale.is_none() || inner.still_has(key.as_ref(), &found).await {
                    inner.counts.compared.increment();
                    if let Some(age) = stale {
                        inner.counts.stale(age);
                    }
                }
            }
            drop(place);
        });
    }

    async fn peek<G>(&self, lookup: Lookup<G>) -> Option<Arc<Variants>>
    where
        G: Future<Output = Result<Option<Arc<Variants>>, BoxError>>,
    {
        match lookup {
            Lookup::Now(found) => found,
            Lookup::Later(get) => timeout(self.hard, get).await.ok()?.ok()?,
        }
    }

    /// Reports whether the upper tier would still answer with these responses: nothing has hit or
    /// replaced them.
    async fn still_has(&self, key: KeyRef<'_>, found: &Arc<Variants>) -> bool {
        #[cfg(feature = "codec")]
        if self.is_hit(found) {
            return false;
        }
        let now = self.peek(self.upper.get(key)).await;
        now.is_some_and(|now| {
            found
                .iter()
                .all(|old| now.iter().any(|own| own.is_same(old)))
        })
    }
}

/// Returns the time since the upstream call of a later response below to the same requests, if it has
/// another body.
fn staleness(found: &Variants, below: &Variants, now: Instant) -> Option<Duration> {
    let newer = found.iter().flat_map(|old| {
        let same = below.iter().filter(|new| new.selection == old.selection);
        same.filter(|new| new.sent > old.sent && new.body() != old.body())
    });
    newer
        .map(|new| now.saturating_duration_since(new.sent.instant()))
        .max()
}
