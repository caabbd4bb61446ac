//! A stored response, ready to be served.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};
use scrimp_core::extensions::{CacheInfo, CacheState};
use tokio::time::Instant;

use super::{Booking, RefreshFlag, Refreshing, weight::headers_size};
use crate::{
    cache_status,
    invalidation::epoch::Validity,
    policy::{Policy, Selection, judge::Freshness},
};

/// Name of the field that a cache explains itself in (RFC 9211).
pub(crate) const CACHE_STATUS: header::HeaderName = header::CACHE_STATUS;

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
    pub(super) fn is_same(&self, other: &Self) -> bool {
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
