//! The handle that invalidates.

use std::{fmt, sync::Arc};

use futures_core::Stream;
use http::{HeaderMap, HeaderName, Request};
use scrimp_http::groups;

use super::{
    Invalidation,
    epoch::{Epochs, Tag, Target},
    target::{group_tag, key_tag},
};
use crate::{
    config::Config,
    request::{head_of, key_of},
};

/// Invalidates what a cache holds. Cheap to clone; get it from
/// [`CacheLayer::invalidator`](crate::CacheLayer::invalidator).
///
/// An invalidation holds from the moment the call returns: no request that comes later
/// gets what it hit, also if the answer was under way at the time.
#[derive(Clone)]
pub struct Invalidator {
    pub(super) epochs: Arc<Epochs>,
    config: Arc<Config>,
}

// === impl Invalidator ===

impl Invalidator {
    pub(crate) fn new(epochs: Arc<Epochs>, config: Config) -> Self {
        let config = Arc::new(config);
        Self { epochs, config }
    }

    /// Invalidates. The time it takes does not depend on how much is hit.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        self.epochs
            .append(invalidation.target(), invalidation.is_soft());
        tracing::debug!(?invalidation, "invalidated");
    }

    /// Invalidates what is stored under the key of a request, and nothing else of its URI.
    pub fn invalidate_request<B>(&self, request: &Request<B>) {
        let mut head = head_of(request);
        head.extensions_mut().clone_from(request.extensions());
        let key = key_of(&self.config, head);
        self.epochs
            .append(Target::tag(key_tag(key.as_ref())), false);
    }

    /// Invalidates as events come, until the stream ends. `invalidations` says what an
    /// event means.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
    /// struct PriceUpdated { id: u64, category: &'static str }
    ///
    /// # async fn run() {
    /// let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    /// let events = futures_util::stream::iter([PriceUpdated { id: 7, category: "books" }]);
    /// cache.invalidator().follow(events, |event| {
    ///     [
    ///         Invalidation::tag(format!("product:{}", event.id)),
    ///         Invalidation::prefix(format!("products:list:{}:", event.category)),
    ///     ]
    /// }).await;
    /// # }
    /// ```
    pub async fn follow<E, I>(
        &self,
        events: impl Stream<Item = E>,
        mut invalidations: impl FnMut(E) -> I,
    ) where
        I: IntoIterator<Item = Invalidation>,
    {
        let mut events = std::pin::pin!(events);
        while let Some(event) = std::future::poll_fn(|cx| events.as_mut().poll_next(cx)).await {
            for invalidation in invalidations(event) {
                self.invalidate(&invalidation);
            }
        }
    }
}

/// The groups that a successful unsafe request invalidates on its own origin (RFC 9875 §3).
pub(crate) fn invalidated_groups(
    authority: &str,
    response: &HeaderMap,
    field: &HeaderName,
) -> Vec<Tag> {
    groups::groups(response, field)
        .iter()
        .map(|group| group_tag(authority, group))
        .collect()
}

impl fmt::Debug for Invalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator").finish_non_exhaustive()
    }
}
