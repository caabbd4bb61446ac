//! The builder of the layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderName, Uri, request::Parts};
use scrimp_core::{BoxError, Clock, Key, Ledger, Money, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    Abandoned, CoalesceLayer, OnError, Overflow, ReuseWindow, SlowReader,
    config::{Config, Status},
    reuse::{NANOSECOND, YEAR},
};

/// Collects the settings of a [`CoalesceLayer`].
#[derive(Clone)]
#[must_use = "a layer is made by `build`"]
pub struct CoalesceLayerBuilder(Settings<Config>);

// === impl CoalesceLayer ===

impl CoalesceLayer {
    /// Returns a builder that holds the defaults of [`new`](Self::new).
    pub fn builder() -> CoalesceLayerBuilder {
        CoalesceLayerBuilder::new()
    }
}

// === impl CoalesceLayerBuilder ===

impl CoalesceLayerBuilder {
    pub(crate) fn new() -> Self {
        Self(Settings::new("CoalesceLayer", Config::new()))
    }

    /// Finds the target URI among a request's extensions, where it is not the one that the
    /// request shows: a router that hands on a part of the path keeps the whole there. Default:
    /// with the feature `axum`, what axum keeps; else the URI that the request shows.
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|config| config.target_uri = TargetUri::new(find))
    }

    /// Sets the request fields that say who is asking: requests that differ in one of them
    /// never share an answer. Default: all known ones, cookies among them.
    ///
    /// All request fields are part of the key but those that only trace a call or tell of the
    /// client. A field of this list is part of it even if it is one of those. One that was
    /// [removed](Credentials::without) is not: requests that differ in it alone share. Where
    /// [`key_with`](Self::key_with) makes the keys, that function decides alone.
    ///
    /// ```
    /// use http::HeaderName;
    /// use scrimp_coalesce::{CoalesceLayer, Credentials};
    ///
    /// let tenant = HeaderName::from_static("x-tenant-id"); // changes no answer here
    /// let layer = CoalesceLayer::builder()
    ///     .credentials(Credentials::default().without(&tenant))
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_coalesce::SettingError>(())
    /// ```
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.with(|config| config.credentials = fields)
    }

    /// Leaves these request fields out of the key, besides those that only trace a call or tell
    /// of the client (`User-Agent`, `traceparent`, `X-Forwarded-For`, …). All others are part of
    /// it. An answer that is selected by one of them, as its Vary says, is not shared.
    ///
    /// The operator has the last word: a [credential](Self::credentials) that is named here is
    /// left out too, and then users who differ in it alone get one another's answers.
    pub fn ignore_headers<N>(mut self, names: impl IntoIterator<Item = N>) -> Self
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
    {
        for name in names {
            let ignore = |config: &mut Config, name| config.ignored.push(name);
            self.0 = self.0.read("ignore_headers", name, "a field name", ignore);
        }
        self
    }

    /// Makes keys by a function, in place of target and fields. Tenant and method stay part of
    /// the key; Vary is compared with each waiter's request. `None` sends a request on its own.
    ///
    /// **Whatever makes an answer one user's has to be in it**: without the credentials, or
    /// what stands for them, users get each other's answers.
    pub fn key_with(self, key: impl Fn(&Parts) -> Option<Key> + Send + Sync + 'static) -> Self {
        self.with(|config| config.key = Some(Arc::new(key)))
    }

    /// Shares POST requests of equal bodies too. For queries that only look like writes:
    /// GraphQL, search, language models. Needs a
    /// [`BodyDigestLayer`](scrimp_core::BodyDigestLayer) outside.
    pub fn share_posts_by_digest(self) -> Self {
        self.with(|config| config.posts_by_digest = true)
    }

    /// Shares POST requests with one `Idempotency-Key`: the second is the first sent again.
    /// Bodies are compared if there is a [`BodyDigestLayer`](scrimp_core::BodyDigestLayer)
    /// outside, and else taken to be the same, as the key says they are.
    pub fn share_posts_by_idempotency_key(self) -> Self {
        self.with(|config| config.posts_by_idempotency_key = true)
    }

    /// Sets how many bytes of a body under way are kept for late comers and slow readers.
    /// Default: 1 MiB. Range: 1 or more.
    pub fn max_bytes(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.max_bytes = bytes;
        Self(self.0.within("max_bytes", bytes, 1.., set))
    }

    /// Sets how many bytes are kept of all bodies under way together, give or take a chunk of
    /// each. While there are more, no body keeps any for late comers, who make calls of their
    /// own, and readers that are behind are [waited for](Self::patience) and cut off as at
    /// [`max_bytes`](Self::max_bytes). Default: 64 MiB. Range: 1 or more.
    pub fn max_total_bytes(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.max_total_bytes = bytes;
        Self(self.0.within("max_total_bytes", bytes, 1.., set))
    }

    /// Sets what becomes of a reader that falls further behind than
    /// [`max_bytes`](Self::max_bytes). Default: [`SlowReader::Fail`].
    pub fn slow_reader(self, slow: SlowReader) -> Self {
        self.with(|config| config.slow_reader = slow)
    }

    /// Sets how long, in all, a reader further behind than [`max_bytes`](Self::max_bytes) is
    /// waited for before it is cut off. Default: 100 ms, enough for one whose turn it merely is
    /// not yet. Range: zero or more; a tokio runtime is needed if it is not zero.
    pub fn patience(self, time: Duration) -> Self {
        self.with(|config| config.patience = time)
    }

    /// Sets how many requests may wait for one key's call to be answered, beside the one it is
    /// made for. Those who read the answer do not count. Default: any number. Range: zero or
    /// more.
    pub fn max_waiters(self, waiters: usize) -> Self {
        self.with(|config| config.max_waiters = waiters)
    }

    /// Sets how many keys may be in flight. Above 1,023 the limit is kept for each 64th of the
    /// keys. Default: 65,536. Range: 1 or more.
    pub fn max_keys(self, keys: usize) -> Self {
        let set = |config: &mut Config, keys| config.max_keys = keys;
        Self(self.0.within("max_keys", keys, 1.., set))
    }

    /// Sets how long a request waits for another's call to be answered. Default: as long as it
    /// takes. Range: more than zero. Needs a tokio runtime.
    pub fn max_wait(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.max_wait = Some(time);
        Self(self.0.within("max_wait", time, NANOSECOND.., set))
    }

    /// Sets what becomes of a request that would exceed a limit. Default: [`Overflow::OwnCall`].
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.with(|config| config.overflow = overflow)
    }

    /// Sets what becomes of those who wait for a call that fails. Default: [`OnError::Share`].
    /// Range: [`OnError::Reelect`] takes 1 attempt or more.
    pub fn on_error(self, policy: OnError) -> Self {
        let set = |config: &mut Config, policy| config.on_error = policy;
        Self(self.0.checked(policy.checked(), set))
    }

    /// Sets what becomes of a call whose callers have all left. Default: [`Abandoned::Cancel`].
    pub fn abandoned(self, policy: Abandoned) -> Self {
        self.with(|config| config.abandoned = policy)
    }

    /// Reuses finished answers for a while. Default: no. Range: see the setters of
    /// [`ReuseWindow`].
    pub fn window(self, window: ReuseWindow) -> Self {
        let set = |config: &mut Config, window| config.window = Some(window);
        Self(self.0.checked(window.checked(), set))
    }

    /// Sets how long a key is remembered whose answer was not to be shared; its requests are
    /// sent on their own without waiting for one another. Default: 60 s. Range: up to 365 days.
    pub fn remember(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.remember = time;
        Self(self.0.within("remember", time, ..=YEAR, set))
    }

    /// Sets the layer's name in the Cache-Status (RFC 9211) of answers that were made for
    /// another request; `None` leaves the field alone. Where a cache outside reports it, that is
    /// left to the cache. Default: `scrimp-coalesce`. Range: a token (RFC 9651 §3.3.4).
    pub fn cache_status(self, name: Option<&str>) -> Self {
        let set = |config: &mut Config, status| config.status = status;
        Self(self.0.checked(name.map(Status::named).transpose(), set))
    }

    /// Sets where the time comes from. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|config| config.clock = clock)
    }

    /// Books calls made and avoided, per tenant.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.with(|config| config.ledger = Some(ledger))
    }

    /// Sets what a call costs if the answer does not carry a
    /// [`Charge`](scrimp_core::extensions::Charge): a [`Money`], or its text. Default: nothing.
    pub fn price<M>(self, price: M) -> Self
    where
        M: TryInto<Money, Error: Into<BoxError>>,
    {
        let set = |config: &mut Config, price| config.price = price;
        Self(self.0.read("price", price, "an amount of money", set))
    }

    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range: the first one that is.
    pub fn build(self) -> Result<CoalesceLayer, SettingError> {
        self.0.finish().map(CoalesceLayer::of)
    }

    fn with(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }
}

impl fmt::Debug for CoalesceLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoalesceLayerBuilder")
            .field(self.0.values())
            .finish()
    }
}
