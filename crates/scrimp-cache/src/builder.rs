//! The settings of a layer.

mod kept;
mod key;
mod monitor;
mod retention;

use std::{ops::Bound, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, Request, Response, StatusCode, Uri};
use scrimp_core::{BoxError, Clock, Ledger, Money, Purger, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    cache_status::CacheName,
    config::{Config, Function},
    entry::{MemoryStore, Store},
    layer::CacheLayer,
    policy::{Mode, facts::Telling},
    rule::Rule,
};

/// Name of the type in error messages.
const OWNER: &str = "CacheLayer";

/// Builds a [`CacheLayer`]. Made by [`CacheLayer::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CacheLayerBuilder<St = MemoryStore> {
    settings: Settings<Config>,
    store: St,
    before: Option<CacheLayer<St>>,
    #[cfg(feature = "codec")]
    shared_log: Option<crate::SharedLog>,
}

scrimp_core::unbuilt!(CacheLayerBuilder<St>, St);

// === impl CacheLayer ===

impl<St: Store> CacheLayer<St> {
    /// Starts from the default settings. For the store, see [`new`](Self::new).
    pub fn builder(store: St) -> CacheLayerBuilder<St> {
        let settings = Settings::new(OWNER, Config::default());
        CacheLayerBuilder {
            settings,
            store,
            before: None,
            #[cfg(feature = "codec")]
            shared_log: None,
        }
    }

    /// Starts from the default settings for a layer that takes this one's place, as when the settings of
    /// a running server are read again: it has the same store, the same log of invalidations, and goes
    /// on with the counts.
    ///
    /// Both layers may be in use at the same time, and an invalidation by one holds in the other. Stored
    /// responses stay as they are, with the lifetimes and the keys that they got by the earlier rules: a
    /// rule that forbids what was stored before needs an invalidation too.
    ///
    /// ```
    /// use scrimp_cache::{CacheLayer, MemoryStore};
    /// let before = CacheLayer::builder(MemoryStore::new(64 << 20)).rule("path=/a ttl=5m").build()?;
    /// let after = before.successor().rule("path=/a ttl=1m").build()?;
    /// # let _ = after;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    pub fn successor(&self) -> CacheLayerBuilder<St> {
        CacheLayerBuilder {
            before: Some(self.clone()),
            ..Self::builder(self.store().clone())
        }
    }

    /// Starts from the settings for a cache inside an origin, on the same machine as what it caches:
    /// the default ones without [heuristics](CacheLayerBuilder::heuristics). Requests have been
    /// received by a server, so the scheme of their target does not count, which HTTP/1.1 does not
    /// tell it: all versions of HTTP share stored responses.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20)) // bytes
    ///     .rule("path=/api/** ttl=5m")
    ///     .build()?;
    /// # let _ = cache;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    pub fn for_origin(store: St) -> CacheLayerBuilder<St> {
        let builder = Self::builder(store).heuristics(false);
        builder.set(|config| config.target_uri = config.target_uri.received())
    }
}

// === impl CacheLayerBuilder ===

impl<St: Store> CacheLayerBuilder<St> {
    /// Sets whether the cache answers many users or one. Default: [`Mode::Shared`].
    pub fn mode(self, mode: Mode) -> Self {
        self.set(|config| config.mode = mode)
    }

    /// Sets whether a response without a lifetime, but with Last-Modified, is fresh for a tenth of
    /// its age, at most a day (RFC 9111 §4.2.2). Default: true, as HTTP allows.
    ///
    /// Inside an origin it is better off: a file that is overwritten would be served as it was for up to
    /// a day, though asking is cheap. Off, such a response is stored for its validator, and each use
    /// is validated.
    pub fn heuristics(self, guess: bool) -> Self {
        self.set(|config| config.heuristics = guess)
    }

    /// Adds a rule, as a [`Rule`] or as its text. The first rule that matches decides.
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
    /// Range: one printable ASCII character or more. A name that is not a token is written as a
    /// quoted string.
    pub fn name(self, name: &str) -> Self {
        let name = CacheName::new(name).ok_or_else(|| {
            let problem = format!("must be printable ASCII characters, at least one, not {name:?}");
            SettingError::new(OWNER, "name", problem)
        });
        self.checked(name, |config, name| config.name = name)
    }

    /// Sets the targeted Cache-Control fields to obey, first match first (RFC 9213). The fields
    /// are also passed on. Default: `CDN-Cache-Control`.
    pub fn targets(
        self,
        names: impl IntoIterator<Item = impl TryInto<HeaderName, Error: Into<BoxError>>>,
    ) -> Self {
        self.names("targets", names, |config, names| config.targets = names)
    }

    /// Sets the clock. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Records calls made and avoided, per tenant and route. Default: no ledger.
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

    /// Treats cookies by the letter of RFC 9111, which does not mention them.
    ///
    /// Requests with Cookie are answered from the store, and responses with Set-Cookie are stored
    /// if they have a lifetime. This is for origins that mark every personal response `private`;
    /// at other origins, one user would get the session of another.
    pub fn trust_origin_with_cookies(self) -> Self {
        self.set(|config| config.strict_cookies = false)
    }

    /// Sets the request fields that identify the caller. Default: [`Credentials::default`], the
    /// fields that widely used APIs, proxies and platforms use for this.
    ///
    /// Requests that differ in one of them never share a response, unless the response says that
    /// it is for everyone (`public`, `s-maxage` or `must-revalidate`; RFC 9111 §3.5), or the
    /// operator puts every credential of a request into the key (a rule's `header=`). That holds
    /// in a shared cache and in both directions: such a response is not stored for others, and a
    /// response stored for others is not given to a request with credentials.
    ///
    /// Rules decide about cookies (`cookie=`), whatever this list says. A cache that calls an API
    /// with one key for all its users can leave that field out ([`Credentials::without`]), or be
    /// [private](Mode::Private).
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        self.set(|config| config.telling = Telling::new(fields.into()))
    }

    /// Adds a function that tells which requests are private, by their extensions and fields.
    /// Default: none.
    ///
    /// A private request goes past the cache: it is not answered from the store, and its response
    /// is not stored (`detail=private-if` in Cache-Status). The function is asked when the request
    /// comes, and again when the head of its response comes, with the extensions and fields that
    /// the request had. So it also notices what a handler has done meanwhile, if the extensions
    /// hold a handle that shares its state between copies. Inner layers that share responses ask it
    /// too. It runs for every request, and should only look things up.
    ///
    /// This is for what a response does not show, above all a session layer *outside* of the cache,
    /// which adds Set-Cookie after the response was stored. With tower-sessions:
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// use tower_sessions::Session;
    ///
    /// let layer = CacheLayer::builder(MemoryStore::new(64 << 20))
    ///     .private_if(|extensions, _| {
    ///         let session = extensions.get::<Session>();
    ///         session.is_some_and(|session| session.id().is_some() || session.is_modified())
    ///     })
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    ///
    /// With axum-login the lines are the same, for `axum_login::tower_sessions::Session`: the type
    /// has to be that of the very version of tower-sessions that the outer layer comes from.
    ///
    /// A session layer *inside* of the cache needs none of this: the cache sees Cookie and
    /// Set-Cookie themselves. If a rule ignores cookies there, name the session's cookie:
    /// `|_, headers| scrimp_http::cookie::values(headers, "id").next().is_some()`.
    pub fn private_if(
        self,
        is_private: impl Fn(&Extensions, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.private_if.add(is_private))
    }

    /// Sets the response fields that hold tags. Default: `Cache-Tag` (separated by commas) and
    /// `Surrogate-Key` (separated by white space). Any other field is read like the first.
    pub fn tag_headers(
        self,
        names: impl IntoIterator<Item = impl TryInto<HeaderName, Error: Into<BoxError>>>,
    ) -> Self {
        self.names("tag_headers", names, |config, names| {
            config.tag_headers = names;
        })
    }

    /// Removes the tag fields from responses to clients. Default: they are passed on, for caches
    /// in between.
    pub fn strip_tag_headers(self) -> Self {
        self.set(|config| config.strip_tag_headers = true)
    }

    /// Adds tags to every response, besides those of rules and header fields. A tag may carry a
    /// version: `user:7@12`.
    pub fn tags_with(
        self,
        tags: impl Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.tagger = Some(Function(Arc::new(tags))))
    }

    /// Adds a carrier of purges to a cache in front, such as the `CdnPurger` of `scrimp-cdn`.
    /// Default: none.
    ///
    /// It gets every invalidation that an operator makes by an
    /// [`Invalidator`](crate::Invalidator) or an [`Admin`](crate::Admin) of this layer, after the
    /// invalidation holds here: a cache in front that asks again cannot get an old stored response.
    /// Unsafe requests of clients are not among them, as the cache in front has seen those itself.
    pub fn purger(self, purger: impl Purger) -> Self {
        self.set(|config| config.purgers.push(Function(Arc::new(purger))))
    }

    /// Answers requests after an upstream failure that no stored response may stand in for.
    ///
    /// `answer` gets the upstream's status if it was 500, 502, 503 or 504, and none if no
    /// response came. `None` lets the failure through.
    pub fn fallback(
        self,
        answer: impl Fn(&Request<()>, Option<StatusCode>) -> Option<Response<Bytes>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.set(|config| config.fallback = Some(Function(Arc::new(answer))))
    }

    /// Sets how long a request waits for a store that does not answer at once. Then the request
    /// goes to the upstream as if nothing were stored. Default: 100 ms. Range: above 0.
    pub fn store_timeout(self, time: Duration) -> Self {
        let range = (Bound::Excluded(Duration::ZERO), Bound::Unbounded);
        let time = SettingError::within(OWNER, "store_timeout", time, range);
        self.checked(time, |config, time| config.store_timeout = time)
    }

    /// Sets the log of invalidations that this layer shares with those of other processes. Default:
    /// that of the [store](Store::shared_log), if it has one.
    #[cfg(feature = "codec")]
    pub fn shared_log(self, log: &crate::SharedLog) -> Self {
        Self {
            shared_log: Some(log.clone()),
            ..self
        }
    }

    /// Sets how the target URI is found if a request's own URI is only a part of it.
    ///
    /// Keys, rules, tags and invalidation use the URI that `find` returns, or the request's own
    /// URI on `None`. The inner service gets the request's own URI. If its path is not the end of
    /// the target's path, a service in between has rewritten it, and both are part of the key.
    /// Default: with the feature `axum` the `OriginalUri` that axum keeps, else the request's own
    /// URI.
    ///
    /// This is for layers inside `nest`, which see paths without their prefix. One layer can then
    /// serve several nests, and its rules name whole paths:
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
    /// Returns the first invalid setting.
    pub fn build(self) -> Result<CacheLayer<St>, SettingError> {
        let config = self.settings.finish()?;
        monitor::check(&config)?;
        if let Some(before) = self.before {
            return Ok(before.followed_by(config));
        }
        let layer = CacheLayer::from_parts(config, self.store);
        #[cfg(feature = "codec")]
        layer.share(self.shared_log);
        Ok(layer)
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
