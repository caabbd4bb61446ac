//! The layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::HeaderName;
use scrimp_core::{Clock, Ledger, Money};
use tower_layer::Layer;

use crate::{
    Cache, MemoryStore, Mode, Rule,
    cache_status::cache_name,
    config::{Config, Shared},
    epoch::Epochs,
    refresh::Refreshes,
    service::Common,
    store::Store,
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
    /// Made by the first call of `layer` and kept for the next.
    common: OnceLock<Arc<Common<St>>>,
}

// === impl CacheLayer ===

impl<St: Store> CacheLayer<St> {
    /// A shared cache (as a server or a gateway needs) that keeps responses in `store`.
    #[must_use]
    pub fn new(store: St) -> Self {
        Self {
            config: Config::new(),
            store,
            epochs: Config::epochs(),
            common: OnceLock::new(),
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
        self.set(|config| config.name = cache_name(name))
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

    /// The store.
    pub fn store(&self) -> &St {
        &self.store
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        // Services made before keep what they were made with; those to come share anew.
        self.common = OnceLock::new();
        self
    }

    fn common(&self) -> Arc<Common<St>> {
        let make = || {
            Arc::new(Common {
                shared: Arc::new(Shared {
                    config: self.config.clone(),
                    store: self.store.clone(),
                    epochs: Arc::clone(&self.epochs),
                }),
                refreshes: Refreshes::default(),
            })
        };
        Arc::clone(self.common.get_or_init(make))
    }
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
