//! Finished results that are reused within the window, and the writes that outdate them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Request, Response, header::VARY};
use parking_lot::RwLock;
use scrimp_core::{Key, KeyHashBuilder, KeyRef, PrivateRecheck, extensions::Since};
use scrimp_http::method::is_safe;
use scrimp_table::{Change, Table};
use tokio::time::Instant;

use super::{Common, answer::Load};
use crate::{
    config::ReuseWindow,
    key::written_by,
    policy::{Verdict, judge},
};

/// Weight of an entry besides its body, in bytes.
const OVERHEAD: usize = 1024;

/// Maximum number of targets remembered one by one. Beyond it, all targets count as written.
const MOST: usize = 4096;

/// The results of a layer, by key.
pub(crate) struct Recent(Table<Kept>);

/// A result that may be reused until its time is over.
struct Kept {
    load: Load,
    time: Duration,
    until: Instant,
    born: Birth,
}

/// Position at which a call began. Its response may not reflect later writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    /// The layer's own count of writes.
    pub(crate) writes: u64,
    /// The position of a cache outside.
    pub(crate) since: Option<Since>,
}

/// The last write of each target, as a position in the count of writes.
///
/// A call that began before a write of its target, or before everything was forgotten, may return
/// the old state: no caller that arrives after the write may join it, and its response is not
/// reused.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    now: AtomicU64,
    written: RwLock<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// Positions by hash of the target. A collision only costs a call.
    targets: HashMap<u64, u64, KeyHashBuilder>,
    /// Position up to which all targets count as written.
    floor: u64,
}

/// Work that follows the response to a request that is sent on its own.
#[derive(Debug, Default)]
pub(crate) enum After {
    #[default]
    Nothing,
    /// The target is marked as written again: no later caller gets a response from before.
    Written(u64),
    /// The response shows whether responses to this key are shareable again.
    Barred(u64, PrivateRecheck),
}

// === impl Recent ===

impl Recent {
    pub(crate) fn new(window: ReuseWindow) -> Self {
        Self(Table::new(window.max_bytes, u64::MAX))
    }

    /// Keeps a result for `time` from now.
    pub(crate) fn put(&self, key: Key, born: Birth, load: Load, time: Duration, now: Instant) {
        let until = now + time;
        let kept = Kept {
            load,
            time,
            until,
            born,
        };
        // Results that are no longer requested go, in the long run, as fast as new ones come.
        self.0.shed(now);
        self.0.shed(now);
        let mut kept = Some(kept);
        let _ = self.0.change(key, now, |_| match kept.take() {
            Some(kept) => Change::Put(kept, ()),
            None => Change::Keep(()),
        });
    }

    /// Returns a result and its time in the window, if it is not too old and it `holds`.
    pub(crate) fn get(
        &self,
        key: KeyRef<'_>,
        now: Instant,
        holds: impl FnOnce(Birth) -> bool,
    ) -> Option<(Load, Duration)> {
        let kept = self.0.get(key)?;
        let left = kept.until.saturating_duration_since(now);
        if !left.is_zero() && holds(kept.born) {
            return Some((kept.load.clone(), kept.time.saturating_sub(left)));
        }
        self.0.remove(key);
        None
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    /// Returns the number of entries, and their weight in bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        let stats = self.0.stats();
        (stats.entries, stats.bytes)
    }
}

impl scrimp_table::Kept for Kept {
    fn weight(&self) -> u64 {
        (self.load.weight() + OVERHEAD) as u64
    }

    fn until(&self) -> Option<Instant> {
        Some(self.until)
    }
}

// === impl Marks ===

impl Marks {
    /// Returns the current count of writes. A call notes it before it begins.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// Notes that a target has been written.
    pub(crate) fn write(&self, target: u64) {
        let mut written = self.written.write();
        let now = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        if written.targets.len() >= MOST {
            written.targets.clear();
            written.floor = now;
        }
        written.targets.insert(target, now);
    }

    /// Notes that everything may have been written.
    pub(crate) fn write_all(&self) {
        let mut written = self.written.write();
        written.floor = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        written.targets.clear();
    }

    /// Reports whether a call that began at `born` began after the last write of its target.
    pub(crate) fn hold(&self, born: u64, target: impl FnOnce() -> u64) -> bool {
        if self.now() <= born {
            return true;
        }
        let written = self.written.read();
        if written.floor > born {
            return false;
        }
        let last = written.targets.get(&target());
        last.is_none_or(|&last| last <= born)
    }
}

// === impl After ===

impl After {
    /// Marks the target of an unsafe request that is passed on, and returns the work after it.
    pub(crate) fn passed<B>(common: &Arc<Common>, request: &Request<B>) -> Self {
        if is_safe(request.method()) {
            return Self::Nothing;
        }
        // Readers may see a write long before the writer gets its response.
        let target = written_by(&common.config, request);
        common.marks.write(target);
        Self::Written(target)
    }

    pub(crate) fn done<B>(self, common: &Arc<Common>, response: Option<&Response<B>>) {
        match self {
            Self::Nothing => {}
            Self::Written(target) => common.marks.write(target),
            Self::Barred(hash, recheck) => {
                if response.is_some_and(|response| is_shareable(common, response, &recheck)) {
                    common.table.unbar(hash);
                }
            }
        }
    }
}

fn is_shareable<B>(common: &Arc<Common>, response: &Response<B>, recheck: &PrivateRecheck) -> bool {
    let config = &common.config;
    let verdict = judge(config, response, recheck);
    if let Verdict::Refuse(reason) = verdict {
        common.counters.not_shared.count(reason);
    }
    // A failure says nothing about later responses. With a key from the user's function, only
    // two requests together show whether Vary matters.
    matches!(verdict, Verdict::Share { .. })
        && !response.status().is_server_error()
        && (config.key.is_none() || !response.headers().contains_key(VARY))
}

/// Marks and returns the target of an unsafe request that carries an `Idempotency-Key`.
pub(crate) fn writes<B>(common: &Arc<Common>, request: &Request<B>) -> Option<u64> {
    if is_safe(request.method()) || !request.headers().contains_key("idempotency-key") {
        return None;
    }
    let target = written_by(&common.config, request);
    common.marks.write(target);
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_born_before_a_write_of_its_target_does_not_hold() {
        let marks = Marks::default();
        let before = marks.now();
        marks.write(7);
        assert!(!marks.hold(before, || 7));
        assert!(marks.hold(before, || 8));
        assert!(marks.hold(marks.now(), || 7));
        marks.write_all();
        assert!(!marks.hold(before, || 8));
    }

    #[test]
    fn what_is_forgotten_counts_as_written() {
        let marks = Marks::default();
        let before = marks.now();
        for target in 0..=MOST as u64 {
            marks.write(target);
        }
        assert!(!marks.hold(before, || u64::MAX));
        assert!(marks.written.read().targets.len() <= MOST);
    }
}
