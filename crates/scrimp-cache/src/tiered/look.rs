//! Look-ups in two tiers.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use scrimp_core::{BoxError, Key, KeyRef};
use tokio::time::{Instant, timeout_at};

use super::{Inner, Later, moves::Moment};
#[cfg(feature = "codec")]
use crate::entry::Entry;
use crate::entry::{FillToken, Lookup, Store, Variants};

/// Share of the last look-up in the smoothed time, as a divisor.
const SMOOTHING: u64 = 16;

/// Result of a look-up in the upper tier.
enum Upper {
    /// The responses answer the look-up.
    Answer(Arc<Variants>),
    /// Nothing, or what is only used if the lower tier has nothing better.
    Other {
        old: Option<Arc<Variants>>,
        /// Flag that only fresh responses of the lower tier are better.
        fresh_only: bool,
    },
}

// === impl Inner ===

impl<U: Store, L: Store> Inner<U, L> {
    /// Looks a key up in both tiers.
    pub(super) fn look(self: &Arc<Self>, key: KeyRef<'_>) -> Lookup<Later<Option<Arc<Variants>>>> {
        let instant = self.clock.instant();
        self.policy.count(key, instant);
        let now = (instant, self.moves.now());
        let get = match self.upper.get(key) {
            Lookup::Now(found) => return self.below(key, found, now),
            Lookup::Later(get) => get,
        };
        let (inner, key) = (Arc::clone(self), key.to_key());
        Lookup::Later(Box::pin(async move {
            let deadline = Instant::now() + inner.hard;
            let found = match timeout_at(deadline, get).await {
                Ok(found) => inner.seen(found).unwrap_or_default(),
                Err(_) => {
                    inner.counts.timed_out.increment();
                    return Ok(None);
                }
            };
            match inner.below(key.as_ref(), found, now) {
                Lookup::Now(found) => Ok(found),
                // The time for the upper tier counts too.
                Lookup::Later(get) => timeout_at(deadline, get).await.unwrap_or(Ok(None)),
            }
        }))
    }

    /// Looks a key up in the lower tier, unless what the upper one has is an answer.
    fn below(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        found: Option<Arc<Variants>>,
        now: (Instant, Moment),
    ) -> Lookup<Later<Option<Arc<Variants>>>> {
        let (old, fresh_only) = match Upper::of(found, now.0) {
            Upper::Answer(found) => {
                // The layer asks again, if an invalidation has hit it.
                self.counts.upper.increment();
                self.watch(key, &found);
                return Lookup::Now(Some(found));
            }
            Upper::Other { old, fresh_only } => (old, fresh_only),
        };
        #[cfg(feature = "codec")]
        let old = old.filter(|old| !self.is_hit(old));
        let fresh_only = fresh_only && old.is_some();
        let get = match self.lower.get(key) {
            Lookup::Now(found) => {
                return Lookup::Now(self.settle(key, old, found, fresh_only, now));
            }
            Lookup::Later(get) => get,
        };
        let (inner, key) = (Arc::clone(self), key.to_key());
        Lookup::Later(Box::pin(async move {
            inner.wait(key, old, get, fresh_only, now).await
        }))
    }

    /// Looks a key up in the lower tier alone. Only in a fleet may another process have stored a newer
    /// response there than the one above.
    #[cfg(feature = "codec")]
    pub(super) fn behind(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        hit: &Arc<Entry>,
    ) -> Option<Lookup<Later<Option<Arc<Variants>>>>> {
        self.log()?;
        // There may be nothing below to take its place.
        self.upper.remove(key, Some(hit));
        Some(self.below(key, None, (self.clock.instant(), self.moves.now())))
    }

    /// Reports whether an invalidation has hit responses above. Another process may have stored a newer
    /// one below since.
    #[cfg(feature = "codec")]
    pub(super) fn is_hit(&self, found: &Variants) -> bool {
        self.log()
            .is_some_and(|log| found.iter().any(|entry| log.has_hit(&entry.validity)))
    }

    #[cfg(feature = "codec")]
    fn log(&self) -> Option<&crate::SharedLog> {
        let log = self.log.get_or_init(|| {
            let lower = self.lower.shared_log();
            lower.or_else(|| self.upper.shared_log())
        });
        log.as_ref()
    }

    /// Waits for the lower tier, for as long as its limits allow.
    async fn wait(
        self: Arc<Self>,
        key: Key,
        old: Option<Arc<Variants>>,
        get: L::Get,
        fresh_only: bool,
        now: (Instant, Moment),
    ) -> Result<Option<Arc<Variants>>, BoxError> {
        let start = Instant::now();
        let mut get = Box::pin(get);
        let limit = match old {
            Some(_) => self.soft,
            None => self.hard,
        };
        let Ok(found) = timeout_at(start + limit, &mut get).await else {
            self.counts.timed_out.increment();
            if old.is_some() {
                // What comes late is for the next request.
                let (inner, old) = (Arc::clone(&self), old.clone());
                self.tasks.start("cache.tier", async move {
                    let late = timeout_at(start + inner.hard, get).await;
                    if let Ok(Ok(Some(found))) = late
                        && !is_outdated(&found, old.as_deref())
                    {
                        inner.promote(key.as_ref(), &found, now);
                    }
                });
            }
            return Ok(old);
        };
        match self.seen(found) {
            Ok(found) => {
                if found.is_some() {
                    self.note_time(start);
                }
                Ok(self.settle(key.as_ref(), old, found, fresh_only, now))
            }
            Err(_) if old.is_some() => Ok(old),
            Err(error) => Err(error),
        }
    }

    /// Chooses between what the two tiers have, and moves it where it belongs.
    fn settle(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        old: Option<Arc<Variants>>,
        found: Option<Arc<Variants>>,
        fresh_only: bool,
        now: (Instant, Moment),
    ) -> Option<Arc<Variants>> {
        let found = found.filter(|found| !fresh_only || found.is_fresh(now.0));
        let found = found.filter(|found| !is_outdated(found, old.as_deref()));
        match (found, old) {
            (Some(found), _) => {
                self.counts.lower.increment();
                self.promote(key, &found, now);
                Some(found)
            }
            (None, Some(old)) => {
                self.counts.upper.increment();
                if old.has_left(now.0) {
                    self.demote(key, &old, now);
                    self.promote(key, &old, now);
                }
                Some(old)
            }
            (None, None) => {
                self.counts.missing.increment();
                None
            }
        }
    }

    fn note_time(&self, start: Instant) {
        let time = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let smooth = |before: u64| match before {
            0 => Some(time),
            before => Some(before - before / SMOOTHING + time / SMOOTHING),
        };
        let _ = self.lower_time.fetch_update(Relaxed, Relaxed, smooth);
    }
}

/// Reports whether responses of the lower tier are older than those of the upper one: all of them, or
/// one that answers the same requests. A write that was dropped or failed leaves such ones below.
fn is_outdated(found: &Variants, old: Option<&Variants>) -> bool {
    let newest = |all: &Variants| all.iter().map(|entry| entry.sent).max();
    let token = FillToken::promotion();
    old.is_some_and(|old| {
        newest(found) < newest(old) || found.iter().any(|entry| old.outdates(entry, &token))
    })
}

// === impl Upper ===

impl Upper {
    fn of(found: Option<Arc<Variants>>, now: Instant) -> Self {
        match found {
            Some(found) if found.has_left(now) => Self::Other {
                old: Some(found),
                fresh_only: false,
            },
            Some(found) if found.is_usable(now) || found.is_never_fresh() => Self::Answer(found),
            // The upstream has to confirm it, so a stale response from below is no better.
            old => Self::Other {
                fresh_only: old.is_some(),
                old,
            },
        }
    }
}
