//! The targets that are known.

use std::{hash::RandomState, sync::Arc, time::Duration};

use hashlink::LinkedHashMap;
use http::{HeaderValue, Uri, header::HOST};
use tokio::time::Instant;

use crate::{
    ItemId,
    fetch::Fetch,
    request::{Event, TargetId},
};

/// The known targets, in the order of their last use. There is room for a fixed number.
#[derive(Debug)]
pub(super) struct Items {
    known: LinkedHashMap<ItemId, Known, RandomState>,
    most: usize,
}

/// A target that was asked for.
#[derive(Debug)]
pub(super) struct Known {
    hash: u64,
    pub(super) origin: u64,
    pub(super) uri: Uri,
    pub(super) host: Option<HeaderValue>,
    /// The service that it belongs to.
    pub(super) inner: Arc<dyn Fetch>,
    /// The session that was the first to ask for it, as long as it is the only one.
    pub(super) first: u64,
    /// More than one session has asked for it. What only one has asked for may be its secret.
    pub(super) is_common: bool,
    pub(super) is_fetchable: bool,
    /// The cache did not store it. No guess says otherwise.
    is_refused: bool,
    /// End of its freshness in the cache, as it last said.
    fresh_until: Instant,
    /// Time for which it is fresh after a fetch.
    lifetime: Option<Duration>,
}

// === impl Items ===

impl Items {
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: LinkedHashMap::with_hasher(RandomState::new()),
            most,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns a target.
    pub(super) fn get(&self, item: ItemId) -> Option<&Known> {
        self.known.get(&item)
    }

    /// Notes that a target cannot come from the cache. A cache may tell otherwise at a later request.
    pub(super) fn not_fetchable(&mut self, item: ItemId) {
        if let Some(known) = self.known.get_mut(&item) {
            known.is_fetchable = false;
            known.is_refused = true;
        }
    }

    /// Notes that the cache has stored a target now, and how long it is fresh, if that is known.
    pub(super) fn stored(&mut self, item: ItemId, now: Instant, fresh: Option<Duration>) {
        if let (Some(known), Some(fresh)) = (self.known.get_mut(&item), fresh) {
            (known.fresh_until, known.lifetime) = (now + fresh, Some(fresh));
        }
    }

    /// Returns the time for which a target is fresh after a fetch, if a cache has said so.
    pub(super) fn lifetime(&self, item: ItemId) -> Option<Duration> {
        self.get(item)?.lifetime
    }

    /// Reports whether a cache has a target fresh, as far as is known.
    pub(super) fn is_fresh(&self, item: ItemId, now: Instant) -> bool {
        self.get(item).is_some_and(|known| now < known.fresh_until)
    }

    /// Forgets targets that only this session has asked for.
    pub(super) fn forget(&mut self, session: u64) {
        self.known
            .retain(|_, known| known.is_common || known.first != session);
    }

    /// Notes that a target is asked for. Returns false if another one has its identity.
    pub(super) fn note(&mut self, event: &Event) -> bool {
        let TargetId { item, hash, origin } = event.target;
        if let Some(known) = self.known.to_back(&item) {
            if known.hash != hash {
                return false;
            }
            if known.first != event.session {
                (known.is_common, known.first) = (true, 0);
            }
            if !(event.is_guess && known.is_refused) {
                known.is_fetchable = event.fetchable.unwrap_or(known.is_fetchable);
                known.is_refused &= event.fetchable.is_none();
            }
            known.fresh_until = event.at + event.fresh_for.unwrap_or_default();
            known.lifetime = event.lifetime().or(known.lifetime);
            if !Arc::ptr_eq(&known.inner, &event.inner) {
                known.inner = Arc::clone(&event.inner);
            }
            return true;
        }
        if self.known.len() >= self.most {
            self.known.pop_front();
        }
        let Some(uri) = copied(&event.uri) else {
            return false;
        };
        let host = event.headers.get(HOST);
        let host = host.and_then(|host| HeaderValue::from_bytes(host.as_bytes()).ok());
        let known = Known {
            hash,
            origin,
            uri,
            host,
            inner: Arc::clone(&event.inner),
            first: event.session,
            is_common: false,
            is_fetchable: event.fetchable.unwrap_or(false),
            is_refused: false,
            fresh_until: event.at + event.fresh_for.unwrap_or_default(),
            lifetime: event.lifetime(),
        };
        self.known.insert(item, known);
        true
    }
}

/// Copies a URI, as that of a request holds the whole buffer that it was read into.
fn copied(uri: &Uri) -> Option<Uri> {
    uri.to_string().parse().ok()
}
