//! What an upstream takes at once, learned from its refusals.

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

/// How long a refusal is remembered.
const MEMORY: Duration = Duration::from_secs(600);
/// Batches without a refusal after which one more item is tried.
const CLEAN: u32 = 20;
/// Upstreams that are remembered at most.
const MOST: usize = 10_000;

/// Sizes by upstream.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<HashMap<Key, Learned>>);

#[derive(Debug)]
struct Learned {
    /// Shared with the lanes' limits, so that reading it costs nothing.
    limit: Arc<AtomicUsize>,
    clean: u32,
    refused: Option<Instant>,
}

// === impl Sizes ===

impl Sizes {
    /// The number of items to try, as it is now and will be.
    pub(crate) fn limit(&self, upstream: &Key) -> Arc<AtomicUsize> {
        let mut sizes = self.0.lock();
        if sizes.len() >= MOST && !sizes.contains_key(upstream) {
            sizes.retain(|_, learned| Arc::strong_count(&learned.limit) > 1);
        }
        let learned = sizes.entry(upstream.clone()).or_insert_with(|| Learned {
            limit: Arc::new(AtomicUsize::new(usize::MAX)),
            clean: 0,
            refused: None,
        });
        Arc::clone(&learned.limit)
    }

    /// So many were too many: half of it is tried next.
    pub(crate) fn too_many(&self, upstream: &Key, items: usize) {
        self.change(upstream, |learned, now| {
            let half = (items / 2).max(1);
            learned.limit.fetch_min(half, Relaxed);
            learned.refused = Some(now);
            learned.clean = 0;
        });
    }

    /// It was not the number after all: one item was at fault.
    pub(crate) fn not_the_number(&self, upstream: &Key, before: usize) {
        self.change(upstream, |learned, _| learned.limit.store(before, Relaxed));
    }

    /// A batch of so many went through.
    pub(crate) fn clean(&self, upstream: &Key, items: usize) {
        self.change(upstream, |learned, now| {
            let Some(refused) = learned.refused else {
                return;
            };
            if now.duration_since(refused) >= MEMORY {
                learned.limit.store(usize::MAX, Relaxed);
                learned.refused = None;
                return;
            }
            let limit = learned.limit.load(Relaxed);
            // A small batch that went through says nothing about a larger one.
            learned.clean += u32::from(items >= limit);
            if learned.clean >= CLEAN {
                learned.clean = 0;
                learned.limit.store(limit.saturating_add(1), Relaxed);
            }
        });
    }

    fn change(&self, upstream: &Key, change: impl FnOnce(&mut Learned, Instant)) {
        if let Some(learned) = self.0.lock().get_mut(upstream) {
            change(learned, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrimp_core::KeyBuf;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_and_twenty_clean_batches_add_one() {
        let (sizes, key) = (Sizes::default(), KeyBuf::new().part(b"api").to_key());
        let limit = sizes.limit(&key);
        sizes.too_many(&key, 100);
        assert_eq!(limit.load(Relaxed), 50);
        sizes.too_many(&key, 100);
        assert_eq!(
            limit.load(Relaxed),
            50,
            "a batch that was on its way already"
        );
        (0..19).for_each(|_| sizes.clean(&key, 50));
        sizes.clean(&key, 7);
        assert_eq!(
            limit.load(Relaxed),
            50,
            "seven went through: that is no news"
        );
        sizes.clean(&key, 50);
        assert_eq!(limit.load(Relaxed), 51);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_ten_minutes() {
        let (sizes, key) = (Sizes::default(), KeyBuf::new().part(b"api").to_key());
        let limit = sizes.limit(&key);
        sizes.too_many(&key, 8);
        tokio::time::advance(MEMORY).await;
        sizes.clean(&key, 1);
        assert_eq!(limit.load(Relaxed), usize::MAX);
    }
}
