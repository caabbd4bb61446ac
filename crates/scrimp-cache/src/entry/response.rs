//! A stored response, ready to be served.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use scrimp_core::extensions::{CacheInfo, CacheState};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Booking, FillToken, RefreshFlag, Refreshing, value, weight::headers_size};
use crate::{
    cache_status,
    invalidation::epoch::Validity,
    policy::{Policy, Selection, judge::Freshness},
};

/// Name of the field that a cache explains itself in (RFC 9211).
pub(crate) const CACHE_STATUS: header::HeaderName = header::CACHE_STATUS;

/// Responses kept under one key at most. The oldest go first: a client that varies a field
/// at will fills its own slots, not the memory.
const MAX_VARIANTS: usize = 32;

/// One stored response.
pub struct Entry {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// As they go out, with slots for Age and Cache-Status already in place.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// What caches nearer to the origin said in Cache-Status.
    pub(crate) upstream_status: Option<Bytes>,
    /// When it was asked for.
    pub(crate) sent: Instant,
    pub(crate) policy: Policy,
    pub(crate) selection: Selection,
    pub(crate) validity: Validity,
    pub(crate) booking: Option<Booking>,
    /// How long the upstream takes to make it, smoothed over the entry's forerunners.
    pub(crate) recompute_cost: Duration,
    /// A refresh in the background is under way.
    pub(crate) refreshing: RefreshFlag,
    /// Bytes of memory it takes; 0 until it is asked for. Stores ask often.
    pub(crate) weighed: AtomicU64,
}

/// The responses stored under one key, newest first.
#[derive(Debug, Clone, Default)]
pub struct Variants(SmallVec<[Arc<Entry>; 1]>);

// === impl Entry ===

impl Entry {
    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the header fields, with placeholders in Age and Cache-Status.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns what HTTP allows to be done with it.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns which requests it answers.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the bytes of memory it takes, overhead included.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self.weighed.load(Ordering::Relaxed) {
            0 => {
                let weight = self.weigh();
                self.weighed.store(weight, Ordering::Relaxed);
                weight
            }
            weight => weight,
        }
    }

    fn weigh(&self) -> u64 {
        let trailers = self.trailers.as_ref().map_or(0, headers_size);
        let bytes = size_of::<Self>()
            + headers_size(&self.headers)
            + trailers
            + self.body.len()
            + self.upstream_status.as_ref().map_or(0, Bytes::len)
            + self.selection.heap_size()
            + self.validity.heap_size();
        bytes as u64
    }

    /// Returns the verdict on an answer made of it, for layers outside.
    pub(crate) fn info(&self, state: CacheState, freshness: Freshness) -> CacheInfo {
        let mut info = cache_status::info(state, &self.policy, freshness);
        info.recompute_cost = Some(self.recompute_cost);
        info
    }

    /// Takes the one place there is for a background refresh of this response.
    pub(crate) fn begin_refresh(self: &Arc<Self>) -> Option<Refreshing> {
        self.refreshing
            .take()
            .then(|| Refreshing::new(Arc::clone(self)))
    }

    /// Whether this is the same stored response, though perhaps read back from elsewhere.
    fn is_same(&self, other: &Self) -> bool {
        self.sent == other.sent && self.selection == other.selection
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Copies fields behind those of `copy`, with their values in memory of their own.
///
/// Values that come off a connection are slices of its read buffer: keeping one of twenty
/// bytes would keep the whole buffer. All go into one allocation, and each is a slice of it;
/// those that most responses have in common take none.
pub(crate) fn compact(headers: &HeaderMap, mut copy: HeaderMap) -> HeaderMap {
    let ready: SmallVec<[Option<HeaderValue>; 16]> = headers
        .iter()
        .map(|(name, value)| value::shared(name, value))
        .collect();
    value::learn(headers.iter());
    let own = || {
        headers
            .values()
            .zip(&ready)
            .filter(|(_, ready)| ready.is_none())
    };
    let size = own().map(|(value, _)| value.len()).sum();
    let mut buffer = BytesMut::with_capacity(size);
    for (value, _) in own() {
        buffer.put_slice(value.as_bytes());
    }
    let mut rest = buffer.freeze();
    for ((name, value), ready) in headers.iter().zip(ready) {
        let value = ready.unwrap_or_else(|| {
            let bytes = rest.split_to(value.len());
            // Bytes that made a value once make one again; the fallback is for the compiler.
            let owned = HeaderValue::from_maybe_shared(bytes);
            let mut owned = owned.unwrap_or_else(|_| value.clone());
            owned.set_sensitive(value.is_sensitive());
            owned
        });
        copy.append(name.clone(), value);
    }
    copy
}

// === impl Variants ===

impl Variants {
    /// Returns the newest response that answers a request.
    #[must_use]
    pub fn select<B>(&self, request: &Request<B>) -> Option<&Arc<Entry>> {
        self.0.iter().find(|entry| entry.selection.matches(request))
    }

    /// The same, and its place among them.
    pub(crate) fn place<B>(&self, request: &Request<B>) -> Option<(usize, &Arc<Entry>)> {
        let mut entries = self.0.iter().enumerate();
        entries.find(|(_, entry)| entry.selection.matches(request))
    }

    /// The response in a place.
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

    /// Returns whether one of these answers the same requests, still stands, and was asked for
    /// later: a slow answer must not take the place of a newer one.
    #[must_use]
    pub fn outdates(&self, entry: &Entry, token: &FillToken) -> bool {
        let newer = |other: &Entry| {
            other.selection == entry.selection && other.sent > entry.sent && token.allows(other)
        };
        self.0.iter().any(|other| newer(other))
    }

    /// Those of them that answer other requests than a new one does; `None` if there are none.
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

    /// Returns the bytes of memory they take.
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
    /// Takes responses that are stored under one key, newest first.
    fn from_iter<I: IntoIterator<Item = Arc<Entry>>>(entries: I) -> Self {
        Self(entries.into_iter().take(MAX_VARIANTS).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_keeps_every_line_in_order() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("1"));
        headers.append("b", HeaderValue::from_static(""));
        headers.append("a", HeaderValue::from_bytes(b"\xfc").unwrap());
        let mut secret = HeaderValue::from_static("s");
        secret.set_sensitive(true);
        headers.append("c", secret);
        let copy = compact(&headers, HeaderMap::new());
        assert_eq!(copy, headers);
        assert!(copy["c"].is_sensitive());
    }
}
