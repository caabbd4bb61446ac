//! Which calls are in flight, and which keys had better not wait for one.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
};

use hashbrown::HashTable;
use scrimp_core::{KeyHashBuilder, KeyRef};
use tokio::time::Instant;

use crate::{
    flight::{Arrival, Boarding, Cargo, Flight, Member},
    sync::Mutex,
};

/// Below so many keys there is but one shard, so that the limit is exact.
const SHARDED_FROM: usize = 1024;

const SHARDS: usize = 64;

/// Keys remembered per shard because their answers could not be shared.
const MAX_BARRED: usize = 1024;

/// Flights by key.
pub(crate) struct Table<A: Arrival> {
    shards: Box<[Shard<A>]>,
    most_per_shard: usize,
    barred: AtomicUsize,
}

/// On a cache line of its own: a lock that is taken must not slow down its neighbour.
#[repr(align(64))]
struct Shard<A: Arrival>(Mutex<Keys<A>>);

struct Keys<A: Arrival> {
    flights: HashTable<Arc<Flight<A>>>,
    /// By hash alone: a collision costs a call and gives nobody a wrong answer.
    barred: HashMap<u64, Instant, KeyHashBuilder>,
}

/// What a caller of a key is to do.
pub(crate) enum Entry<A: Arrival> {
    /// Make the call.
    Lead(Member<A>),
    /// Wait for it: it does already if it `waits`, and is to be polled first otherwise.
    Join { member: Member<A>, waits: bool },
    /// It has been made.
    Copy(<A::Cargo as Cargo>::Copy),
    /// Make a call that is nobody else's: an answer to this key was not to be shared.
    Barred,
    /// As many wait for this key as may.
    Crowded,
    /// As many keys are in flight as may be.
    Full,
}

/// What a caller accepts.
pub(crate) struct Request<'a> {
    pub(crate) key: KeyRef<'a>,
    /// Waiters per key at most.
    pub(crate) most: usize,
    /// Who is to be woken if it is to wait.
    pub(crate) waker: &'a Waker,
}

// === impl Table ===

impl<A: Arrival> Table<A> {
    pub(crate) fn new(max_keys: usize) -> Self {
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

    /// Finds a flight that `admits` accepts, or opens one under the terms that `open` makes.
    pub(crate) fn enter(
        &self,
        request: &Request<'_>,
        now: impl FnOnce() -> Instant,
        admits: impl FnOnce(&A::Terms) -> bool,
        open: impl FnOnce() -> A::Terms,
    ) -> Entry<A> {
        let key = request.key;
        let mut keys = self.shard(key.hash_value()).lock();
        if !keys.barred.is_empty()
            && let Some(until) = keys.barred.get(&key.hash_value())
        {
            if *until > now() {
                return Entry::Barred;
            }
            keys.barred.remove(&key.hash_value());
            self.barred.fetch_sub(1, Relaxed);
        }
        let found = keys
            .flights
            .find_mut(key.hash_value(), |flight| flight.key.as_ref() == key);
        if let Some(found) = found {
            if admits(&found.terms) {
                match found.board(request.most, request.waker) {
                    Boarding::Member { member, waits } => return Entry::Join { member, waits },
                    Boarding::Copy(copy) => return Entry::Copy(copy),
                    Boarding::Full => return Entry::Crowded,
                    Boarding::TooLate => {}
                }
            }
            let member = Flight::open(key.to_key(), open());
            let before = std::mem::replace(found, Arc::clone(member.flight()));
            drop(keys);
            drop(before);
            return Entry::Lead(member);
        }
        if keys.flights.len() >= self.most_per_shard {
            return Entry::Full;
        }
        let member = Flight::open(key.to_key(), open());
        let flight = Arc::clone(member.flight());
        keys.flights
            .insert_unique(key.hash_value(), flight, |flight| {
                flight.key.as_ref().hash_value()
            });
        Entry::Lead(member)
    }

    /// Takes a flight out, unless another has taken its place.
    pub(crate) fn remove(&self, flight: &Arc<Flight<A>>) {
        let hash = flight.key.as_ref().hash_value();
        let mut keys = self.shard(hash).lock();
        let entry = keys
            .flights
            .find_entry(hash, |found| Arc::ptr_eq(found, flight));
        let removed = entry.ok().map(|entry| entry.remove().0);
        drop(keys);
        drop(removed);
    }

    /// Lets nobody wait for this key until then.
    pub(crate) fn bar(&self, hash: u64, now: Instant, until: Instant) {
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
    pub(crate) fn unbar(&self, hash: u64) {
        if self.shard(hash).lock().barred.remove(&hash).is_some() {
            self.barred.fetch_sub(1, Relaxed);
        }
    }

    /// Keys in flight now.
    pub(crate) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| shard.0.lock().flights.len()).sum()
    }

    /// Keys remembered as not to be shared.
    pub(crate) fn barred(&self) -> usize {
        self.barred.load(Relaxed)
    }

    fn shard(&self, hash: u64) -> &Mutex<Keys<A>> {
        // The table inside uses the low bits and the top seven.
        let index = (hash >> 32) as usize % self.shards.len();
        &self.shards[index].0
    }
}
