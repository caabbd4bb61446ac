//! What one entry knows of the log of invalidations.

use scrimp_core::extensions::Since;

use super::sync::{AtomicU64, Ordering};

/// The keyed hash of something that can be invalidated. If two things ever share one,
/// invalidating either also drops the other: a call more, never a stale answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

/// A place in the log of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(super) log: u64,
    pub(super) at: u64,
}

/// What one entry knows of the log.
#[derive(Debug)]
pub(crate) struct Validity {
    pub(super) log: u64,
    pub(super) fetched_at: u64,
    pub(super) carried: Carried,
    /// Up to here the entry is known to be valid.
    pub(super) checked: AtomicU64,
}

/// What an entry can be hit by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) tags: Box<[Tag]>,
    pub(crate) versions: Box<[(Tag, u64)]>,
    /// What globs are matched with, one name a line.
    pub(crate) names: Box<str>,
}

// === impl Position ===

impl Position {
    /// This position as other layers are told it.
    pub(crate) fn since(self) -> Since {
        Since {
            log: self.log,
            at: self.at,
        }
    }

    /// Whether this position came right after another.
    pub(crate) fn follows(self, other: Self) -> bool {
        self.log == other.log && self.at == other.at + 1
    }
}

// === impl Carried ===

impl Carried {
    /// Adds what another response carried. Where both have a version of something, this
    /// one's own counts.
    pub(crate) fn add_all(&mut self, other: &Self) {
        let mut tags = std::mem::take(&mut self.tags).into_vec();
        tags.extend(&other.tags);
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        self.tags = tags.into();
        let mut versions = std::mem::take(&mut self.versions).into_vec();
        for &(tag, version) in &other.versions {
            if !versions.iter().any(|(own, _)| *own == tag) {
                versions.push((tag, version));
            }
        }
        self.versions = versions.into();
        if self.names != other.names {
            let own: Vec<&str> = self.names.lines().collect();
            let more = other.names.lines().filter(|name| !own.contains(name));
            self.names = own
                .iter()
                .copied()
                .chain(more)
                .collect::<Vec<_>>()
                .join("\n")
                .into();
        }
    }
}

// === impl Validity ===

impl Validity {
    /// An entry whose upstream call began at `fetched_at`.
    pub(crate) fn new(fetched_at: Position, carried: Carried) -> Self {
        // What carries a version may be outdated at validity, so it is looked up once.
        let checked = if carried.versions.is_empty() {
            fetched_at.at
        } else {
            0
        };
        Self {
            log: fetched_at.log,
            fetched_at: fetched_at.at,
            carried,
            checked: AtomicU64::new(checked),
        }
    }

    /// What it can be hit by.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Its log, its position there, and what it carries: all there is to write down.
    #[cfg(feature = "codec")]
    pub(crate) fn parts(&self) -> (u64, u64, &Carried) {
        (self.log, self.fetched_at, &self.carried)
    }

    /// What [`parts`](Self::parts) told.
    #[cfg(feature = "codec")]
    pub(crate) fn from_parts(log: u64, fetched_at: u64, carried: Carried) -> Self {
        Self::new(
            Position {
                log,
                at: fetched_at,
            },
            carried,
        )
    }

    pub(crate) fn heap_size(&self) -> usize {
        size_of_val(&*self.carried.tags)
            + size_of_val(&*self.carried.versions)
            + self.carried.names.len()
    }

    /// Notes that no invalidation up to `position` hit it.
    pub(super) fn note_checked(&self, position: u64) {
        self.checked.fetch_max(position, Ordering::Relaxed);
    }
}
