//! One fill of a key at a time.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::Waker,
};

use parking_lot::Mutex;
use scrimp_core::KeyHashBuilder;
use tokio::sync::{Notify, futures::OwnedNotified};

use crate::tasks::AbortOnDrop;

/// Maps that the keys are spread over.
const SHARDS: usize = 16;

/// The fills under way.
#[derive(Default)]
pub(crate) struct Gate([Mutex<HashMap<u64, Arc<Flight>, KeyHashBuilder>>; SHARDS]);

/// A fill under way, and who waits for it.
#[derive(Default)]
struct Flight {
    outcome: AtomicU8,
    done: Arc<Notify>,
    waiters: AtomicUsize,
    /// Woken when the last waiter has gone.
    idle: Mutex<Option<Waker>>,
}

/// Why waiters were released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// The cache has it now.
    Stored,
    /// It will not be in the cache for them: uncacheable, failed, or not done in time.
    Alone,
    /// Who filled it went away, or would not know: somebody else's turn.
    Left,
}

/// What a request finds at the gate.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It is the one that fills.
    Fill(Ticket),
    /// Another fills.
    Wait(Waiting),
    /// Nobody fills, and neither can this request.
    Alone,
}

/// Held by the one that fills a key. Dropped without a word, the waiters are released: to go
/// alone after a panic, else to choose a successor.
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    fingerprint: u64,
    flight: Arc<Flight>,
    open: bool,
    /// Given up when the fill is over.
    lease: Option<AbortOnDrop>,
}

/// A place among the waiters.
pub(crate) struct Waiting {
    mark: Mark,
    done: OwnedNotified,
}

/// Counts a waiter for as long as it waits.
struct Mark(Arc<Flight>);

// === impl Gate ===

impl Gate {
    fn shard(&self, fingerprint: u64) -> &Mutex<HashMap<u64, Arc<Flight>, KeyHashBuilder>> {
        &self.0[(fingerprint >> 60) as usize % SHARDS]
    }

    /// Comes to the gate: the first one fills, if it can.
    pub(crate) fn enter(self: &Arc<Self>, fingerprint: u64, fills: bool) -> Entry {
        let mut flights = self.shard(fingerprint).lock();
        if let Some(flight) = flights.get(&fingerprint) {
            return Entry::Wait(Waiting::new(flight));
        }
        if !fills {
            return Entry::Alone;
        }
        let flight = Arc::new(Flight::default());
        flights.insert(fingerprint, Arc::clone(&flight));
        Entry::Fill(Ticket {
            gate: Arc::clone(self),
            fingerprint,
            flight,
            open: true,
            lease: None,
        })
    }

    /// Becomes the one that fills, if there is none: for a call that is on its way already.
    pub(crate) fn take(self: &Arc<Self>, fingerprint: u64) -> Option<Ticket> {
        match self.enter(fingerprint, true) {
            Entry::Fill(ticket) => Some(ticket),
            Entry::Wait(_) | Entry::Alone => None,
        }
    }

    /// Fills under way.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().len()).sum()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.len())
    }
}

// === impl Ticket ===

impl Ticket {
    /// Keeps a lease until the fill is over.
    pub(crate) fn keep(&mut self, lease: Option<AbortOnDrop>) {
        self.lease = lease;
    }

    /// Whether there may be waiters still to be released.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Releases the waiters. Once: what comes later is not heard.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        // Who comes from here on finds no flight; who came before is told by this one.
        self.gate
            .shard(self.fingerprint)
            .lock()
            .remove(&self.fingerprint);
        self.flight.outcome.store(outcome as u8, Ordering::Release);
        self.flight.done.notify_waiters();
        self.lease = None;
    }

    /// Whether anybody waits. If not, `waker` is woken never, as nobody has to be waited for;
    /// if so, when the last of them has gone.
    pub(crate) fn is_awaited(&self, waker: &Waker) -> bool {
        if !self.open {
            return false;
        }
        // Before the count, so that a waiter that leaves in between finds it.
        *self.flight.idle.lock() = Some(waker.clone());
        self.flight.waiters.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(match std::thread::panicking() {
            true => Outcome::Alone,
            false => Outcome::Left,
        });
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket(open: {})", self.open)
    }
}

// === impl Waiting ===

impl Waiting {
    /// To be called under the lock of the map: a release from then on is not missed.
    fn new(flight: &Arc<Flight>) -> Self {
        flight.waiters.fetch_add(1, Ordering::SeqCst);
        Self {
            mark: Mark(Arc::clone(flight)),
            done: Arc::clone(&flight.done).notified_owned(),
        }
    }

    /// Waits until the fill is over.
    pub(crate) async fn over(self) -> Outcome {
        let Self { mark, done } = self;
        done.await;
        match mark.0.outcome.load(Ordering::Acquire) {
            code if code == Outcome::Stored as u8 => Outcome::Stored,
            code if code == Outcome::Alone as u8 => Outcome::Alone,
            _ => Outcome::Left,
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if self.0.waiters.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(waker) = self.0.idle.lock().take()
        {
            waker.wake();
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}
