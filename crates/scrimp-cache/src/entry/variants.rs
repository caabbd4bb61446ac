//! The responses stored under one key.

use std::sync::Arc;

use http::Request;
use smallvec::SmallVec;

use super::{Entry, FillToken};

/// Maximum number of responses under one key. The oldest are removed first: a client that varies a
/// field at will fills its own slots, not the memory.
const MAX_VARIANTS: usize = 32;

/// The responses stored under one key, newest first.
#[derive(Debug, Clone, Default)]
pub struct Variants(SmallVec<[Arc<Entry>; 1]>);

// === impl Variants ===

impl Variants {
    /// Returns the newest response that answers a request.
    #[must_use]
    pub fn select<B>(&self, request: &Request<B>) -> Option<&Arc<Entry>> {
        self.0.iter().find(|entry| entry.selection.matches(request))
    }

    /// Returns the same response, and its index.
    pub(crate) fn place<B>(&self, request: &Request<B>) -> Option<(usize, &Arc<Entry>)> {
        let mut entries = self.0.iter().enumerate();
        entries.find(|(_, entry)| entry.selection.matches(request))
    }

    /// Returns the response at an index.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<Entry>> {
        self.0.get(place)
    }

    /// Iterates over all of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.0.iter()
    }

    /// Returns these responses and a new one, which replaces those with the same selection.
    #[must_use]
    pub fn with(&self, entry: &Arc<Entry>) -> Self {
        let others = self
            .0
            .iter()
            .filter(|other| !other.selection.is_replaced_by(&entry.selection))
            .take(MAX_VARIANTS - 1)
            .cloned();
        let mut list = SmallVec::with_capacity(self.0.len().min(MAX_VARIANTS));
        list.push(Arc::clone(entry));
        list.extend(others);
        Self(list)
    }

    /// Returns whether a valid response with the same selection was requested later. A slow
    /// response must not replace a newer one.
    #[must_use]
    pub fn outdates(&self, entry: &Entry, token: &FillToken) -> bool {
        let newer = |other: &Entry| {
            other.selection == entry.selection && other.sent > entry.sent && token.allows(other)
        };
        self.0.iter().any(|other| newer(other))
    }

    /// Returns the responses that answer other requests than `entry` does; `None` if there are
    /// none.
    pub(crate) fn beside(&self, entry: &Entry) -> Option<Self> {
        let others = self.0.iter();
        let list: SmallVec<_> = others
            .filter(|other| other.selection != entry.selection)
            .cloned()
            .collect();
        (!list.is_empty()).then_some(Self(list))
    }

    /// Returns these responses without one of them; `None` if none is left.
    #[must_use]
    pub fn without(&self, entry: &Arc<Entry>) -> Option<Self> {
        let list: SmallVec<_> = self
            .0
            .iter()
            .filter(|other| !Arc::ptr_eq(other, entry) && !other.is_same(entry))
            .cloned()
            .collect();
        (!list.is_empty()).then_some(Self(list))
    }

    /// Returns their weight in bytes of memory.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let spilled = if self.0.spilled() {
            self.0.capacity() * size_of::<Arc<Entry>>()
        } else {
            0
        };
        let own = size_of::<Self>() + spilled;
        own as u64 + self.0.iter().map(|entry| entry.weight()).sum::<u64>()
    }
}

impl FromIterator<Arc<Entry>> for Variants {
    /// Collects responses that are stored under one key, newest first.
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(entries: I) -> Self {
        Self(entries.into_iter().take(MAX_VARIANTS).collect())
    }
}
