//! Compares samples of what the upper tier answers with the lower tier.

use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_core::KeyRef;
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
            let below = match inner.lower.get(key.as_ref()) {
                Lookup::Now(below) => below,
                Lookup::Later(get) => match timeout(inner.hard, get).await {
                    Ok(Ok(below)) => below,
                    _ => None,
                },
            };
            if let Some(below) = below {
                inner.counts.compared.increment();
                if let Some(age) = staleness(&found, &below, inner.clock.instant()) {
                    inner.counts.stale(age);
                }
            }
            drop(place);
        });
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
