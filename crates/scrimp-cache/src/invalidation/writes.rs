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
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

#[cfg(feature = "codec")]
use super::covered::Cover;
#[cfg(feature = "codec")]
use super::log::{InvalidationRecord, Target};
use super::{
    epoch::Epoch,
    kept::KeptWrites,
    sync::{RwLock, SHARDS},
    tags::Tag,
    validity::Validity,
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

/// URIs with responses or calls, and the marks on some of them. Nearly all have none, so these have a
/// map of their own.
struct Shard {
    /// Number of responses and calls of each URI.
    holders: HashMap<Tag, u32, Secret>,
    marks: HashMap<Tag, Mark, Secret>,
}

/// A hash function of tags, drawn at random: multiply-shift (Dietzfelbinger, 1996).
///
/// Whatever two tags a client chooses without seeing their hashes, they have the same one with
/// probability 2⁻⁶⁴. Tags are hashes already, so this costs a few instructions and needs no mixing.
#[derive(Debug, Clone, Copy)]
struct Secret {
    factor: u128,
    summand: u128,
}

/// Hashes one tag.
struct TagHasher {
    secret: Secret,
    hash: u64,
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
    tag: Tag,
}

// === impl Writes ===

impl Writes {
    pub(super) fn new() -> Self {
        let secret = Secret::new();
        let shard = |_| RwLock::from(Shard::new(secret));
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            secret,
            kept: RwLock::default(),
            #[cfg(feature = "codec")]
            on_cover: OnceLock::new(),
        }
    }

    /// Keeps marks on a URI from now on. Call it before an upstream call begins.
    pub(super) fn watch(self: &Arc<Self>, tag: Tag) -> WriteWatch {
        *self.shard(tag).write().holders.entry(tag).or_default() += 1;
        WriteWatch {
            writes: Arc::clone(self),
            tag,
        }
    }

    /// Returns whether a write to one of these leaves a mark.
    ///
    /// If it does not, every later call begins after the write: both take the lock of the shard.
    pub(super) fn concern(&self, tags: &[Tag]) -> bool {
        let watched = |tag: &Tag| self.shard(*tag).read().holders.contains_key(tag);
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
            let mut shard = self.shard(*tag).write();
            if shard.holders.contains_key(tag) {
                shard.marks.entry(*tag).or_default().set(position, soft);
                changed = true;
            }
        }
        // This comes second: `keep` reads the shard last.
        self.kept.write().mark(tags, position, soft) || changed
    }

    /// Covers a URI for a response that is about to leave memory, and was fetched at this position.
    #[cfg(feature = "codec")]
    fn keep(&self, tag: Tag, fetched_at: u64) {
        let mark = || self.shard(tag).read().mark(tag);
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
        let (carried, fetched_at) = (&entry.carried, entry.fetched_at.at);
        let own = carried.watches().map(WriteWatch::marks);
        let tags = carried.tags_of_writes();
        let is_elsewhere = |tag: &Tag| !carried.watches().any(|watch| watch.tag == *tag);
        let elsewhere = tags.iter().copied().filter(is_elsewhere);
        let (marks, old) = {
            let kept = self.kept.read();
            let marks = kept.marks(elsewhere.clone(), fetched_at);
            (marks, elsewhere.into_iter().any(|tag| kept.is_old(tag)))
        };
        let mark = own.fold(marks, Mark::latest);
        if old && mark.hard <= fetched_at {
            let mut kept = self.kept.write();
            tags.iter().for_each(|tag| kept.renew(*tag));
        }
        match fetched_at {
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
        let shards = self.shards.iter();
        shards.map(|shard| shard.read().holders.len()).sum()
    }

    fn shard(&self, tag: Tag) -> &RwLock<Shard> {
        // The maps use the lowest and the highest bits.
        &self.shards[(self.secret.hash(tag) >> 32) as usize % self.shards.len()]
    }
}

impl std::fmt::Debug for Writes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writes").finish_non_exhaustive()
    }
}

// === impl Shard ===

impl Shard {
    fn new(secret: Secret) -> Self {
        Self {
            holders: HashMap::with_hasher(secret),
            marks: HashMap::with_hasher(secret),
        }
    }

    /// Returns the marks on a URI.
    fn mark(&self, tag: Tag) -> Mark {
        self.marks.get(&tag).copied().unwrap_or_default()
    }

    /// Notes that a response or a call of a URI is gone.
    fn release(&mut self, tag: Tag) {
        let Entry::Occupied(mut holders) = self.holders.entry(tag) else {
            return;
        };
        *holders.get_mut() -= 1;
        if *holders.get() == 0 {
            holders.remove();
            shrink(&mut self.holders);
            if self.marks.remove(&tag).is_some() {
                shrink(&mut self.marks);
            }
        }
    }
}

/// Gives back memory that a map no longer needs.
fn shrink<V>(map: &mut HashMap<Tag, V, Secret>) {
    // Each shrinking has been paid for by as many removals.
    if map.capacity() > LARGE && map.len() < map.capacity() / 8 {
        map.shrink_to(2 * map.len());
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

impl BuildHasher for Secret {
    type Hasher = TagHasher;

    fn build_hasher(&self) -> TagHasher {
        TagHasher {
            secret: *self,
            hash: 0,
        }
    }
}

// === impl TagHasher ===

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, bytes: &[u8]) {
        // A tag uses `write_u64`.
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, tag: u64) {
        self.hash = self.secret.hash(Tag(self.hash ^ tag));
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
    /// Bytes that a watch takes outside of itself: its place in a map that is five eighths full, as
    /// maps are on average that double when they are full.
    pub(super) const WEIGHT: usize = (size_of::<(Tag, u32)>() + 1) * 8 / 5;

    /// Returns the marks on the URI.
    fn marks(&self) -> Mark {
        self.writes.shard(self.tag).read().mark(self.tag)
    }

    /// Covers the URI for a copy of a response that is not in memory.
    #[cfg(feature = "codec")]
    pub(super) fn keep(&self, fetched_at: u64) {
        self.writes.keep(self.tag, fetched_at);
    }
}

impl Clone for WriteWatch {
    fn clone(&self) -> Self {
        self.writes.watch(self.tag)
    }
}

impl Drop for WriteWatch {
    fn drop(&mut self) {
        self.writes.shard(self.tag).write().release(self.tag);
    }
}

impl std::fmt::Debug for WriteWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WriteWatch").field(&self.tag).finish()
    }
}

impl PartialEq for WriteWatch {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}

impl Eq for WriteWatch {}
