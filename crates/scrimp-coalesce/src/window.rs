//! Answers that are given again for a while.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use crate::{
    answer::{Birth, Failure, Load},
    stream::Stream,
};

/// What an entry weighs beside its body, in bytes.
const OVERHEAD: usize = 1024;

/// Longest time for which a failure may be given again.
const MAX_ERRORS: Duration = Duration::from_secs(1);

/// For how long a finished answer is given again, and how much of them is kept.
///
/// HTTP has the last word where it says less: an answer with `max-age=5` is given for five
/// seconds, one with `no-cache` or `no-store`, or with a Cache-Control that is malformed and
/// gives no lifetime, not at all. One that says nothing is given for
/// the whole window: switching it on says that this is all right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub(crate) time: Duration,
    pub(crate) errors: Duration,
    pub(crate) max_bytes: u64,
}

/// A result, for a while.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) load: Load,
    time: Duration,
    /// Set when it is stored: until when, and since which mark it is known to hold.
    until: Option<Instant>,
    born: Birth,
}

/// The results of a layer, by key.
#[derive(Clone)]
pub(crate) struct Recent(Cache<Key, Kept>);

// === impl Window ===

impl Window {
    /// 30 seconds, failures one second, 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            time: Duration::from_secs(30),
            errors: MAX_ERRORS,
            max_bytes: 64 << 20,
        }
    }

    /// For how long an answer is given again.
    ///
    /// # Panics
    ///
    /// If it is zero: leave the window out.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        assert!(
            !time.is_zero(),
            "the window's time is zero: it has to be longer, or there has to be no window"
        );
        self.time = time;
        self
    }

    /// For how long an error, or an answer of the 5xx class, is given again.
    ///
    /// # Panics
    ///
    /// If it is longer than a second: an upstream that is back should be asked.
    #[must_use]
    pub fn errors(mut self, time: Duration) -> Self {
        assert!(
            time <= MAX_ERRORS,
            "the window's time for errors is {time:?}: it has to be from 0 to 1 s"
        );
        self.errors = time;
        self
    }

    /// What all answers together may weigh, in bytes. The least used go first.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        assert!(
            bytes > 0,
            "the window's max_bytes is 0: it has to be 1 or more"
        );
        self.max_bytes = bytes;
        self
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Kept ===

impl Kept {
    pub(crate) fn answer(stream: &Arc<Stream>, time: Duration) -> Self {
        Self::new(Load::Answer(Arc::clone(stream)), time)
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
            Load::Answer(stream) => stream.weight(),
            Load::Error(_) => 0,
        };
        u32::try_from(key.heap_size() + body + OVERHEAD).unwrap_or(u32::MAX)
    }
}

// === impl Recent ===

impl Recent {
    pub(crate) fn new(window: Window) -> Self {
        let cache = Cache::builder()
            .max_capacity(window.max_bytes)
            .weigher(|key: &Key, kept: &Kept| kept.weight(key))
            // What is too old is known by the layer's own clock. This is for what nobody asks
            // for any more: it is not to take room for longer than need be.
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

    /// What is kept, and for how long it has been, if that is not too long and it `holds`.
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
