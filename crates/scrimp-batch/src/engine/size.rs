//! Batch sizes that upstreams accept, learned from their refusals.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use scrimp_core::Key;
use tokio::time::Instant;

/// Time for which a refusal is remembered.
const MEMORY: Duration = Duration::from_secs(600);
/// Full batches without a refusal after which one more item is tried.
const CLEAN: u32 = 20;
/// Upstreams that are kept even without a lane.
const KEPT: usize = 10_000;

/// Sizes by upstream. Those without a lane are dropped if there are too many.
#[derive(Debug)]
pub(crate) struct Sizes(Mutex<Table>);

#[derive(Debug)]
struct Table {
    sizes: HashMap<Key, Arc<Size>>,
    sweep_at: usize,
}

/// Number of items that one upstream accepts in a batch.
#[derive(Debug)]
pub(crate) struct Size {
    /// 1 or more. Read without the lock, written under it.
    limit: AtomicUsize,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    /// Full batches without a refusal.
    clean: u32,
    refused: Option<Instant>,
}

// === impl Sizes ===

impl Default for Sizes {
    fn default() -> Self {
        Self(Mutex::new(Table {
            sizes: HashMap::new(),
            sweep_at: KEPT,
        }))
    }
}

impl Sizes {
    /// Returns the size of an upstream, which its lanes share.
    pub(crate) fn of(&self, upstream: &Key) -> Arc<Size> {
        let mut table = self.0.lock();
        if table.sizes.len() >= table.sweep_at && !table.sizes.contains_key(upstream) {
            table.sizes.retain(|_, size| Arc::strong_count(size) > 1);
            // Sizes in use are not swept again for each new one.
            table.sweep_at = KEPT.max(table.sizes.len() * 2);
        }
        Arc::clone(table.sizes.entry(upstream.clone()).or_default())
    }
}

// === impl Size ===

impl Default for Size {
    fn default() -> Self {
        Self {
            limit: AtomicUsize::new(usize::MAX),
            history: Mutex::default(),
        }
    }
}

impl Size {
    /// Returns the number of items to try. 1 or more.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Records that a batch of this many items was refused: half as many are tried next.
    /// Returns the limit before.
    pub(crate) fn too_many(&self, items: usize) -> usize {
        let mut history = self.history.lock();
        history.refused = Some(Instant::now());
        history.clean = 0;
        self.limit.fetch_min((items / 2).max(1), Relaxed)
    }

    /// Takes a refusal back: one item caused it, not the number of items.
    pub(crate) fn restore(&self, before: usize) {
        let _history = self.history.lock();
        self.limit.store(before, Relaxed);
    }

    /// Records that a batch of this many items was accepted.
    pub(crate) fn accepted(&self, items: usize) {
        let mut history = self.history.lock();
        let Some(refused) = history.refused else {
            return;
        };
        if Instant::now().duration_since(refused) >= MEMORY {
            history.refused = None;
            self.limit.store(usize::MAX, Relaxed);
            return;
        }
        let limit = self.limit();
        // A smaller batch says nothing about one of full size.
        history.clean += u32::from(items >= limit);
        if history.clean >= CLEAN {
            history.clean = 0;
            self.limit.store(limit.saturating_add(1), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrimp_core::KeyBuf;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_and_twenty_full_batches_add_one() {
        let size = Size::default();
        size.too_many(100);
        assert_eq!(size.limit(), 50);
        assert_eq!(size.too_many(100), 50, "a batch that was sent before");
        assert_eq!(size.limit(), 50);
        (0..19).for_each(|_| size.accepted(50));
        size.accepted(7);
        assert_eq!(size.limit(), 50, "seven items say nothing about fifty");
        size.accepted(50);
        assert_eq!(size.limit(), 51);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_ten_minutes() {
        let size = Size::default();
        size.too_many(8);
        tokio::time::advance(MEMORY).await;
        size.accepted(1);
        assert_eq!(size.limit(), usize::MAX);
    }

    #[test]
    fn a_size_in_use_outlives_a_million_other_upstreams() {
        let sizes = Sizes::default();
        let key = |n: u32| KeyBuf::new().part(&n.to_le_bytes()).to_key();
        let used = sizes.of(&key(0));
        used.too_many(8);
        for n in 1..1_000_000 {
            drop(sizes.of(&key(n)));
        }
        assert_eq!(sizes.of(&key(0)).limit(), 4);
        assert!(sizes.0.lock().sizes.len() <= KEPT);
    }
}
