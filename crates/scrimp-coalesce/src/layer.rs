//! The layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Extensions, HeaderName, Uri, request::Parts};
use scrimp_core::{Clock, Key, Ledger, Money, extensions::Since};
use scrimp_http::{credentials::Credentials, target::TargetUri};
use tower_layer::Layer;

use crate::{
    Abandoned, Coalesce, CoalesceHandle, CoalesceStats, OnError, Overflow, SlowReader, Window,
    common::Owner,
    config::{Config, Status},
};

/// Lets equal requests that come at the same time share one call of the service it is put on.
///
/// All services of one layer, and of its clones, share what is in flight.
#[derive(Clone)]
pub struct CoalesceLayer {
    config: Config,
    /// Made when it is first needed, for all clones.
    owner: Arc<OnceLock<Arc<Owner>>>,
}

// === impl CoalesceLayer ===

impl CoalesceLayer {
    /// Shares safe requests without a body while they are in flight; nothing is kept.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::new(),
            owner: Arc::default(),
        }
    }

    /// Finds the target URI among a request's extensions, where it is not the one that the
    /// request shows: a router that hands on a part of the path keeps the whole there. Default:
    /// with the feature `axum`, what axum keeps; else the URI that the request shows.
    #[must_use]
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set(|config| config.target_uri = TargetUri::new(find))
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
    /// let layer = CoalesceLayer::new().credentials(Credentials::default().without(&tenant));
    /// ```
    #[must_use]
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.set(|config| config.credentials = fields)
    }

    /// Leaves these request fields out of the key, besides those that only trace a call or tell
    /// of the client (`User-Agent`, `traceparent`, `X-Forwarded-For`, …). All others are part of
    /// it. An answer that is selected by one of them, as its Vary says, is not shared.
    ///
    /// The operator has the last word: a [credential](Self::credentials) that is named here is
    /// left out too, and then users who differ in it alone get one another's answers.
    #[must_use]
    pub fn ignore_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.set(|config| config.ignored.extend(names))
    }

    /// Makes keys by a function, in place of target and fields. Tenant and method stay part of
    /// the key; Vary is compared with each waiter's request. `None` sends a request on its own.
    ///
    /// **Whatever makes an answer one user's has to be in it**: without the credentials, or
    /// what stands for them, users get each other's answers.
    #[must_use]
    pub fn key_with(self, key: impl Fn(&Parts) -> Option<Key> + Send + Sync + 'static) -> Self {
        self.set(|config| config.key = Some(Arc::new(key)))
    }

    /// Shares POST requests of equal bodies too. For queries that only look like writes:
    /// GraphQL, search, language models. Needs a
    /// [`BodyDigestLayer`](scrimp_core::BodyDigestLayer) outside.
    #[must_use]
    pub fn share_posts_by_digest(self) -> Self {
        self.set(|config| config.posts_by_digest = true)
    }

    /// Shares POST requests with one `Idempotency-Key`: the second is the first sent again.
    /// Bodies are compared if there is a [`BodyDigestLayer`](scrimp_core::BodyDigestLayer)
    /// outside, and else taken to be the same, as the key says they are.
    #[must_use]
    pub fn share_posts_by_idempotency_key(self) -> Self {
        self.set(|config| config.posts_by_idempotency_key = true)
    }

    /// So many bytes of a body under way are kept for late comers and slow readers.
    /// Default: 1 MiB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        assert!(bytes > 0, "max_bytes is 0: it has to be 1 or more");
        self.set(|config| config.max_bytes = bytes)
    }

    /// So many bytes are kept of all bodies under way together, give or take a chunk of each.
    /// While there are more, no body keeps any for late comers, who make calls of their own,
    /// and readers that are behind are [waited for](Self::patience) and cut off as at
    /// [`max_bytes`](Self::max_bytes). Default: 64 MiB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn max_total_bytes(self, bytes: usize) -> Self {
        assert!(bytes > 0, "max_total_bytes is 0: it has to be 1 or more");
        self.set(|config| config.max_total_bytes = bytes)
    }

    /// What becomes of a reader that falls further behind than
    /// [`max_bytes`](Self::max_bytes). Default: [`SlowReader::Fail`].
    #[must_use]
    pub fn slow_reader(self, slow: SlowReader) -> Self {
        self.set(|config| config.slow_reader = slow)
    }

    /// How long, in all, a reader further behind than [`max_bytes`](Self::max_bytes) is waited
    /// for before it is cut off. Default: 100 ms, enough for one whose turn it merely is not
    /// yet. Needs a tokio runtime if it is not zero.
    #[must_use]
    pub fn patience(self, time: Duration) -> Self {
        self.set(|config| config.patience = time)
    }

    /// So many requests wait for one key's call to be answered at most, beside the one it is
    /// made for. Those who read the answer do not count. Default: any number.
    #[must_use]
    pub fn max_waiters(self, waiters: usize) -> Self {
        self.set(|config| config.max_waiters = waiters)
    }

    /// So many keys are in flight at most. Above 1,023 the limit is kept for each 64th of the
    /// keys. Default: 65,536.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        assert!(keys > 0, "max_keys is 0: it has to be 1 or more");
        self.set(|config| config.max_keys = keys)
    }

    /// So long a request waits for another's call to be answered, at most. Default: as long
    /// as it takes. Needs a tokio runtime.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    pub fn max_wait(self, time: Duration) -> Self {
        assert!(!time.is_zero(), "max_wait is 0: it has to be longer");
        self.set(|config| config.max_wait = Some(time))
    }

    /// What becomes of a request that would exceed a limit. Default: [`Overflow::OwnCall`].
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.set(|config| config.overflow = overflow)
    }

    /// What becomes of those who wait for a call that fails. Default: [`OnError::Share`].
    ///
    /// # Panics
    ///
    /// If it is to be tried no time at all.
    #[must_use]
    pub fn on_error(self, policy: OnError) -> Self {
        if let OnError::Reelect { attempts } = policy {
            assert!(attempts > 0, "attempts is 0: it has to be 1 or more");
        }
        self.set(|config| config.on_error = policy)
    }

    /// What becomes of a call whose callers have all left. Default: [`Abandoned::Cancel`].
    #[must_use]
    pub fn abandoned(self, policy: Abandoned) -> Self {
        self.set(|config| config.abandoned = policy)
    }

    /// Gives finished answers again for a while. Default: no.
    #[must_use]
    pub fn window(self, window: Window) -> Self {
        self.set(|config| config.window = Some(window))
    }

    /// For how long a key is remembered whose answer was not to be shared; its requests are
    /// sent on their own without waiting for one another. Default: 60 s.
    #[must_use]
    pub fn remember(self, time: Duration) -> Self {
        self.set(|config| config.remember = time)
    }

    /// The layer's name in the Cache-Status (RFC 9211) of answers that were made for another
    /// request; `None` leaves the field alone. Where a cache outside reports it, that is left
    /// to the cache. Default: `scrimp-coalesce`.
    ///
    /// # Panics
    ///
    /// If the name is not a token (RFC 9651 §3.3.4).
    #[must_use]
    pub fn cache_status(self, name: Option<&str>) -> Self {
        let status = name.map(|name| {
            Status::named(name).unwrap_or_else(|| {
                panic!("cache_status is {name:?}: it has to be a token, such as edge-1")
            })
        });
        self.set(|config| config.status = status)
    }

    /// Where the time comes from. Default: the machine's clocks.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.set(|config| config.clock = clock)
    }

    /// Books calls made and avoided, per tenant.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// What a call costs if the answer does not carry a
    /// [`Charge`](scrimp_core::extensions::Charge). Default: nothing.
    #[must_use]
    pub fn price(self, price: Money) -> Self {
        self.set(|config| config.price = price)
    }

    /// A handle to look at the layer with, and to make it forget.
    #[must_use]
    pub fn handle(&self) -> CoalesceHandle {
        CoalesceHandle(Arc::clone(&self.owner().common))
    }

    /// What the layer has done so far, and what is in flight.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.handle().stats()
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        // Services and clones made before keep what they were made with.
        self.owner = Arc::default();
        self
    }

    fn owner(&self) -> Arc<Owner> {
        let make = || {
            Since::listen();
            Owner::new(self.config.clone())
        };
        Arc::clone(self.owner.get_or_init(make))
    }
}

impl Default for CoalesceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CoalesceLayer {
    type Service = Coalesce<S>;

    fn layer(&self, inner: S) -> Coalesce<S> {
        Coalesce::from_parts(inner, self.owner())
    }
}

impl fmt::Debug for CoalesceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
