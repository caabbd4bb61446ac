//! Moves from one tier to the other, which an erasure stops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use scrimp_core::{BoxError, KeyRef};
use tokio::{
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock},
    time::Instant,
};

use super::Inner;
use crate::entry::{FillToken, PutOutcome, Store, Variants};

/// Responses that move between the tiers. An erasure looks through both of them: what a look-up has read
/// before its end may not be put back afterwards.
#[derive(Debug, Default)]
pub(super) struct Moves {
    lock: Arc<RwLock<()>>,
    /// Number of the present moment. It changes at the beginning and at the end of each erasure.
    moment: Arc<AtomicU64>,
}

/// The time at which a tier was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u64);

/// Permission to move what was read.
pub(super) type Moving = OwnedRwLockReadGuard<()>;

/// The end of all moves, until it is dropped.
pub(super) struct Still {
    _lock: OwnedRwLockWriteGuard<()>,
    moment: Arc<AtomicU64>,
}

// === impl Moves ===

impl Moves {
    /// Returns the present moment, to be taken before a tier is read.
    pub(super) fn now(&self) -> Moment {
        Moment(self.moment.load(SeqCst))
    }

    /// Begins to move what was read at this moment. `None` if an erasure has begun or ended since.
    pub(super) fn begin(&self, read: Moment) -> Option<Moving> {
        let moving = Arc::clone(&self.lock).try_read_owned().ok()?;
        (self.now() == read).then_some(moving)
    }

    /// Waits for the moves that have begun, and lets no other begin.
    pub(super) async fn stop(&self) -> Still {
        let lock = Arc::clone(&self.lock).write_owned().await;
        self.moment.fetch_add(1, SeqCst);
        Still {
            _lock: lock,
            moment: Arc::clone(&self.moment),
        }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        // Before the lock is released, as its field is dropped after this.
        self.moment.fetch_add(1, SeqCst);
    }
}

// === impl Inner ===

impl<U: Store, L: Store> Inner<U, L> {
    /// Puts responses into the upper tier that were found in the lower one: all or none, as those
    /// above would hide the others.
    pub(super) fn promote(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        variants: &Variants,
        (now, read): (Instant, Moment),
    ) {
        let Some(moving) = self.moves.begin(read) else {
            return;
        };
        let times = variants
            .iter()
            .map(|entry| self.place(key, entry, now).upper);
        let Some(times) = times.collect::<Option<Vec<_>>>() else {
            return;
        };
        // The newest comes last, and so stands first.
        let entries: Vec<_> = variants.iter().cloned().zip(times).collect();
        let (inner, key) = (Arc::clone(self), key.to_key());
        self.start(async move {
            for (entry, time) in entries.into_iter().rev() {
                let token = FillToken::promotion().staying(now, time);
                inner.counts.promoted.increment();
                let put = inner.upper.put(key.clone(), entry, token).await;
                let put = inner.seen(put);
                // One that is superseded has a newer one in its place.
                if !matches!(put, Ok(PutOutcome::Stored | PutOutcome::Superseded)) {
                    inner.upper.remove(key.as_ref(), None);
                    return put;
                }
            }
            drop(moving);
            Ok(PutOutcome::Stored)
        });
    }

    /// Puts responses into the lower tier whose time in the upper one is over.
    pub(super) fn demote(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        variants: &Variants,
        (now, read): (Instant, Moment),
    ) {
        for entry in variants.iter() {
            let Some(moving) = self.moves.begin(read) else {
                return;
            };
            let Some(time) = self.place(key, entry, now).lower else {
                continue;
            };
            let Some(place) = self.write_place(key) else {
                return;
            };
            let token = FillToken::promotion().staying(now, time);
            self.counts.demoted.increment();
            let (inner, key) = (Arc::clone(self), key.to_key());
            let put = self.lower.put(key.clone(), Arc::clone(entry), token);
            self.start(async move {
                let outcome = inner.written(&key, put.await);
                drop((place, moving));
                outcome
            });
        }
    }

    /// Finishes a put at once, or in the background. It counts its own failure.
    fn start<F>(&self, put: F)
    where
        F: Future<Output = Result<PutOutcome, BoxError>> + Send + 'static,
    {
        let mut put = Box::pin(put);
        match put.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => drop(outcome),
            Poll::Pending => {
                self.tasks.start("cache.tier", async move {
                    if let Err(error) = put.await {
                        tracing::debug!(error, "a response did not reach another tier");
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_before_or_during_an_erasure_does_not_move_after_it() {
        let moves = Moves::default();
        let before = moves.now();
        assert!(moves.begin(before).is_some());
        let still = moves.stop().await;
        let during = moves.now();
        assert!(moves.begin(during).is_none());
        drop(still);
        assert!(moves.begin(before).is_none() && moves.begin(during).is_none());
        assert!(moves.begin(moves.now()).is_some());
    }

    #[tokio::test]
    async fn an_erasure_waits_for_the_moves_that_have_begun() {
        let moves = Moves::default();
        let moving = moves.begin(moves.now());
        let mut stop = std::pin::pin!(moves.stop());
        let waker = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(waker);
        assert!(stop.as_mut().poll(&mut cx).is_pending());
        assert!(
            moves.begin(moves.now()).is_none(),
            "no other begins meanwhile"
        );
        drop(moving);
        assert!(stop.as_mut().poll(&mut cx).is_ready());
    }
}
