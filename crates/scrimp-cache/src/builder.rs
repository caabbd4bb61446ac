//! Settings of a layer.

use std::{ops::Bound, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, HeaderName, Request, Response, StatusCode, Uri};
use scrimp_core::{BoxError, Clock, Ledger, Money, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    cache_status::CacheName,
    config::{Config, Function},
    entry::{MemoryStore, Store},
    layer::CacheLayer,
    policy::{Mode, facts::Telling},
    rule::Rule,
};

/// The type whose settings these are, as errors call it.
const OWNER: &str = "CacheLayer";

/// Builds a [`CacheLayer`]. Made by [`CacheLayer::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CacheLayerBuilder<St = MemoryStore> {
    settings: Settings<Config>,
    store: St,
}

// === impl CacheLayer ===

impl<St: Store> CacheLayer<St> {
    /// Starts from the default settings. For the store, see [`new`](Self::new).
    pub fn builder(store: St) -> CacheLayerBuilder<St> {
        let settings = Settings::new(OWNER, Config::default());
        CacheLayerBuilder { settings, store }
    }
}

// === impl CacheLayerBuilder ===

impl<St: Store> CacheLayerBuilder<St> {
    /// Sets whether the cache answers many users or one. Default: [`Mode::Shared`].
    pub fn mode(self, mode: Mode) -> Self {
        self.set(|config| config.mode = mode)
    }

    /// Adds a rule, as a [`Rule`] or as its text. The first that matches decides.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// let layer = CacheLayer::builder(MemoryStore::new(64 << 20))
    ///     .rule("path=/assets/** ttl=1d")
    ///     .rule("path=/account/** bypass")
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    pub fn rule(self, rule: impl TryInto<Rule, Error: Into<BoxError>>) -> Self {
        let number = self.settings.values().rules.len() + 1;
        let rule = rule.try_into().map_err(|error| {
            let error = error.into();
            let shape = "must be a rule such as `path=/items ttl=5m`";
            let problem = format!("number {number} {shape}: {error}");
            SettingError::new(OWNER, "rule", problem).with_source(error)
        });
        self.checked(rule, |config, rule| config.rules.push(rule))
    }

    /// Sets the cache's name in Cache-Status. Default: `scrimp`.
    ///
    /// Range: one printable ASCII character or more. A name that is no token is written as a
    /// quoted string.
    pub fn name(self, name: &str) -> Self {
        let name = CacheName::new(name).ok_or_else(|| {
            let problem = format!("must be printable ASCII characters, at least one, not {name:?}");
            SettingError::new(OWNER, "name", problem)
        });
        self.checked(name, |config, name| config.name = name)
    }

    /// Sets the targeted Cache-Control fields to obey, first match first (RFC 9213). They are
    /// passed on all the same. Default: `CDN-Cache-Control`.
    pub fn targets(
        self,
        names: impl IntoIterator<Item = impl TryInto<HeaderName, Error: Into<BoxError>>>,
    ) -> Self {
        self.names("targets", names, |config, names| config.targets = names)
    }

    /// Sets where the time comes from. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Books calls made and avoided, per tenant and route. Default: nowhere.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// Sets what an upstream call costs if the response does not carry a
    /// [`Charge`](scrimp_core::extensions::Charge), as [`Money`] or as text such as `0.01` or
    /// `0.01 EUR`. Default: nothing.
    pub fn price(self, price: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let shape = "an amount such as 0.01";
        let price = SettingError::read(OWNER, "price", price, shape);
        self.checked(price, |config, price| config.price = price)
    }

    /// Puts a [`CacheInfo`](scrimp_core::extensions::CacheInfo) into every response, not
    /// only where the request carries [`Explain`](scrimp_core::extensions::Explain). Default:
    /// `false`.
    pub fn explain(self, always: bool) -> Self {
        self.set(|config| config.explain = always)
    }

    /// Treats cookies by the letter of RFC 9111, which does not mention them: requests with
    /// Cookie are answered from store, responses with Set-Cookie stored if they have a
    /// lifetime. For origins that mark every personal response `private`; others would have
    /// sessions handed around.
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
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        self.set(|config| config.telling = Telling::new(fields.into()))
    }

    /// Sets the response fields that hold tags. Default: `Cache-Tag` (parted by commas) and
    /// `Surrogate-Key` (parted by white space); any other is read like the first.
    pub fn tag_headers(
        self,
        names: impl IntoIterator<Item = impl TryInto<HeaderName, Error: Into<BoxError>>>,
    ) -> Self {
        self.names("tag_headers", names, |config, names| {
            config.tag_headers = names;
        })
    }

    /// Takes the tag fields out of what clients get. Default: they are passed on, for
    /// caches in between.
    pub fn strip_tag_headers(self) -> Self {
        self.set(|config| config.strip_tag_headers = true)
    }

    /// Names the tags of every response, besides those of rules and header fields. A tag
    /// may carry a version: `user:7@12`.
    pub fn tags_with(
        self,
        tags: impl Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.tagger = Some(Function(Arc::new(tags))))
    }

    /// Answers where the upstream has failed and nothing stored may stand in: with its
    /// status if it sent a 500, 502, 503 or 504, without one if it sent nothing. `None`
    /// lets the failure through.
    pub fn fallback(
        self,
        answer: impl Fn(&Request<()>, Option<StatusCode>) -> Option<Response<Bytes>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.set(|config| config.fallback = Some(Function(Arc::new(answer))))
    }

    /// Sets how long to wait for a store that does not answer at once, before the request goes
    /// to the upstream as if nothing were stored. Default: 100 ms. Range: above 0.
    pub fn store_timeout(self, time: Duration) -> Self {
        let range = (Bound::Excluded(Duration::ZERO), Bound::Unbounded);
        let time = SettingError::within(OWNER, "store_timeout", time, range);
        self.checked(time, |config, time| config.store_timeout = time)
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
    /// let cache = CacheLayer::builder(MemoryStore::new(64 << 20))
    ///     // What the feature `axum` does by itself.
    ///     .target_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0))
    ///     .rule("path=/v1/items ttl=5m")
    ///     .build()?;
    /// let items = |version| Router::new().route("/items", get(move || async move { version }));
    /// let app: Router = Router::new()
    ///     .nest("/v1", items("one").layer(cache.clone()))
    ///     .nest("/v2", items("two").layer(cache));
    /// # let _ = app;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set(|config| config.target_uri = TargetUri::new(find))
    }

    /// Returns the layer. A store's journal, if it keeps one, is read here.
    ///
    /// # Errors
    ///
    /// If a setting could not be used: the first one that could not.
    pub fn build(self) -> Result<CacheLayer<St>, SettingError> {
        Ok(CacheLayer::from_parts(self.settings.finish()?, self.store))
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        let settings = self.settings.set(change);
        Self { settings, ..self }
    }

    fn checked<T>(
        self,
        value: Result<T, SettingError>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        let settings = self.settings.checked(value, change);
        Self { settings, ..self }
    }

    /// Sets a list of field names.
    fn names(
        self,
        setting: &'static str,
        names: impl IntoIterator<Item = impl TryInto<HeaderName, Error: Into<BoxError>>>,
        change: impl FnOnce(&mut Config, Vec<HeaderName>),
    ) -> Self {
        let read = |name| SettingError::read(OWNER, setting, name, "names of header fields");
        let names: Result<Vec<_>, _> = names.into_iter().map(read).collect();
        self.checked(names, change)
    }
}
