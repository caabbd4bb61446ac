//! A stored response, ready to be served.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use scrimp_core::{
    Money,
    extensions::{CacheInfo, CacheState, CacheTags},
};
use scrimp_http::stream::Pieces;
use tokio::time::Instant;

#[cfg(feature = "codec")]
use super::CopiedResponse;
use super::{Booking, RefreshFlag, RefreshState};
use crate::{
    cache_status,
    invalidation::epoch::Validity,
    kept::KeptExtensions,
    monitor::Reserved,
    packed::{StoredFields, headers_size},
    policy::{
        Policy, Selection,
        judge::{Freshness, Micros, Moment},
    },
};

/// One stored response.
pub struct Entry {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// Flag that other responses have the same selection, in the same memory.
    pub(crate) is_selection_shared: bool,
    pub(crate) headers: StoredFields,
    pub(crate) body: Bytes,
    pub(crate) extras: Option<Box<Extras>>,
    /// Time of the request.
    pub(crate) sent: Moment,
    pub(crate) policy: Policy,
    pub(crate) selection: Arc<Selection>,
    pub(crate) validity: Validity,
    pub(crate) booking: Option<Box<Booking>>,
    /// The upstream's time to make the response, smoothed over the replaced entries.
    pub(crate) recompute_cost: Micros,
    /// State of its background refresh.
    pub(crate) refreshing: RefreshFlag,
    /// The same of a response that every look-up decodes again; all its copies share it.
    #[cfg(feature = "codec")]
    pub(crate) copied: Option<Box<CopiedResponse>>,
    /// Weight in bytes; 0 until it is first computed, and if it is too large. Stores read it often.
    pub(crate) weighed: AtomicU32,
}

/// Parts that few responses have. A hit asks for all of them at once.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) trailers: Option<HeaderMap>,
    /// The division of a stream, which is sent piece by piece.
    pub(crate) pieces: Option<Pieces>,
    /// Extensions that hits carry.
    pub(crate) extensions: Option<KeptExtensions>,
    /// The Cache-Status of caches nearer to the origin.
    pub(crate) upstream_status: Option<Bytes>,
}

/// Bytes that count the copies of a body.
const SHARED: usize = 24;

/// Bytes of the two counts of an `Arc`.
const COUNTS: usize = 2 * size_of::<usize>();

/// Guard of the one task that refreshes a response.
#[derive(Debug)]
pub(crate) struct Refreshing {
    entry: Arc<Entry>,
    /// State once this task has ended.
    after: RefreshState,
    /// Flag that the refresh compares a hit with the upstream.
    is_comparison: bool,
    /// The money for its call, until it is settled.
    reserved: Option<Reserved>,
}

// === impl Entry ===

impl Entry {
    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a copy of the header fields, with placeholders in Age and Cache-Status.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.headers.to_map()
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns what HTTP allows for it.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns which requests it answers.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Returns the time of the request that it answered.
    #[must_use]
    pub fn sent(&self) -> Instant {
        self.sent.instant()
    }

    /// Returns its weight in bytes of memory, overhead included.
    #[must_use]
    pub fn weight(&self) -> u64 {
        match self.weighed.load(Ordering::Relaxed) {
            0 => {
                let weight = self.weigh();
                let short = u32::try_from(weight).unwrap_or_default();
                self.weighed.store(short, Ordering::Relaxed);
                weight
            }
            weight => weight.into(),
        }
    }

    fn weigh(&self) -> u64 {
        let extras = self.extras.as_ref().map_or(0, |extras| extras.size());
        let selection = match self.is_selection_shared {
            true => 0,
            false => COUNTS + size_of::<Selection>() + self.selection.heap_size(),
        };
        // Hits copy it, and its copies are counted.
        let body = match self.body.len() {
            0 => 0,
            length => SHARED + length,
        };
        let booking = self.booking.as_ref().map_or(0, |_| size_of::<Booking>());
        let bytes = COUNTS
            + size_of::<Self>()
            + self.headers.heap_size()
            + body
            + selection
            + self.policy.heap_size()
            + self.validity.heap_size()
            + booking;
        bytes.saturating_add(extras) as u64
    }

    /// Returns the verdict on a response made from it, for outer layers.
    pub(crate) fn info(&self, state: CacheState, freshness: Freshness) -> CacheInfo {
        let mut info = cache_status::info(state, &self.policy, freshness);
        info.recompute_cost = Some(self.recompute_cost.get());
        info
    }

    /// Returns its tags, for outer layers.
    pub(crate) fn told(&self) -> CacheTags {
        self.validity.carried().told()
    }

    /// Returns the entity tag.
    pub(crate) fn etag(&self) -> Option<HeaderValue> {
        let is_validator = self.policy.has_etag;
        is_validator.then(|| self.headers.get(&header::ETAG))?
    }

    /// Returns the Cache-Status of caches nearer to the origin.
    pub(crate) fn upstream_status(&self) -> Option<&Bytes> {
        self.extras.as_ref()?.upstream_status.as_ref()
    }

    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        self.extras.as_ref()?.trailers.as_ref()
    }

    /// Returns the extensions that hits carry.
    pub(crate) fn extensions(&self) -> Option<&Extensions> {
        let kept = self.extras.as_ref()?.extensions.as_ref();
        kept.map(|kept| &kept.values)
    }

    /// Starts the one background refresh of this response. `None` if one is under way.
    pub(crate) fn begin_refresh(self: &Arc<Self>) -> Option<Refreshing> {
        #[cfg(feature = "codec")]
        let begun = match &self.copied {
            Some(copied) => copied.begin(),
            None => self.refreshing.begin(),
        };
        #[cfg(not(feature = "codec"))]
        let begun = self.refreshing.begin();
        begun.then(|| Refreshing {
            entry: Arc::clone(self),
            after: RefreshState::Idle,
            is_comparison: false,
            reserved: None,
        })
    }

    /// Returns the time since its upstream call.
    pub(crate) fn age_of_call(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.sent.instant())
    }

    /// Returns what a call for this response costs, as far as is known: what the last one did, and no
    /// less than `price`.
    pub(crate) fn cost_of_call(&self, price: Money) -> Money {
        let last = self.booking.as_ref().map(|booking| booking.charge);
        match last {
            Some(last) if last.currency() != price.currency() || last.pico() > price.pico() => last,
            _ => price,
        }
    }

    /// Reports whether the upstream answered the last background refresh with a refusal.
    pub(crate) fn was_refused(&self) -> bool {
        #[cfg(feature = "codec")]
        if let Some(copied) = &self.copied {
            return copied.was_refused();
        }
        self.refreshing.was_refused()
    }

    /// Ends a background refresh.
    fn end_refresh(&self, after: RefreshState) {
        #[cfg(feature = "codec")]
        if let Some(copied) = &self.copied {
            return copied.end(after);
        }
        self.refreshing.end(after);
    }

    /// Reports whether this is the same stored response, or a copy that was decoded elsewhere.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.sent == other.sent && self.selection == other.selection
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("status", &self.status)
            .field("headers", &self.headers.names().collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

// === impl Extras ===

impl Extras {
    /// Returns the parts, if there are any.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        let any = self.trailers.is_some()
            || self.pieces.is_some()
            || self.extensions.is_some()
            || self.upstream_status.is_some();
        any.then(|| Box::new(self))
    }

    /// Returns their size in bytes.
    fn size(&self) -> usize {
        let extensions = self.extensions.as_ref().map_or(0, KeptExtensions::weight);
        let trailers = self.trailers.as_ref().map_or(0, headers_size);
        let said = self.upstream_status.as_ref().map_or(0, Bytes::len);
        (size_of::<Self>() + trailers + said).saturating_add(extensions)
    }
}

// === impl Refreshing ===

impl Refreshing {
    /// Notes that the upstream refuses what the response is for.
    pub(crate) fn refuse(&mut self) {
        self.after = RefreshState::Refused;
    }

    /// Makes the refresh a comparison of a hit with the upstream.
    pub(crate) fn compares(&mut self, reserved: Reserved) {
        self.is_comparison = true;
        self.reserved = Some(reserved);
    }

    /// Reports whether it compares a hit with the upstream.
    pub(crate) fn is_comparison(&self) -> bool {
        self.is_comparison
    }

    /// Returns the money for the call, once.
    pub(crate) fn take_reserved(&mut self) -> Option<Reserved> {
        self.reserved.take()
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.entry.end_refresh(self.after);
    }
}
