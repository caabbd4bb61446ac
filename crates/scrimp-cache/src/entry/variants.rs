//! The responses under one key.

use std::sync::Arc;

use http::{HeaderMap, Request};
use scrimp_table::Kept;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Entry, FillToken, worth};

/// Maximum number of responses under one key. The oldest are removed first: a client that varies a
/// field at will fills its own slots, not the memory.
const MAX_VARIANTS: usize = 32;

/// The responses stored under one key, newest first.
#[derive(Debug, Clone, Default)]
pub struct Variants {
    entries: SmallVec<[Arc<Entry>; 1]>,
    /// Flag that values of the same request fields tell them apart, and nothing else does. Then a
    /// request with the very lines of one is answered by this one, whichever is newer.
    alike: bool,
}

// === impl Variants ===

impl Variants {
    /// Returns the newest response that answers a request.
    #[must_use]
    pub fn select<B>(&self, request: &Request<B>) -> Option<&Arc<Entry>> {
        self.place(request).map(|(_, entry)| entry)
    }

    /// Returns the same response, and its index.
    #[inline]
    pub(crate) fn place<B>(&self, request: &Request<B>) -> Option<(usize, &Arc<Entry>)> {
        if self.alike
            && let Some(place) = self.place_by_lines(request.headers())
        {
            return Some((place, &self.entries[place]));
        }
        let mut entries = self.entries.iter().enumerate();
        entries.find(|(_, entry)| entry.selection.matches(request))
    }

    /// Returns the index of the response that was made for a request with the same lines. Each
    /// field is looked up once, however many responses there are.
    fn place_by_lines(&self, request: &HeaderMap) -> Option<usize> {
        let lines = self.entries.first()?.selection.lines(request)?;
        let mut entries = self.entries.iter();
        entries.position(|entry| entry.selection.has_lines(&lines))
    }

    /// Returns the response at an index.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<Entry>> {
        self.entries.get(place)
    }

    /// Iterates over all of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    /// Returns these responses and a new one, which replaces those with the same selection.
    #[must_use]
    pub fn with(&self, entry: &Arc<Entry>) -> Self {
        let others = self
            .entries
            .iter()
            .filter(|other| !other.selection.is_replaced_by(&entry.selection))
            .take(MAX_VARIANTS - 1)
            .cloned();
        let mut entries = SmallVec::with_capacity(self.entries.len().min(MAX_VARIANTS));
        entries.push(Arc::clone(entry));
        entries.extend(others);
        Self::of(entries)
    }

    /// Makes it of responses of which none replaces another.
    fn of(entries: SmallVec<[Arc<Entry>; 1]>) -> Self {
        // One is compared in its own way.
        let alike = entries
            .windows(2)
            .all(|pair| pair[0].selection.is_like(&pair[1].selection));
        Self {
            alike: entries.len() > 1 && alike,
            entries,
        }
    }

    /// Returns whether a valid response with the same selection was requested later. A slow
    /// response must not replace a newer one.
    #[must_use]
    pub fn outdates(&self, entry: &Entry, token: &FillToken) -> bool {
        let newer = |other: &Entry| {
            other.selection == entry.selection && other.sent > entry.sent && token.allows(other)
        };
        self.entries.iter().any(|other| newer(other))
    }

    /// Returns the responses that answer other requests than `entry` does; `None` if there are
    /// none.
    pub(crate) fn beside(&self, entry: &Entry) -> Option<Self> {
        let others = self.entries.iter();
        let others: SmallVec<_> = others
            .filter(|other| other.selection != entry.selection)
            .cloned()
            .collect();
        (!others.is_empty()).then(|| Self::of(others))
    }

    /// Returns these responses without one of them; `None` if none is left.
    #[must_use]
    pub fn without(&self, entry: &Arc<Entry>) -> Option<Self> {
        let others: SmallVec<_> = self
            .entries
            .iter()
            .filter(|other| !Arc::ptr_eq(other, entry) && !other.is_same(entry))
            .cloned()
            .collect();
        (!others.is_empty()).then(|| Self::of(others))
    }

    /// Returns their weight in bytes of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let spilled = if self.entries.spilled() {
            self.entries.capacity() * size_of::<Arc<Entry>>()
        } else {
            0
        };
        let own = size_of::<Self>() + spilled;
        own as u64 + self.entries.iter().map(|entry| entry.weight()).sum::<u64>()
    }
}

impl FromIterator<Arc<Entry>> for Variants {
    /// Collects responses that are stored under one key, newest first.
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(entries: I) -> Self {
        let entries: SmallVec<_> = entries.into_iter().take(MAX_VARIANTS).collect();
        Self {
            // Two of them may answer the same requests.
            alike: false,
            entries,
        }
    }
}

impl Kept for Variants {
    fn weight(&self) -> u64 {
        self.weight()
    }

    fn until(&self) -> Option<Instant> {
        let until = |entry: &Arc<Entry>| entry.policy.usable_until();
        self.iter().map(until).try_fold(None, |latest, until| {
            // One response that is usable without end makes the whole set so.
            until.map(|until| latest.max(Some(until)))
        })?
    }

    fn saves(&self) -> f64 {
        let saves = self.iter().map(|entry| worth::of(entry));
        saves.fold(0.0, f64::max)
    }
}
