//! Finished results that are reused within the window.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use crate::{
    reuse::ReuseWindow,
    shared::answer::{Answer, Failure, Load},
    shared::flight::Birth,
};

/// Weight of an entry besides its body, in bytes.
const OVERHEAD: usize = 1024;

/// A result that may be reused for a limited time.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) load: Load,
    time: Duration,
    /// The end of the reuse. It is set, together with `born`, when the result is stored.
    until: Option<Instant>,
    born: Birth,
}

/// The results of a layer, by key.
#[derive(Clone)]
pub(crate) struct Recent(Cache<Key, Kept>);

// === impl Kept ===

impl Kept {
    pub(crate) fn answer(answer: &Arc<Answer>, time: Duration) -> Self {
        Self::new(Load::Answer(Arc::clone(answer)), time)
    }

    pub(crate) fn error(error: Failure, time: Duration) -> Self {
        Self::new(Load::Error(error), time)
    }

    fn new(load: Load, time: Duration) -> Self {
        Self {
            load,
            time,
            until: None,
            born: Birth::default(),
        }
    }

    fn weight(&self, key: &Key) -> u32 {
        let body = match &self.load {
            Load::Answer(answer) => answer.weight(),
            Load::Error(_) => 0,
        };
        u32::try_from(key.heap_size() + body + OVERHEAD).unwrap_or(u32::MAX)
    }
}

// === impl Recent ===

impl Recent {
    pub(crate) fn new(window: ReuseWindow) -> Self {
        let cache = Cache::builder()
            .max_capacity(window.max_bytes)
            .weigher(|key: &Key, kept: &Kept| kept.weight(key))
            // The layer's own clock decides when an entry is too old. This time only frees the
            // memory of entries that are no longer requested.
            .time_to_live(window.time.max(window.errors))
            .build();
        Self(cache)
    }

    pub(crate) fn put(&self, key: Key, born: Birth, kept: Kept, now: Instant) {
        let until = now + kept.time;
        self.0.insert(
            key,
            Kept {
                until: Some(until),
                born,
                ..kept
            },
        );
    }

    /// Returns a result and its time in the window, if it is not too old and it `holds`.
    pub(crate) fn get(
        &self,
        key: KeyRef<'_>,
        now: Instant,
        holds: impl FnOnce(Birth) -> bool,
    ) -> Option<(Load, Duration)> {
        let kept = self.0.get(&key)?;
        let left = kept.until?.saturating_duration_since(now);
        if !left.is_zero() && holds(kept.born) {
            return Some((kept.load, kept.time.saturating_sub(left)));
        }
        self.0.invalidate(&key);
        None
    }

    pub(crate) fn clear(&self) {
        self.0.invalidate_all();
    }

    pub(crate) fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }
}
