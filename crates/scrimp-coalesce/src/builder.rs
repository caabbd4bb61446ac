//! The builder of the layer.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, HeaderName, Uri, request::Parts};
use scrimp_core::{BoxError, Clock, Key, KeyBy, Ledger, Money, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    Abandoned, CoalesceLayer, OnError, Overflow, ReuseWindow, SlowReader,
    config::{Config, NANOSECOND, Status, YEAR},
};

/// Collects the settings of a [`CoalesceLayer`].
#[derive(Clone)]
#[must_use = "a layer is made by `build`"]
pub struct CoalesceLayerBuilder(Settings<Config>);

scrimp_core::unbuilt!(CoalesceLayerBuilder);

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

    /// Sets the function that finds the target URI among a request's extensions. A router that
    /// passes on a part of the path keeps the whole URI there. Default: with the feature `axum`,
    /// the URI that axum keeps; otherwise the request's own URI.
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|config| config.target_uri = TargetUri::new(find))
    }

    /// Sets the request fields that identify the caller: requests that differ in one of them
    /// never share a response. Default: all known ones, including cookies.
    ///
    /// The key contains all request fields except those that only trace a call or describe the
    /// client. A field of this list is part of the key even if it is one of those. A field that
    /// was [removed](Credentials::without) is not: requests that differ in it alone share a
    /// response. With [`key_with`](Self::key_with), that function alone decides.
    ///
    /// ```
    /// use http::HeaderName;
    /// use scrimp_coalesce::{CoalesceLayer, Credentials};
    ///
    /// let tenant = HeaderName::from_static("x-tenant-id"); // changes no response here
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

    /// Adds a function that tells which requests are private, by their extensions and fields.
    /// Default: none.
    ///
    /// A private request is sent on its own. The function is asked when the request comes, and
    /// again when the head of its response comes, with the extensions and fields that the request
    /// had: a response to a request that has become private goes to this caller only, and the
    /// requests of the others are sent. Inner layers that share responses ask it too, and this layer
    /// asks those of a cache outside, so that one setting covers a stack. It runs for every request,
    /// and should only look things up.
    ///
    /// This is for what a response does not show, above all a session layer *outside*, which adds
    /// Set-Cookie after the response was shared. With tower-sessions:
    ///
    /// ```
    /// use scrimp_coalesce::CoalesceLayer;
    /// use tower_sessions::Session;
    ///
    /// let layer = CoalesceLayer::builder()
    ///     .private_if(|extensions, _| {
    ///         let session = extensions.get::<Session>();
    ///         session.is_some_and(|session| session.id().is_some() || session.is_modified())
    ///     })
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_coalesce::SettingError>(())
    /// ```
    ///
    /// With axum-login the lines are the same, for `axum_login::tower_sessions::Session`: the type
    /// has to be that of the very version of tower-sessions that the outer layer comes from. A
    /// session layer *inside* needs none of this: the layer sees Cookie and Set-Cookie themselves.
    pub fn private_if(
        self,
        is_private: impl Fn(&Extensions, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|config| config.private_if.add(is_private))
    }

    /// Omits these request fields from the key, besides those that only trace a call or describe
    /// the client (`User-Agent`, `traceparent`, `X-Forwarded-For`, …). All other fields are part
    /// of the key. A response whose Vary names an omitted field is not shared.
    ///
    /// A [credential](Self::credentials) that is named here is omitted too: users who differ in
    /// it alone then get one another's responses.
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

    /// Sets the function that makes keys, in place of target and fields. Tenant and method stay
    /// part of the key. Vary is compared with each waiter's request. `None` sends a request on
    /// its own.
    ///
    /// **The key must contain everything that makes a response specific to one user**: without
    /// the credentials, or a substitute for them, users get each other's responses.
    pub fn key_with(self, key: impl Fn(&Parts) -> Option<Key> + Send + Sync + 'static) -> Self {
        self.with(|config| config.key = Some(Arc::new(key)))
    }

    /// Sets a function that adds a part to the key of every request, here and in the layers inside: what
    /// responses depend on besides target, tenant and fields. It only adds, and so cannot let users get each
    /// other's responses; [`KeyBy`] says what it must and must not do. A request whose part is too long is
    /// sent on its own. Default: nothing.
    pub fn key_by(self, by: KeyBy) -> Self {
        self.with(|config| config.key_by = by)
    }

    /// Shares event streams and the like too: server-sent events, lines and sequences of JSON,
    /// `multipart/mixed`, gRPC ([`scrimp_http::media_type::is_stream`]).
    ///
    /// Subscribers usually want streams of their own: without this, such a response goes to the caller
    /// whose request was sent, and the others make their own calls as soon as its head has come. With it,
    /// callers read one stream, each from its first byte, while that is within
    /// [`max_bytes`](Self::max_bytes). This is for streams that are the same for all and have an end,
    /// such as the answer of a language model. They are not [reused](Self::window) after it.
    pub fn share_events(self) -> Self {
        self.with(|config| config.share_events = true)
    }

    /// Shares POST requests with equal bodies too. Suits queries that only look like writes:
    /// GraphQL, search, language models. Needs a
    /// [`BodyDigestLayer`](scrimp_core::BodyDigestLayer) outside.
    pub fn share_posts_by_digest(self) -> Self {
        self.with(|config| config.posts_by_digest = true)
    }

    /// Shares POST requests with the same `Idempotency-Key`: the second is a retry of the first.
    /// Bodies are compared if there is a [`BodyDigestLayer`](scrimp_core::BodyDigestLayer)
    /// outside. Otherwise they count as equal, as the key says.
    pub fn share_posts_by_idempotency_key(self) -> Self {
        self.with(|config| config.posts_by_idempotency_key = true)
    }

    /// Sets how many bytes of a body in flight are kept for late callers and slow readers.
    /// Default: 1 MiB. Range: 1 or more.
    pub fn max_bytes(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.max_bytes = bytes;
        Self(self.0.within("max_bytes", bytes, 1.., set))
    }

    /// Sets how many bytes are kept of all bodies in flight together, within a chunk per body.
    /// Above this limit, no body keeps bytes for late callers, who make calls of their own, and
    /// slow readers are [waited for](Self::patience) and cut off as at
    /// [`max_bytes`](Self::max_bytes). Default: 64 MiB. Range: 1 or more.
    pub fn max_total_bytes(self, bytes: usize) -> Self {
        let set = |config: &mut Config, bytes| config.max_total_bytes = bytes;
        Self(self.0.within("max_total_bytes", bytes, 1.., set))
    }

    /// Sets the policy for a reader that falls further behind than
    /// [`max_bytes`](Self::max_bytes). Default: [`SlowReader::Fail`].
    pub fn slow_reader(self, slow: SlowReader) -> Self {
        self.with(|config| config.slow_reader = slow)
    }

    /// Sets how long, in total, the others wait for a reader further behind than
    /// [`max_bytes`](Self::max_bytes) before it is cut off. Default: 100 ms, enough for a reader
    /// that has only not been polled yet. Range: zero or more. Above zero, needs a tokio runtime.
    pub fn patience(self, time: Duration) -> Self {
        self.with(|config| config.patience = time)
    }

    /// Sets how many requests may wait for the response to one key's call, besides the request
    /// that is sent. Callers that read the response do not count. Default: any number. Range:
    /// zero or more.
    pub fn max_waiters(self, waiters: usize) -> Self {
        self.with(|config| config.max_waiters = waiters)
    }

    /// Sets how many keys may be in flight. Above 1,023 the limit is divided among 64 parts of
    /// the keys. Default: 65,536. Range: 1 or more.
    pub fn max_keys(self, keys: usize) -> Self {
        let set = |config: &mut Config, keys| config.max_keys = keys;
        Self(self.0.within("max_keys", keys, 1.., set))
    }

    /// Sets how long a request waits for the response to another request's call. Default: no
    /// limit. Range: more than zero. Needs a tokio runtime.
    pub fn max_wait(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.max_wait = Some(time);
        Self(self.0.within("max_wait", time, NANOSECOND.., set))
    }

    /// Sets the policy for a request above the limit. Default: [`Overflow::OwnCall`].
    pub fn overflow(self, overflow: Overflow) -> Self {
        self.with(|config| config.overflow = overflow)
    }

    /// Sets the policy for callers that wait for a call that fails. Default: [`OnError::Share`].
    /// Range: [`OnError::Reelect`] takes 1 attempt or more.
    pub fn on_error(self, policy: OnError) -> Self {
        let set = |config: &mut Config, policy| config.on_error = policy;
        Self(self.0.checked(policy.checked(), set))
    }

    /// Sets the policy for a call whose callers have all left. Default: [`Abandoned::Cancel`].
    pub fn abandoned(self, policy: Abandoned) -> Self {
        self.with(|config| config.abandoned = policy)
    }

    /// Sets the window in which finished responses are reused. Default: no window. Range: see
    /// the setters of [`ReuseWindow`].
    pub fn window(self, window: ReuseWindow) -> Self {
        let set = |config: &mut Config, window| config.window = Some(window);
        Self(self.0.checked(window.checked(), set))
    }

    /// Sets how long a key with an unshareable response is remembered. Its requests are sent on
    /// their own, without waiting for one another. Default: 60 s. Range: up to 365 days.
    pub fn remember(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.remember = time;
        Self(self.0.within("remember", time, ..=YEAR, set))
    }

    /// Sets the layer's name in the Cache-Status (RFC 9211) of responses that were made for
    /// another request. `None` adds nothing to the field. A cache outside reports this in place
    /// of the layer. Default: `scrimp-coalesce`. Range: a token (RFC 9651 §3.3.4).
    pub fn cache_status(self, name: Option<&str>) -> Self {
        let set = |config: &mut Config, status| config.status = status;
        Self(self.0.checked(name.map(Status::named).transpose(), set))
    }

    /// Sets the source of time. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|config| config.clock = clock)
    }

    /// Sets the ledger that records calls made and avoided, per tenant. Default: no ledger.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.with(|config| config.ledger = Some(ledger))
    }

    /// Sets the cost of a call whose response carries no
    /// [`Charge`](scrimp_core::extensions::Charge): a [`Money`], or its text. Default: zero.
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
    /// Returns the first setting that is out of its range.
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
