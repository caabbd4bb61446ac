//! The builder of the layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderName, Uri};
use scrimp_core::{BoxError, Clock, FillLock, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    StampedeLayer, Strategy,
    config::{Config, Lock, Random},
};

/// Collects the settings of a [`StampedeLayer`].
#[derive(Clone)]
#[must_use = "a layer is made by `build`"]
pub struct StampedeLayerBuilder(Settings<Config>);

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

    /// Sets when answers are refreshed. Default: [`XFetch`](crate::XFetch), β = 1. Range: what
    /// the strategy's own [`check`](Strategy::check) accepts.
    pub fn strategy(self, strategy: impl Strategy) -> Self {
        let checked = strategy
            .check()
            .map(|()| Arc::new(strategy) as Arc<dyn Strategy>);
        let set = |config: &mut Config, strategy| config.strategy = strategy;
        Self(self.0.checked(checked, set))
    }

    /// Sets how long a request waits for another's fill of the same key, before it goes alone.
    /// Zero: not at all. Default: 5 s. Range: zero or more.
    pub fn wait_limit(self, time: Duration) -> Self {
        self.with(|config| config.wait_limit = time)
    }

    /// Sets how many bytes of an answer are read ahead of its client, for those who wait for the
    /// fill. If the client leaves that full for 100 ms they go alone. Default: 1 MiB. Range: 1
    /// or more.
    pub fn read_ahead(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.read_ahead = bytes;
        Self(self.0.within("read_ahead", bytes, 1.., set))
    }

    /// Sets how many refreshes may be under way at a time, over all keys. One that is due past
    /// that is left to a later hit. Zero: none at all. Default: 64. Range: zero or more.
    pub fn max_refreshes(self, count: usize) -> Self {
        self.with(|config| config.max_refreshes = count)
    }

    /// Sets how long a refresh may take, its body included. Default: 30 s. Range: zero or more.
    pub fn refresh_timeout(self, time: Duration) -> Self {
        self.with(|config| config.refresh_timeout = time)
    }

    /// Sets what part of the calls that its hits have saved may be spent on refreshing a key:
    /// each early refresh is preceded by `1 / share` hits since the key was last filled, so keys
    /// that are hardly used are left to expire. Default: 0.5, which is two hits. Range: 0.0001
    /// to 1.
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

    /// Sets after how many failed refreshes in a row a key is left alone for `rest`, and then
    /// tried once at a time. Before that the pauses double from 100 ms on. Default: 3, 30 s.
    /// Range: 1 failure or more.
    pub fn give_up_after(self, failures: u32, rest: Duration) -> Self {
        let set = |config: &mut Config, failures| {
            config.give_up_after = failures;
            config.rest = rest;
        };
        Self(self.0.within("give_up_after", failures, 1.., set))
    }

    /// Sets how long after expiry an answer is still served, without waiting for the upstream,
    /// while refreshes of it fail. In whole seconds; it takes a cache that obeys `max-stale`,
    /// and a response that does not forbid it. Zero: not at all. Default: 1 h.
    /// Range: zero or more.
    pub fn stale_if_failing(self, time: Duration) -> Self {
        self.with(|config| config.stale_if_failing = time)
    }

    /// Sets how long it is remembered that the answers to a key are not kept, so that no request
    /// queues for them. Default: 60 s. Range: zero or more.
    pub fn remember_uncacheable(self, time: Duration) -> Self {
        self.with(|config| config.remember = time)
    }

    /// Finds the target URI among a request's extensions, where it is not the one that the
    /// request shows: a router that hands on a part of the path keeps the whole there. Default:
    /// with the feature `axum`, what axum keeps; else the URI that the request shows.
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|config| config.select.target_uri = TargetUri::new(find))
    }

    /// Sets the request fields that say who is asking: requests that differ in one of them
    /// never wait for one another's answer, nor are they taken for hits of one another. Default:
    /// all known ones, cookies among them.
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

    /// Sets the request fields, beside credentials and those of content negotiation, that
    /// select answers: those that Vary names or that rules of the cache put into its key. Where one
    /// is missing, requests may wait for an answer that turns out to be none of theirs; they
    /// are not given it. Default: none.
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

    /// Sets how many keys are known at a time; 64 bytes each, rounded up to a power of two. One
    /// that is forgotten is asked about again. Default: 32,768. Range: 1 to 2²⁸.
    pub fn records(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.records = count;
        Self(self.0.within("records", count, 1..=1 << 28, set))
    }

    /// Fills a key in one process of many. The lock is asked for on true misses only, for
    /// `lease` at a time, and given 100 ms to answer; when it fails, requests go ahead
    /// without it. It takes a cache that obeys directives, as `CacheLayer` does. Default: no
    /// lock. Range: a lease of 1 ms or more.
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

    /// Sets where the time comes from. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|config| config.clock = clock)
    }

    /// Sets where chance comes from: numbers in [0, 1), as `fastrand::f64` gives them. For tests
    /// and simulations that have to repeat.
    pub fn random(self, source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.with(|config| config.random = Random(Arc::new(source)))
    }

    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range: the first one that is.
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
