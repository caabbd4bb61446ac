//! The state of one entry towards the log of invalidations.

use scrimp_core::extensions::Since;

use super::sync::{AtomicU64, Ordering};

/// The hash of a target of invalidation. If two targets share one, invalidating either also drops
/// the other: one more call, never a stale response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

/// A position in the log of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(super) log: u64,
    pub(super) at: u64,
}

/// The position of one entry in the log, and what it carries.
#[derive(Debug)]
pub(crate) struct Validity {
    pub(super) log: u64,
    pub(super) fetched_at: u64,
    pub(super) carried: Carried,
    /// Position up to which the entry is known to be valid.
    pub(super) checked: AtomicU64,
}

/// Everything that can invalidate an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) tags: Box<[Tag]>,
    pub(crate) versions: Box<[(Tag, u64)]>,
    /// Names that globs are matched with, one per line.
    pub(crate) names: Box<str>,
}

// === impl Position ===

impl Position {
    /// Returns this position in the form for other layers.
    pub(crate) fn since(self) -> Since {
        Since {
            log: self.log,
            at: self.at,
        }
    }

    /// Reports whether this position directly follows another.
    pub(crate) fn follows(self, other: Self) -> bool {
        self.log == other.log && self.at == other.at + 1
    }
}

// === impl Carried ===

impl Carried {
    /// Adds what another response carried. If both have a version of an entity, this one counts.
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
    /// Returns the validity of an entry whose upstream call began at `fetched_at`.
    pub(crate) fn new(fetched_at: Position, carried: Carried) -> Self {
        // An entry with a version may be outdated on arrival, so it is checked once.
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

    /// Returns everything that can invalidate it.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Returns its log, its position there, and what it carries: everything to encode.
    #[cfg(feature = "codec")]
    pub(crate) fn parts(&self) -> (u64, u64, &Carried) {
        (self.log, self.fetched_at, &self.carried)
    }

    /// Restores it from the result of [`parts`](Self::parts).
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
