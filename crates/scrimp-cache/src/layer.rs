//! The layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderName, Request, Response, StatusCode, Uri, request::Parts};
use scrimp_core::{Clock, Ledger, Money};
use scrimp_http::{credentials::Credentials, target::TargetUri};
use tower_layer::Layer;

use crate::{
    Cache, CacheStats, MemoryStore, Mode, Rule,
    background::Background,
    cache_status::CacheName,
    config::Tagger,
    config::{Config, Fallback, Shared},
    invalidate::{Admin, Invalidator, epoch::Epochs},
    policy::facts::Telling,
    service::Common,
    stats::Counters,
    store::Store,
    unstored::Unstored,
};

/// Caches the responses of the services it is put on.
///
/// All of them share one store: axum calls [`Layer::layer`] once per route, and a clone of
/// the layer is another handle on the same cache.
#[derive(Clone)]
pub struct CacheLayer<St = MemoryStore> {
    config: Config,
    store: St,
    epochs: Arc<Epochs>,
    counters: Arc<Counters>,
    #[cfg(feature = "no-vary-search")]
    variances: Arc<crate::variance::Variances>,
    /// Ends with the last service and the last clone of the layer. axum makes services out of
    /// clones and may drop them after each request.
    background: Arc<Background>,
    /// Made by the first call of `layer`, for all clones that are set alike: axum clones a layer
    /// for each service it makes.
    common: Arc<OnceLock<Arc<Common<St>>>>,
}

// === impl CacheLayer ===

impl<St: Store> CacheLayer<St> {
    /// A shared cache (as a server or a gateway needs) that keeps responses in `store`.
    ///
    /// A store belongs to one layer and its clones. What another layer has put into it is
    /// not used, as this one could not know what has been invalidated; nor is what was put
    /// in before a restart, unless the store keeps a journal of invalidations (feature
    /// `codec`).
    #[must_use]
    pub fn new(store: St) -> Self {
        let counters = Arc::default();
        Self {
            config: Config::new(),
            epochs: epochs(&store, &counters),
            store,
            counters,
            #[cfg(feature = "no-vary-search")]
            variances: Arc::default(),
            background: Arc::default(),
            common: Arc::default(),
        }
    }

    /// Whether the cache answers many users or one. Default: [`Mode::Shared`].
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        self.set(|config| config.mode = mode)
    }

    /// Adds a rule. The first that matches decides.
    #[must_use]
    pub fn rule(self, rule: Rule) -> Self {
        self.set(|config| config.rules.push(rule))
    }

    /// The cache's name in Cache-Status. Default: `scrimp`.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.set(|config| config.name = CacheName::new(name))
    }

    /// The targeted Cache-Control fields to obey, first match first (RFC 9213). They are
    /// passed on all the same. Default: `CDN-Cache-Control`.
    #[must_use]
    pub fn targets(self, targets: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|config| config.targets = targets.into_iter().collect())
    }

    /// Where the time comes from. Default: the machine's clocks.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Books calls made and avoided, per tenant and route.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// What an upstream call costs if the response does not carry a
    /// [`Charge`](scrimp_core::extensions::Charge). Default: nothing.
    #[must_use]
    pub fn price(self, price: Money) -> Self {
        self.set(|config| config.price = price)
    }

    /// Puts a [`CacheInfo`](scrimp_core::extensions::CacheInfo) into every response, not
    /// only where the request carries [`Explain`](scrimp_core::extensions::Explain).
    #[must_use]
    pub fn explain(self, always: bool) -> Self {
        self.set(|config| config.explain = always)
    }

    /// Treats cookies by the letter of RFC 9111, which does not mention them: requests with
    /// Cookie are answered from store, responses with Set-Cookie stored if they have a
    /// lifetime. For origins that mark every personal response `private`; others would have
    /// sessions handed around.
    #[must_use]
    pub fn trust_origin_with_cookies(self) -> Self {
        self.set(|config| config.strict_cookies = false)
    }

    /// Sets the request fields that say who is asking. Default: [`Credentials::default`], which
    /// is every field that widely used APIs, proxies and platforms say it in.
    ///
    /// Requests that differ in one of them never share an answer, unless the answer says that
    /// it is for everyone (`public`, `s-maxage` or `must-revalidate`; RFC 9111 §3.5), or the
    /// operator puts every credential that a request has into the key (a rule's `header=`).
    /// That holds in a shared cache and in both directions: such an answer is neither stored
    /// for others, nor is what was stored for others given to a request with credentials.
    ///
    /// Cookies are decided about by rules (`cookie=`), whatever this list says. A cache that
    /// calls an API with one key for all its users can leave that field out
    /// ([`Credentials::without`]), or be [private](Mode::Private).
    #[must_use]
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        self.set(|config| config.telling = Telling::new(fields.into()))
    }

    /// The response fields that hold tags. Default: `Cache-Tag` (parted by commas) and
    /// `Surrogate-Key` (parted by white space); any other is read like the first.
    #[must_use]
    pub fn tag_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|config| config.tag_headers = names.into_iter().collect())
    }

    /// Takes the tag fields out of what clients get. Default: they are passed on, for
    /// caches in between.
    #[must_use]
    pub fn strip_tag_headers(self) -> Self {
        self.set(|config| config.strip_tag_headers = true)
    }

    /// Names the tags of every response, besides those of rules and header fields. A tag
    /// may carry a version: `user:7@12`.
    #[must_use]
    pub fn tags_with(
        self,
        tags: impl Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.tagger = Some(Tagger(Arc::new(tags))))
    }

    /// Answers where the upstream has failed and nothing stored may stand in: with its
    /// status if it sent a 500, 502, 503 or 504, without one if it sent nothing. `None`
    /// lets the failure through.
    #[must_use]
    pub fn fallback(
        self,
        answer: impl Fn(&Request<()>, Option<StatusCode>) -> Option<Response<Bytes>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.set(|config| config.fallback = Some(Fallback(Arc::new(answer))))
    }

    /// How long to wait for a store that does not answer at once, before the request goes to
    /// the upstream as if nothing were stored. Default: 100 ms.
    #[must_use]
    pub fn store_timeout(self, time: Duration) -> Self {
        self.set(|config| config.store_timeout = time)
    }

    /// Sets how a request's target URI is found if the URI that it shows is only a part of it.
    ///
    /// Keys, rules, tags and invalidation go by the URI found, and by the one shown where
    /// `find` returns `None`. The service further in gets what the request showed. Where the
    /// path shown is not the end of the path found, something between has rewritten it, and
    /// both are part of the key. Default: with the feature `axum` the `OriginalUri` that axum
    /// keeps, else the URI shown.
    ///
    /// This is for layers inside `nest`, which see paths without their prefix. One layer can
    /// then serve all the nests it is put into, and its rules say whole paths:
    ///
    /// ```
    /// # use axum::{Router, extract::OriginalUri, routing::get};
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// let cache = CacheLayer::new(MemoryStore::new(64 << 20))
    ///     // What the feature `axum` does by itself.
    ///     .target_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0))
    ///     .rule("path=/v1/items ttl=5m".parse()?);
    /// let items = |version| Router::new().route("/items", get(move || async move { version }));
    /// let app: Router = Router::new()
    ///     .nest("/v1", items("one").layer(cache.clone()))
    ///     .nest("/v2", items("two").layer(cache));
    /// # let _ = app;
    /// # Ok::<(), scrimp_cache::RuleError>(())
    /// ```
    #[must_use]
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set(|config| config.target_uri = TargetUri::new(find))
    }

    /// A handle to invalidate with.
    #[must_use]
    pub fn invalidator(&self) -> Invalidator {
        Invalidator::new(Arc::clone(&self.epochs), self.config.clone())
    }

    /// A service that purges and tells statistics. `authorise` sees every request first.
    #[must_use]
    pub fn admin(&self, authorise: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Admin {
        let (counters, store) = (Arc::clone(&self.counters), self.store.clone());
        Admin::new(
            self.invalidator(),
            move || counters.read(store.stats()),
            authorise,
        )
    }

    /// What the cache has done so far, and what it holds.
    pub fn stats(&self) -> CacheStats {
        self.counters.read(self.store.stats())
    }

    /// The store.
    pub fn store(&self) -> &St {
        &self.store
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        // Services made before keep what they were made with; those to come share anew.
        self.common = Arc::default();
        self
    }

    fn common(&self) -> Arc<Common<St>> {
        let make = || {
            Arc::new(Common {
                shared: Arc::new(Shared {
                    config: self.config.clone(),
                    store: self.store.clone(),
                    epochs: Arc::clone(&self.epochs),
                    counters: Arc::clone(&self.counters),
                    background: Arc::downgrade(&self.background),
                    unstored: Unstored::default(),
                    #[cfg(feature = "no-vary-search")]
                    variances: Arc::clone(&self.variances),
                }),
                background: Arc::clone(&self.background),
            })
        };
        Arc::clone(self.common.get_or_init(make))
    }
}

/// A new log of invalidations, or the one that the store has kept.
#[cfg_attr(not(feature = "codec"), expect(unused_variables))]
fn epochs<St: Store>(store: &St, counters: &Arc<Counters>) -> Arc<Epochs> {
    #[cfg(feature = "codec")]
    if let Some(journal) = store.journal() {
        return crate::invalidate::resume(journal, counters);
    }
    Config::epochs()
}

impl<S, St: Store> Layer<S> for CacheLayer<St> {
    type Service = Cache<S, St>;

    fn layer(&self, inner: S) -> Cache<S, St> {
        Cache::from_parts(inner, self.common())
    }
}

impl<St: fmt::Debug> fmt::Debug for CacheLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("config", &self.config)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
