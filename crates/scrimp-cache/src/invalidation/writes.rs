//! Marks of clients' writes.
//!
//! Clients write as often as they like, so their marks have room of their own and cannot displace
//! an operator's invalidations. A mark on a URI is kept only as long as it can matter: while a
//! response fetched from the URI is in memory, or a call to it is in progress. Everything else
//! begins after the write and sees its effect. So writes to invented URIs leave nothing, and no
//! number of writes affects the responses of another URI.
//!
//! Responses that were encoded may be stored anywhere. Their URIs are [covered](KeptWrites), up to a
//! bound, so that writes to others do not affect them either.

#[cfg(feature = "codec")]
use std::sync::OnceLock;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
};

use scrimp_core::KeyHashBuilder;

#[cfg(feature = "codec")]
use super::covered::Cover;
#[cfg(feature = "codec")]
use super::log::{InvalidationRecord, Target};
use super::{
    epoch::Epoch,
    kept::KeptWrites,
    sync::{RwLock, SHARDS},
    validity::{Tag, Validity},
};

/// Size from which a shard gives back memory that it no longer needs.
const LARGE: usize = 1 << 10;

/// Marks of writes on what is in memory, and those kept for what is not.
pub(crate) struct Writes {
    shards: Box<[RwLock<Shard>]>,
    /// The secret of the shards and their maps: clients can compute the tags.
    secret: Secret,
    kept: RwLock<KeptWrites>,
    /// Called when a URI is covered for the first time.
    #[cfg(feature = "codec")]
    on_cover: OnceLock<OnCover>,
}

#[cfg(feature = "codec")]
pub(super) type OnCover = Box<dyn Fn() + Send + Sync>;

type Shard = HashMap<Place, Row, KeyHashBuilder>;

/// A hash function of tags, drawn at random: multiply-shift (Dietzfelbinger, 1996).
///
/// Whatever two tags a client chooses without seeing their hashes, they have the same one with
/// probability 2⁻⁶⁴. Tags are hashes already, so this costs a few instructions and needs no mixing.
struct Secret {
    factor: u128,
    summand: u128,
}

/// A tag with its secret hash, which both the choice of a shard and its map go by. It is computed
/// once for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    tag: Tag,
    hash: u64,
}

/// The marks on one URI.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Number of responses and calls that the marks are for.
    holders: usize,
    mark: Mark,
}

/// Position of a tag's last invalidation; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) hard: u64,
    pub(super) soft: u64,
}

/// Keeps the marks on one URI, for a response fetched from it or a call to it.
pub(crate) struct WriteWatch {
    writes: Arc<Writes>,
    place: Place,
}

// === impl Writes ===

impl Default for Writes {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            secret: Secret::new(),
            kept: RwLock::default(),
            #[cfg(feature = "codec")]
            on_cover: OnceLock::new(),
        }
    }
}

impl Writes {
    /// Keeps marks on a URI from now on. Call it before an upstream call begins.
    pub(super) fn watch(self: &Arc<Self>, tag: Tag) -> WriteWatch {
        self.watch_at(self.place(tag))
    }

    fn watch_at(self: &Arc<Self>, place: Place) -> WriteWatch {
        self.shard(place).write().entry(place).or_default().holders += 1;
        WriteWatch {
            writes: Arc::clone(self),
            place,
        }
    }

    /// Returns whether a write to one of these leaves a mark.
    ///
    /// If it does not, every later call begins after the write: both take the lock of the shard.
    pub(super) fn concern(&self, tags: &[Tag]) -> bool {
        let watched = |tag: &Tag| {
            let place = self.place(*tag);
            self.shard(place).read().contains_key(&place)
        };
        if tags.iter().any(|tag| !tag.is_uri() || watched(tag)) {
            return true;
        }
        // This comes second: a response is covered before its watch ends.
        let kept = self.kept.read();
        tags.iter().any(|tag| kept.concern(*tag))
    }

    /// Leaves the marks of a write. Returns false if it changes nothing.
    pub(super) fn mark(&self, tags: &[Tag], position: u64, soft: bool) -> bool {
        let mut changed = false;
        for tag in tags.iter().filter(|tag| tag.is_uri()) {
            let place = self.place(*tag);
            if let Some(row) = self.shard(place).write().get_mut(&place) {
                row.mark.set(position, soft);
                changed = true;
            }
        }
        // This comes second: `keep` reads the shard last.
        self.kept.write().mark(tags, position, soft) || changed
    }

    /// Covers a URI for a response that is about to leave memory, and was fetched at this position.
    #[cfg(feature = "codec")]
    fn keep(&self, tag: Tag, fetched_at: u64) {
        let place = self.place(tag);
        let mark = || {
            let shard = self.shard(place).read();
            shard.get(&place).map(|row| row.mark).unwrap_or_default()
        };
        if mark() == Mark::default() && self.kept.read().known(tag, fetched_at).is_some() {
            return;
        }
        // A write that is not in the shard yet finds the lock taken, and then the URI covered.
        let mut kept = self.kept.write();
        let last = mark();
        let since = fetched_at;
        kept.cover(tag, Cover { since, last });
        drop(kept);
        // The record precedes the response that it is about.
        if let Some(on_cover) = self.on_cover.get() {
            on_cover();
        }
    }

    /// Calls `on_cover` whenever a URI is covered. Only the first one is used.
    #[cfg(feature = "codec")]
    pub(super) fn on_cover(&self, on_cover: OnCover) {
        self.kept.write().record();
        let _ = self.on_cover.set(on_cover);
    }

    /// Checks an entry. The marks on a URI that it watches are complete; others may have been
    /// dropped.
    pub(super) fn epoch(&self, entry: &Validity) -> Epoch {
        let watches = &entry.carried.watches;
        let own = watches.iter().map(WriteWatch::marks);
        let elsewhere = entry.carried.tags.iter().copied();
        let mut elsewhere =
            elsewhere.filter(|tag| !watches.iter().any(|watch| watch.place.tag == *tag));
        let (marks, old) = {
            let kept = self.kept.read();
            let marks = kept.marks(elsewhere.clone(), entry.fetched_at);
            (marks, elsewhere.any(|tag| kept.is_old(tag)))
        };
        let mark = own.fold(marks, Mark::latest);
        if old && mark.hard <= entry.fetched_at {
            let mut kept = self.kept.write();
            entry.carried.tags.iter().for_each(|tag| kept.renew(*tag));
        }
        match entry.fetched_at {
            at if mark.hard > at => Epoch::Gone,
            at if mark.soft > at => Epoch::Stale,
            _ => Epoch::Valid,
        }
    }

    /// Returns the marks for what is not in memory.
    #[cfg(feature = "codec")]
    pub(super) fn kept(&self) -> &RwLock<KeptWrites> {
        &self.kept
    }

    /// Returns records that reproduce what is kept, for another log.
    #[cfg(feature = "codec")]
    pub(super) fn dump(&self) -> Vec<InvalidationRecord> {
        let kept = self.kept.read();
        let record = |position, target| InvalidationRecord {
            position,
            soft: false,
            target,
        };
        // They come first, as they say where marks are put.
        let floors = kept.floors();
        let floors = floors.map(|(secret, floors)| record(1, Target::Floors(secret, floors)));
        // A mark that was dropped ended the cover, so covers need not be in the order of marks.
        let covers = record(1, Target::Covers(kept.covers_record()));
        let marks = kept.iter().map(|(tag, position)| {
            let tags = std::iter::once(tag).collect();
            record(position, Target::Written(tags))
        });
        floors.into_iter().chain([covers]).chain(marks).collect()
    }

    /// Returns the number of URIs with rows.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    fn place(&self, tag: Tag) -> Place {
        Place {
            tag,
            hash: self.secret.hash(tag),
        }
    }

    fn shard(&self, place: Place) -> &RwLock<Shard> {
        // The maps use the lowest and the highest bits.
        &self.shards[(place.hash >> 32) as usize % self.shards.len()]
    }
}

impl std::fmt::Debug for Writes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writes").finish_non_exhaustive()
    }
}

// === impl Secret ===

impl Secret {
    fn new() -> Self {
        let random = RandomState::new();
        let half = |number: u8| u128::from(random.hash_one(number));
        Self {
            factor: half(0) << 64 | half(1),
            summand: half(2) << 64 | half(3),
        }
    }

    fn hash(&self, tag: Tag) -> u64 {
        let product = self.factor.wrapping_mul(u128::from(tag.0));
        (product.wrapping_add(self.summand) >> 64) as u64
    }
}

// === impl Place ===

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

// === impl Mark ===

impl Mark {
    pub(super) fn set(&mut self, position: u64, soft: bool) {
        *(if soft { &mut self.soft } else { &mut self.hard }) = position;
    }

    pub(super) fn last(self) -> u64 {
        self.hard.max(self.soft)
    }

    pub(super) fn latest(self, other: Self) -> Self {
        Self {
            hard: self.hard.max(other.hard),
            soft: self.soft.max(other.soft),
        }
    }
}

// === impl WriteWatch ===

impl WriteWatch {
    /// Bytes that a watch takes outside of itself.
    pub(super) const WEIGHT: usize = 2 * size_of::<(Place, Row)>();

    /// Returns the marks on the URI.
    fn marks(&self) -> Mark {
        let shard = self.writes.shard(self.place).read();
        shard
            .get(&self.place)
            .expect("kept until it is dropped")
            .mark
    }

    /// Covers the URI for a copy of a response that is not in memory.
    #[cfg(feature = "codec")]
    pub(super) fn keep(&self, fetched_at: u64) {
        self.writes.keep(self.place.tag, fetched_at);
    }
}

impl Clone for WriteWatch {
    fn clone(&self) -> Self {
        self.writes.watch_at(self.place)
    }
}

impl Drop for WriteWatch {
    fn drop(&mut self) {
        let mut shard = self.writes.shard(self.place).write();
        let Some(row) = shard.get_mut(&self.place) else {
            return;
        };
        row.holders -= 1;
        if row.holders == 0 {
            shard.remove(&self.place);
            // Each shrinking has been paid for by as many removals.
            if shard.capacity() > LARGE && shard.len() < shard.capacity() / 8 {
                let room = 2 * shard.len();
                shard.shrink_to(room);
            }
        }
    }
}

impl std::fmt::Debug for WriteWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WriteWatch").field(&self.place.tag).finish()
    }
}

impl PartialEq for WriteWatch {
    fn eq(&self, other: &Self) -> bool {
        self.place.tag == other.place.tag
    }
}

impl Eq for WriteWatch {}
