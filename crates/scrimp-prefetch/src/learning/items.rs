//! The targets that are known.

use std::{hash::RandomState, sync::Arc};

use hashlink::LinkedHashMap;
use http::{HeaderValue, Uri, header::HOST};

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
        };
        self.known.insert(item, known);
        true
    }
}

/// Copies a URI, as that of a request holds the whole buffer that it was read into.
fn copied(uri: &Uri) -> Option<Uri> {
    uri.to_string().parse().ok()
}
