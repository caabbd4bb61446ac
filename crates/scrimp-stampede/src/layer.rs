//! The layer.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Extensions, HeaderName, Uri};
use scrimp_core::{Clock, FillLock};
use scrimp_http::{credentials::Credentials, target::TargetUri};
use tower_layer::Layer;

use crate::{
    SettingError, Stampede, StampedeStats, Strategy,
    config::{Config, Lock, Random, Shared},
    service::Common,
    tasks::Tasks,
};

/// Refreshes what the cache inside holds before it expires, and fills what it lacks once.
///
/// Goes outside the cache, and needs no setting to be useful. All services of a layer share
/// what it knows of the keys.
#[derive(Debug, Clone)]
pub struct StampedeLayer {
    config: Config,
    /// Made by the first call of `layer` or `stats`, for all clones that are set alike.
    common: Arc<OnceLock<Arc<Common>>>,
}

// === impl StampedeLayer ===

impl Default for StampedeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl StampedeLayer {
    /// With [`XFetch`](crate::XFetch), β = 1.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::new(),
            common: Arc::default(),
        }
    }

    /// When answers are refreshed. Default: [`XFetch`](crate::XFetch), β = 1.
    #[must_use]
    pub fn strategy(self, strategy: impl Strategy) -> Self {
        self.set(|config| config.strategy = Arc::new(strategy))
    }

    /// How long a request waits for another's fill of the same key, before it goes alone.
    /// Zero: not at all. Default: 5 s.
    #[must_use]
    pub fn wait_limit(self, time: Duration) -> Self {
        self.set(|config| config.wait_limit = time)
    }

    /// Bytes of an answer that are read ahead of its client, for those who wait for the fill.
    /// If the client leaves that full for 100 ms they go alone. Default: 1 MiB.
    #[must_use]
    pub fn read_ahead(self, bytes: usize) -> Self {
        self.set(|config| config.read_ahead = bytes.max(1))
    }

    /// Refreshes under way at a time, over all keys. One that is due past that is left to a
    /// later hit. Zero: none at all. Default: 64.
    #[must_use]
    pub fn max_refreshes(self, count: usize) -> Self {
        self.set(|config| config.max_refreshes = count)
    }

    /// How long a refresh may take, its body included. Default: 30 s.
    #[must_use]
    pub fn refresh_timeout(self, time: Duration) -> Self {
        self.set(|config| config.refresh_timeout = time)
    }

    /// What part of the calls that its hits have saved may be spent on refreshing a key: each
    /// early refresh is preceded by `1 / share` hits since the key was last filled, so keys
    /// that are hardly used are left to expire. Default: 0.5, which is two hits.
    ///
    /// # Errors
    ///
    /// If it is not within 0.0001 to 1, or not a number.
    pub fn budget(self, share: f64) -> Result<Self, SettingError> {
        let share = SettingError::check("budget", share, 0.0001..=1.0, "within 0.0001 to 1")?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 10,000, as just checked"
        )]
        let hits = (1.0 / share).ceil() as u32;
        Ok(self.set(|config| config.hits_per_refresh = hits))
    }

    /// After so many failed refreshes of a key in a row it is left alone for `rest`, and then
    /// tried once at a time. Before that the pauses double from 100 ms on. Default: 3, 30 s.
    #[must_use]
    pub fn give_up_after(self, failures: u32, rest: Duration) -> Self {
        self.set(|config| {
            config.give_up_after = failures.max(1);
            config.rest = rest;
        })
    }

    /// How long after expiry an answer is still served, without waiting for the upstream,
    /// while refreshes of it fail. In whole seconds; it takes a cache that obeys `max-stale`,
    /// and a response that does not forbid it. Zero: not at all. Default: 1 h.
    #[must_use]
    pub fn stale_if_failing(self, time: Duration) -> Self {
        self.set(|config| config.stale_if_failing = time)
    }

    /// How long it is remembered that the answers to a key are not kept, so that nobody
    /// queues for them. Default: 60 s.
    #[must_use]
    pub fn remember_uncacheable(self, time: Duration) -> Self {
        self.set(|config| config.remember = time)
    }

    /// Finds the target URI among a request's extensions, where it is not the one that the
    /// request shows: a router that hands on a part of the path keeps the whole there. Default:
    /// with the feature `axum`, what axum keeps; else the URI that the request shows.
    #[must_use]
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set(|config| config.select.target_uri = TargetUri::new(find))
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
    /// let layer = StampedeLayer::new().credentials(Credentials::default().with(badge));
    /// ```
    #[must_use]
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.set(|config| config.select.credentials = fields)
    }

    /// Request fields, beside credentials and those of content negotiation, that select
    /// answers: those that Vary names or that rules of the cache put into its key. Where one
    /// is missing, requests may wait for an answer that turns out to be none of theirs; they
    /// are not given it. Default: none.
    #[must_use]
    pub fn select_by(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|config| config.select.fields = names.into_iter().collect())
    }

    /// Keys that are known at a time; 64 bytes each, rounded up to a power of two. One that
    /// is forgotten is asked about again. Default: 32,768.
    #[must_use]
    pub fn records(self, count: usize) -> Self {
        self.set(|config| config.records = count)
    }

    /// Fills a key in one process of many. The lock is asked for on true misses only, for
    /// `lease` at a time, and given 100 ms to answer; when it fails, requests go ahead
    /// without it. It takes a cache that obeys directives, as `CacheLayer` does.
    #[must_use]
    pub fn lock(self, lock: impl FillLock, lease: Duration) -> Self {
        let lock = Lock {
            service: Arc::new(lock),
            lease: lease.max(Duration::from_millis(1)),
            timeout: Duration::from_millis(100),
        };
        self.set(|config| config.lock = Some(lock))
    }

    /// Where the time comes from. Default: the machine's clocks.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Where chance comes from: numbers in [0, 1), as `fastrand::f64` gives them. For tests
    /// and simulations that have to repeat.
    #[must_use]
    pub fn random(self, source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.set(|config| config.random = Random(Arc::new(source)))
    }

    /// What the layer has done so far.
    #[must_use]
    pub fn stats(&self) -> StampedeStats {
        self.common().shared.counters.read()
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        // Services made before keep what they were made with; those to come share anew.
        self.common = Arc::default();
        self
    }

    fn common(&self) -> &Arc<Common> {
        self.common.get_or_init(|| {
            Arc::new(Common {
                shared: Arc::new(Shared::new(self.config.clone())),
                tasks: Tasks::default(),
            })
        })
    }
}

impl<S> Layer<S> for StampedeLayer {
    type Service = Stampede<S>;

    fn layer(&self, inner: S) -> Stampede<S> {
        Stampede::from_parts(inner, Arc::clone(self.common()))
    }
}
