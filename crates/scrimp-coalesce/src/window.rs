//! Answers that are given again for a while.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use scrimp_core::{Key, KeyRef, SettingError};
use tokio::time::Instant;

use crate::{
    answer::{Answer, Failure, Load},
    config::{NANOSECOND, YEAR},
    flight::Birth,
};

/// What an entry weighs beside its body, in bytes.
const OVERHEAD: usize = 1024;

/// Longest time for which a failure may be reused.
const MAX_ERRORS: Duration = Duration::from_secs(1);

/// Sets how long finished answers are reused, and how much of them is kept.
///
/// HTTP has the last word where it says less: an answer with `max-age=5` is reused for five
/// seconds, one with `no-cache` or `no-store`, or with a Cache-Control that is malformed and
/// gives no lifetime, not at all. One that says nothing is reused for the whole window:
/// switching it on says that this is all right. What is out of range is refused by
/// [`build`](crate::CoalesceLayerBuilder::build).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReuseWindow {
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

// === impl ReuseWindow ===

impl ReuseWindow {
    /// Returns a window of 30 seconds, one second for failures, and 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            time: Duration::from_secs(30),
            errors: MAX_ERRORS,
            max_bytes: 64 << 20,
        }
    }

    /// Sets how long an answer is reused. Default: 30 s. Range: more than zero, up to 365 days.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Sets how long an error, or an answer of the 5xx class, is reused. Default: 1 s. Range:
    /// up to 1 s, as an upstream that is back should be asked.
    #[must_use]
    pub fn errors(self, errors: Duration) -> Self {
        Self { errors, ..self }
    }

    /// Sets what all answers together may weigh, in bytes. The least used go first. Default:
    /// 64 MiB. Range: 1 or more.
    #[must_use]
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    pub(crate) fn checked(self) -> Result<Self, SettingError> {
        const OWNER: &str = "ReuseWindow";
        SettingError::within(OWNER, "time", self.time, NANOSECOND..=YEAR)?;
        SettingError::within(OWNER, "errors", self.errors, ..=MAX_ERRORS)?;
        SettingError::within(OWNER, "max_bytes", self.max_bytes, 1..)?;
        Ok(self)
    }
}

impl Default for ReuseWindow {
    fn default() -> Self {
        Self::new()
    }
}

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
            // What is too old is known by the layer's own clock. This is for what is not asked
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
