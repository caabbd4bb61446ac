//! The handle for invalidations.

use std::{fmt, sync::Arc};

use futures_core::Stream;
use http::{HeaderMap, HeaderName, Request, Uri, uri::Scheme};
use scrimp_core::{BoxError, Purge, PurgeTarget};
use scrimp_http::{groups, target::authority};

use super::{
    Erased, Erasing, Erasure, Invalidation,
    epoch::{Epoch, Epochs, Tag, Target, Validity},
    tags::{group_tag, key_tag},
};
use crate::{
    config::Config,
    request::{head_of, keys_of},
};

/// Invalidates stored responses. It is cheap to clone, and made by
/// [`CacheLayer::invalidator`](crate::CacheLayer::invalidator).
///
/// An invalidation holds once the call returns: no later request gets a response that it hit, even
/// if the response was in progress at the time.
#[derive(Clone)]
pub struct Invalidator {
    pub(super) epochs: Arc<Epochs>,
    config: Arc<Config>,
    count: Arc<CountFn>,
    erase: Arc<EraseFn>,
}

/// Counts the stored responses that a function selects.
type CountFn = dyn Fn(&mut dyn FnMut(&Validity) -> bool) -> Option<u64> + Send + Sync;

/// Removes the bytes of stored responses.
type EraseFn = dyn Fn(&Erasure) -> Erasing + Send + Sync;

// === impl Invalidator ===

impl Invalidator {
    pub(crate) fn new(
        epochs: Arc<Epochs>,
        config: Config,
        count: impl Fn(&mut dyn FnMut(&Validity) -> bool) -> Option<u64> + Send + Sync + 'static,
        erase: impl Fn(&Erasure) -> Erasing + Send + Sync + 'static,
    ) -> Self {
        Self {
            epochs,
            config: Arc::new(config),
            count: Arc::new(count),
            erase: Arc::new(erase),
        }
    }

    /// Invalidates stored responses. The time it takes does not depend on their number.
    ///
    /// The caches in front get it afterwards ([`purger`](crate::CacheLayerBuilder::purger)).
    pub fn invalidate(&self, invalidation: &Invalidation) {
        self.epochs
            .append(invalidation.target(), invalidation.is_soft());
        tracing::debug!(?invalidation, "invalidated");
        self.pass_on(|| invalidation.purge());
    }

    /// Hands a purge to the caches in front, now that none of them can fetch an old response here.
    fn pass_on(&self, purge: impl FnOnce() -> Purge) {
        if self.config.purgers.is_empty() {
            return;
        }
        let purge = purge();
        let purgers = self.config.purgers.iter();
        purgers.for_each(|purger| purger.0.purge(&purge));
    }

    /// Counts the stored responses that an invalidation would hit now, in all variants. `None` if
    /// the store cannot tell.
    ///
    /// It takes time in proportion to the contents of the store. A response in progress does not
    /// count, though an invalidation hits it too.
    #[must_use]
    pub fn count(&self, invalidation: &Invalidation) -> Option<u64> {
        let target = invalidation.target();
        (self.count)(&mut |validity| {
            target.hits(validity.carried()) && self.epochs.check(validity) != Epoch::Gone
        })
    }

    /// Invalidates stored responses, and removes their bytes from every tier of the store: those of a person,
    /// by a tag that a rule gives them (`tag=user:{id}`).
    ///
    /// The invalidation holds at once, whatever becomes of the removal, and responses in progress are not
    /// stored. It is never soft. When this is done, neither memory, files, Redis nor an object store of this
    /// cache holds a response that the invalidation hits, not even one that was invalid before. It takes time
    /// in proportion to the contents of the store. Repeat it after an error.
    ///
    /// Three things are not removed here. A client that is reading such a response gets the rest of it. In a
    /// fleet, other processes invalidate what they have in memory, and each removes it when it erases
    /// itself; what one of them was writing to a shared tier meanwhile is invalid, and removed by the next
    /// erasure, or when its time is over. And the caches in front get a purge.
    ///
    /// # Errors
    ///
    /// If a tier cannot be asked, or cannot erase. The others are done nevertheless.
    pub async fn erase(&self, invalidation: &Invalidation) -> Result<Erased, BoxError> {
        let hard = invalidation.clone().hardened();
        self.invalidate(&hard);
        (self.erase)(&Erasure::new(hard.target())).await
    }

    /// Invalidates the responses stored under the key of a request, and nothing else of its URI.
    ///
    /// If the rule of the request says `auth=shared`, a request without credentials stands for those
    /// with credentials too. The caches in front know no keys: they get a purge of the whole URI.
    pub fn invalidate_request<B>(&self, request: &Request<B>) {
        let mut head = head_of(request);
        *head.version_mut() = request.version();
        head.extensions_mut().clone_from(request.extensions());
        let target = self.config.target_uri.of(head.extensions(), head.uri());
        let named = whole_uri(target.uri, head.headers());
        let (key, authorised) = keys_of(&self.config, head);
        for key in std::iter::once(key).chain(authorised) {
            self.epochs
                .append(Target::tag(key_tag(key.as_ref().as_bytes())), false);
        }
        self.pass_on(|| Purge::new(PurgeTarget::Uri(named)));
    }

    /// Invalidates on each event, until the stream ends. `invalidations` maps an event to its
    /// invalidations.
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

/// Returns a request's target with the authority that its Host names, if it has none itself.
fn whole_uri(uri: &Uri, headers: &HeaderMap) -> Uri {
    let mut parts = uri.clone().into_parts();
    if parts.authority.is_none() {
        parts.authority = authority(uri, headers).parse().ok();
        parts.scheme = parts.authority.is_some().then_some(Scheme::HTTP);
    }
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// Returns the groups that a successful unsafe request invalidates on its origin (RFC 9875 §3).
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
