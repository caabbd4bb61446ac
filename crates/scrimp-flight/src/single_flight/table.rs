//! The table of flights, and the keys that must not wait for one.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

use hashbrown::HashTable;
use scrimp_core::{KeyHashBuilder, KeyRef};
use tokio::time::Instant;

use super::{
    flight::{Call, Flight, SharedResult},
    member::Member,
};
use crate::sync::Mutex;

/// Below this many keys there is only one shard, so that the limit is exact.
const SHARDED_FROM: usize = 1024;

const SHARDS: usize = 64;

/// Number of barred keys that a shard remembers.
const MAX_BARRED: usize = 1024;

/// A table of flights by key, and of the keys that must not wait for one.
pub struct FlightTable<C: Call> {
    shards: Box<[Shard<C>]>,
    most_per_shard: usize,
    barred: AtomicUsize,
}

/// On its own cache line: a taken lock must not slow down its neighbour.
#[repr(align(64))]
struct Shard<C: Call>(Mutex<Keys<C>>);

struct Keys<C: Call> {
    flights: HashTable<Arc<Flight<C>>>,
    /// By hash alone: a collision costs a call, and gives no caller a wrong response.
    barred: HashMap<u64, Instant, KeyHashBuilder>,
}

/// Admission of a caller to a key.
pub enum Admission<C: Call> {
    /// A place in a flight. If `waits` is false, it must be [polled](Member::poll) first: the
    /// member that opens a flight [leads](super::Outcome::Lead) it.
    Member {
        /// The place.
        member: Member<C>,
        /// True if there is nothing to do until the caller is woken.
        waits: bool,
    },
    /// A copy of the result: the call has already been made.
    Copy(<C::Result as SharedResult>::Copy),
    /// A separate call: this key is [barred](FlightTable::bar).
    Barred,
    /// Nothing: this key has as many waiters as it may have.
    Crowded,
    /// Nothing: as many keys are in flight as the limit allows.
    Full,
}

/// A caller's request for a place.
#[derive(Debug)]
pub struct Request<'a> {
    /// The key.
    pub key: KeyRef<'a>,
    /// Largest number of members of a flight.
    pub max_members: usize,
    /// Waker of the caller, if it has to wait.
    pub waker: &'a Waker,
}

// === impl FlightTable ===

impl<C: Call> FlightTable<C> {
    /// Returns a table for this many keys in flight. Above 1,023 the limit holds for each 64th of
    /// the keys.
    #[must_use]
    pub fn new(max_keys: usize) -> Self {
        let shards = if max_keys < SHARDED_FROM { 1 } else { SHARDS };
        let shard = |_| {
            Shard(Mutex::new(Keys {
                flights: HashTable::new(),
                barred: HashMap::default(),
            }))
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            most_per_shard: max_keys.div_ceil(shards),
            barred: AtomicUsize::new(0),
        }
    }

    /// Joins a flight that `admits` accepts, or opens one under the terms that `open` makes.
    pub fn enter(
        &self,
        request: &Request<'_>,
        now: impl FnOnce() -> Instant,
        admits: impl FnOnce(&C::Terms) -> bool,
        open: impl FnOnce() -> C::Terms,
    ) -> Admission<C> {
        let key = request.key;
        let mut keys = self.shard(key.hash_value()).lock();
        if !keys.barred.is_empty()
            && let Some(until) = keys.barred.get(&key.hash_value())
        {
            if *until > now() {
                return Admission::Barred;
            }
            keys.barred.remove(&key.hash_value());
            self.barred.fetch_sub(1, Relaxed);
        }
        let found = keys
            .flights
            .find_mut(key.hash_value(), |flight| flight.key().as_ref() == key);
        if let Some(found) = found {
            if admits(found.terms())
                && let Some(admission) = found.board(request.max_members, request.waker)
            {
                return admission;
            }
            let member = Flight::open(key.to_key(), open());
            let before = std::mem::replace(found, Arc::clone(member.flight()));
            drop(keys);
            drop(before);
            return Admission::leading(member);
        }
        if keys.flights.len() >= self.most_per_shard {
            return Admission::Full;
        }
        let member = Flight::open(key.to_key(), open());
        let flight = Arc::clone(member.flight());
        keys.flights
            .insert_unique(key.hash_value(), flight, |flight| {
                flight.key().as_ref().hash_value()
            });
        Admission::leading(member)
    }

    /// Joins a flight. Returns `None` if none can be joined. It ignores [barred](Self::bar) keys.
    pub fn join(&self, request: &Request<'_>) -> Option<Admission<C>> {
        let (key, hash) = (request.key, request.key.hash_value());
        let keys = self.shard(hash).lock();
        let found = keys
            .flights
            .find(hash, |flight| flight.key().as_ref() == key)?;
        found.board(request.max_members, request.waker)
    }

    /// Removes a flight, unless another has taken its place.
    pub(super) fn remove(&self, flight: &Arc<Flight<C>>) {
        let hash = flight.key().as_ref().hash_value();
        let mut keys = self.shard(hash).lock();
        let entry = keys
            .flights
            .find_entry(hash, |found| Arc::ptr_eq(found, flight));
        let removed = entry.ok().map(|entry| entry.remove().0);
        drop(keys);
        drop(removed);
    }

    /// Prevents callers from waiting for this key until `until`.
    pub fn bar(&self, hash: u64, now: Instant, until: Instant) {
        let mut keys = self.shard(hash).lock();
        let before = keys.barred.len();
        if before >= MAX_BARRED {
            keys.barred.retain(|_, until| *until > now);
        }
        if keys.barred.len() >= MAX_BARRED
            && let Some(victim) = keys.barred.keys().next().copied()
        {
            keys.barred.remove(&victim);
        }
        keys.barred.insert(hash, until);
        let after = keys.barred.len();
        drop(keys);
        self.barred.fetch_add(after, Relaxed);
        self.barred.fetch_sub(before, Relaxed);
    }

    /// Lets callers wait for this key again.
    pub fn unbar(&self, hash: u64) {
        if self.shard(hash).lock().barred.remove(&hash).is_some() {
            self.barred.fetch_sub(1, Relaxed);
        }
    }

    /// Returns the number of keys in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| shard.0.lock().flights.len()).sum()
    }

    /// Returns the number of barred keys.
    #[must_use]
    pub fn barred(&self) -> usize {
        self.barred.load(Relaxed)
    }

    /// Returns whether no key is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: u64) -> &Mutex<Keys<C>> {
        // The inner table uses the low bits and the top seven.
        let index = (hash >> 32) as usize % self.shards.len();
        &self.shards[index].0
    }
}

impl<C: Call> fmt::Debug for FlightTable<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightTable")
            .field("in_flight", &self.len())
            .field("barred", &self.barred())
            .finish_non_exhaustive()
    }
}

// === impl Admission ===

impl<C: Call> Admission<C> {
    fn leading(member: Member<C>) -> Self {
        let waits = false;
        Self::Member { member, waits }
    }
}

impl<C: Call> fmt::Debug for Admission<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { member, waits } => f
                .debug_struct("Member")
                .field("member", member)
                .field("waits", waits)
                .finish(),
            Self::Copy(_) => f.write_str("Copy(..)"),
            Self::Barred => f.write_str("Barred"),
            Self::Crowded => f.write_str("Crowded"),
            Self::Full => f.write_str("Full"),
        }
    }
}
