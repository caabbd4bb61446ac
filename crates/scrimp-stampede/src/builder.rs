//! The builder of the layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderName, Uri};
use scrimp_core::{BoxError, Clock, FillLock, KeyBy, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    StampedeLayer, Strategy,
    config::{Config, Lock, Random},
};

/// Settings of a [`StampedeLayer`].
#[derive(Clone)]
#[must_use = "a layer is made by `build`"]
pub struct StampedeLayerBuilder(Settings<Config>);

scrimp_core::unbuilt!(StampedeLayerBuilder);

// === impl StampedeLayer ===

impl StampedeLayer {
    /// Returns a builder that holds the defaults of [`new`](Self::new).
    pub fn builder() -> StampedeLayerBuilder {
        StampedeLayerBuilder::new()
    }
}

// === impl StampedeLayerBuilder ===

impl StampedeLayerBuilder {
    pub(crate) fn new() -> Self {
        Self(Settings::new("StampedeLayer", Config::new()))
    }

    /// Sets the strategy that decides when responses are refreshed. Default:
    /// [`XFetch`](crate::XFetch), β = 1. Range: the values that the strategy's own
    /// [`check`](Strategy::check) accepts.
    pub fn strategy(self, strategy: impl Strategy) -> Self {
        let checked = strategy
            .check()
            .map(|()| Arc::new(strategy) as Arc<dyn Strategy>);
        let set = |config: &mut Config, strategy| config.strategy = strategy;
        Self(self.0.checked(checked, set))
    }

    /// Sets how long a request waits for the fill of its key by another request, before it goes
    /// alone. Zero: it does not wait. Default: 5 s. Range: zero or more.
    pub fn wait_limit(self, time: Duration) -> Self {
        self.with(|config| config.wait_limit = time)
    }

    /// Sets how many bytes of a response are read ahead of its client, for the requests that wait
    /// for the fill. If the client keeps this buffer full for 100 ms, they go alone. Default: 1
    /// MiB. Range: 1 or more.
    pub fn read_ahead(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.read_ahead = bytes;
        Self(self.0.within("read_ahead", bytes, 1.., set))
    }

    /// Sets how many refreshes may be in flight at a time, over all keys. A refresh that is due
    /// above this limit is left to a later hit. Zero: no refreshes. Default: 64. Range: zero or
    /// more.
    pub fn max_refreshes(self, count: usize) -> Self {
        self.with(|config| config.max_refreshes = count)
    }

    /// Sets how long a refresh may take, including its body. Default: 30 s. Range: zero or more.
    pub fn refresh_timeout(self, time: Duration) -> Self {
        self.with(|config| config.refresh_timeout = time)
    }

    /// Sets the share of the calls that hits have saved which a key's refreshes may spend. Each
    /// early refresh needs `1 / share` hits since the last fill of the key, so rarely used keys
    /// are left to expire. Default: 0.5, which is two hits. Range: 0.0001 to 1.
    pub fn budget(self, share: f64) -> Self {
        let set = |config: &mut Config, share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most 10,000, as just checked"
            )]
            let hits = (1.0 / share).ceil() as u32;
            config.hits_per_refresh = hits;
        };
        Self(self.0.within("budget", share, 0.0001..=1.0, set))
    }

    /// Sets after how many failed refreshes in a row a key rests for `rest`. After the rest it is
    /// tried once at a time. Before that limit the pauses double, from 100 ms on. Default: 3, 30
    /// s. Range: 1 failure or more.
    pub fn give_up_after(self, failures: u32, rest: Duration) -> Self {
        let set = |config: &mut Config, failures| {
            config.give_up_after = failures;
            config.rest = rest;
        };
        Self(self.0.within("give_up_after", failures, 1.., set))
    }

    /// Sets how long after expiry a response is still served without waiting for the upstream
    /// while its refreshes fail. The time counts in whole seconds. It needs a cache that obeys
    /// `max-stale`, and a response that does not forbid stale serving. Zero: no stale serving.
    /// Default: 1 h. Range: zero or more.
    pub fn stale_if_failing(self, time: Duration) -> Self {
        self.with(|config| config.stale_if_failing = time)
    }

    /// Sets how long the layer remembers that responses of a key are not stored, so that no
    /// request queues for them. Default: 60 s. Range: zero or more.
    pub fn remember_uncacheable(self, time: Duration) -> Self {
        self.with(|config| config.remember = time)
    }

    /// Sets the function that finds the target URI among a request's extensions. A router that
    /// passes on a part of the path keeps the whole URI there. Default: with the feature `axum`,
    /// the URI that axum keeps; otherwise the URI of the request.
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|config| config.select.target_uri = TargetUri::new(find))
    }

    /// Sets the request fields that identify the caller. Requests that differ in one of them never
    /// wait for each other's response, and never count as hits of each other. Default: all known
    /// credentials, including cookies.
    ///
    /// ```
    /// use http::HeaderName;
    /// use scrimp_stampede::{Credentials, StampedeLayer};
    ///
    /// let badge = HeaderName::from_static("x-shop-badge");
    /// let layer = StampedeLayer::builder()
    ///     .credentials(Credentials::default().with(badge))
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_stampede::SettingError>(())
    /// ```
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.with(|config| config.select.credentials = fields)
    }

    /// Sets the request fields, besides credentials and content negotiation, that select a
    /// response: the fields that Vary names or that rules of the cache put into its key. If one is
    /// missing here, requests may wait for a response that does not match them. They are never
    /// given that response. Default: none.
    pub fn select_by<N>(mut self, names: impl IntoIterator<Item = N>) -> Self
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
    {
        self.0 = self.0.set(|config| config.select.fields.clear());
        for name in names {
            let select = |config: &mut Config, name| config.select.fields.push(name);
            self.0 = self.0.read("select_by", name, "a field name", select);
        }
        self
    }

    /// Sets a function that adds a part to the key of every request, here and in the layers inside: what
    /// responses depend on besides target, tenant and fields. [`KeyBy`] says what it must and must not do.
    /// A request whose part is too long passes. Default: nothing.
    pub fn key_by(self, by: KeyBy) -> Self {
        self.with(|config| config.key_by = by)
    }

    /// Sets how many keys are known at a time: 64 bytes each, rounded up to a power of two. A key
    /// that is forgotten is learned again. Default: 32,768. Range: 1 to 2²⁸.
    pub fn records(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.records = count;
        Self(self.0.within("records", count, 1..=1 << 28, set))
    }

    /// Sets a lock by which one process of many fills a key. The lock is requested on true misses
    /// only, for `lease` at a time, and has 100 ms to respond. If it fails, requests go ahead
    /// without it. It needs a cache that obeys directives, as `CacheLayer` does. Default: no lock.
    /// Range: a lease of 1 ms or more.
    pub fn lock(self, lock: impl FillLock, lease: Duration) -> Self {
        let set = |config: &mut Config, lease| {
            config.lock = Some(Lock {
                service: Arc::new(lock),
                lease,
                timeout: Duration::from_millis(100),
            });
        };
        Self(
            self.0
                .within("lease", lease, Duration::from_millis(1).., set),
        )
    }

    /// Sets the source of time. Default: the clocks of the machine.
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|config| config.clock = clock)
    }

    /// Sets the source of random numbers in [0, 1), such as `fastrand::f64`. For tests and
    /// simulations that must be repeatable. Default: `fastrand::f64`.
    pub fn random(self, source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.with(|config| config.random = Random(Arc::new(source)))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one.
    pub fn build(self) -> Result<StampedeLayer, SettingError> {
        self.0.finish().map(StampedeLayer::of)
    }

    fn with(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }
}

impl fmt::Debug for StampedeLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StampedeLayerBuilder")
            .field(self.0.values())
            .finish()
    }
}
