//! The builder.

use std::{fmt, ops::Bound, sync::Arc, time::Duration};

use http::{Extensions, Uri};
use scrimp_core::{BoxError, Ledger, Money, RetryBudget, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{
    BatchCodec, BatchLayer, RateLimit,
    config::{Config, Limiter},
    http::Common,
    job_size,
    settings::lane_setters,
};

/// The type that errors of settings name.
const OWNER: &str = "BatchLayer";

/// Builds a [`BatchLayer`]. Made by [`BatchLayer::builder`].
///
/// Setters can be chained and do not fail. [`build`](Self::build) reports the first setting that
/// is out of its range.
#[must_use = "a builder does nothing until `build` is called"]
pub struct BatchLayerBuilder<C> {
    codec: C,
    settings: Settings<Config>,
}

scrimp_core::unbuilt!(BatchLayerBuilder<C>, C);

// === impl BatchLayer ===

impl<C: BatchCodec> BatchLayer<C> {
    /// Starts a layer that sends at once while no call is in flight, and collects while one is.
    pub fn builder(codec: C) -> BatchLayerBuilder<C> {
        BatchLayerBuilder::new(codec)
    }
}

// === impl BatchLayerBuilder ===

impl<C: BatchCodec> BatchLayerBuilder<C> {
    fn new(codec: C) -> Self {
        Self {
            codec,
            settings: Settings::new(OWNER, Config::new()),
        }
    }

    lane_setters! {
        Config,
        window: "Sets the time for which requests are held back. Default: \
            [`BatchWindow::economic`](crate::BatchWindow::economic) with \
            [`BatchWindow::DEFAULT_MOST`](crate::BatchWindow::DEFAULT_MOST) if both \
            [`price`](Self::price) and [`price_of_waiting`](Self::price_of_waiting) are set; else \
            [`BatchWindow::when_idle`](crate::BatchWindow::when_idle) with 50 ms at most.",
        concurrency: "Limits the calls in flight for one lane. Requests of one lane have equal \
            scheme, authority, tenant, credentials and parts that the codec adds. Range: 1 or \
            more. Default: no limit.",
        max_lanes: "Limits the lanes that are kept beside those with requests in line or in \
            flight, for each service. A client names lanes, by its credentials or a Host. The one \
            unused for longest is dropped, with what it has learned of the upstream. Range: 1 or \
            more. Default: 4,096."
    }

    /// Sets the price of one call of the upstream, which each avoided call saves: `"0.01"`,
    /// `"0.01 EUR"` or a [`Money`]. Range: not negative. Default: no price.
    pub fn price(self, call: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let price = SettingError::amount(OWNER, "price", call);
        self.checked(price, |config, price| config.price = Some(price))
    }

    /// Sets the price of one second of waiting for one request. Range: above zero, in the currency
    /// of [`price`](Self::price). Default: no price.
    pub fn price_of_waiting(self, second: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let price = SettingError::amount(OWNER, "price_of_waiting", second);
        self.checked(price, |config, price| config.waiting = Some(price))
    }

    /// Limits the requests in a batch. Range: 1 to the codec's limit. Default: the codec's limit.
    pub fn max_items(self, items: usize) -> Self {
        let most = self.codec.max_items();
        self.within("max_items", items, 1..=most, |config, items| {
            config.items = Some(items);
        })
    }

    /// Sets [`max_items`](Self::max_items) for a job of this many requests: 50 for fewer than
    /// 1,000, so that a failure affects few; the codec's limit for more than 100,000; else 100.
    pub fn job_size(self, requests: usize) -> Self {
        let items = job_size(requests, self.codec.max_items());
        self.max_items(items)
    }

    /// Limits the bytes of all bodies in a batch. Range: 1 or more. Default: 1 MiB.
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.within("max_bytes", bytes, 1.., |config, bytes| {
            config.bytes = bytes;
        })
    }

    /// Limits the weight of all items in a batch, as the codec weighs them. Range: 1 to the codec's
    /// limit. Default: the codec's limit.
    pub fn max_weight(self, weight: u64) -> Self {
        let most = self.codec.max_weight();
        self.within("max_weight", weight, 1..=most, |config, weight| {
            config.weight = Some(weight);
        })
    }

    /// Limits the bytes of a request body in a batch. Requests with a larger body, or one of unknown
    /// length, pass through unchanged. If an outer layer hides the length, a request counts as empty
    /// if its framing says so and its method has no use for content, such as GET. With 0, only
    /// requests without a body are batched. Default: 64 KiB.
    pub fn max_request(self, bytes: u64) -> Self {
        self.setting(|config| config.max_request = bytes)
    }

    /// Limits the bytes of an answer to a batch, also without its content coding. Range: 1 or more.
    /// Default: 16 MiB.
    pub fn max_answer(self, bytes: usize) -> Self {
        self.within("max_answer", bytes, 1.., |config, bytes| {
            config.max_answer = bytes;
        })
    }

    /// Limits the time of a call. After a batch that timed out, its requests are sent one by one if
    /// they may be repeated, and answered by a problem document if not. The limit is shorter if a
    /// request's deadline would leave no time for a second call. Range: above 0. Default: 5 s.
    pub fn timeout(self, limit: Duration) -> Self {
        let range = (Bound::Excluded(Duration::ZERO), Bound::Unbounded);
        self.within("timeout", limit, range, |config, limit| {
            config.timeout = limit;
        })
    }

    /// Limits the retries of an item with a transient failure, which is retried alone, and of items that
    /// the upstream did not carry out for a limit of its own, which are sent again together. Default: 2.
    pub fn retries(self, attempts: u32) -> Self {
        self.setting(|config| config.retries = attempts)
    }

    /// Sets the budget for retries, and for requests that are sent one by one after a time-out.
    /// All layers that retry should share one budget. Default: one in five requests, and 100 at
    /// the start.
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.setting(|config| config.retry_budget = budget)
    }

    /// Sets a rate limit. A batch counts as many requests as it has items. Default: none.
    pub fn rate_limit(self, limit: impl RateLimit) -> Self {
        self.setting(|config| config.rate_limit = Some(Limiter(Arc::new(limit))))
    }

    /// Sends equal requests without effects once per batch, if true. They take the room of one. Default:
    /// true.
    pub fn dedupe(self, dedupe: bool) -> Self {
        self.setting(|config| config.dedupe = dedupe)
    }

    /// Lets requests of different [tenants](scrimp_core::extensions::Tenant) share batches if their
    /// credentials are equal. Each tenant gets an equal share of a batch. Default: they do not
    /// share.
    ///
    /// The envelope has [`TenantShares`](scrimp_core::extensions::TenantShares) in place of a
    /// tenant, and each tenant pays for its own items, by their weights. If a layer inside, such as
    /// scrimp's `CostRouteLayer`, refuses to pay for some of the tenants, their callers get the
    /// refusal, and the batch is sent without their items.
    pub fn share_tenants(self) -> Self {
        self.setting(|config| config.share_tenants = true)
    }

    /// Lets requests to different services of this layer share batches. Any of the services may get
    /// the batch, or a single request to another one, so **all services must lead to the same
    /// upstream**. Default: they do not share.
    ///
    /// This is for `Router::fallback(handler).layer(..)` in axum, which makes a new service for
    /// each connection, so that requests of different connections never share a batch. Clients and
    /// `Router::fallback_service(app).layer(..)` do not need it.
    pub fn share_services(self) -> Self {
        self.setting(|config| config.share_services = true)
    }

    /// Sets the request fields that identify a caller. Requests that differ in one of them never
    /// share a batch. They are written on the envelope, and not in its items. Default: all known
    /// credentials, cookies among them.
    ///
    /// A codec whose items have header fields ([`RestJson`](crate::RestJson)) writes every other
    /// field into its item. With other codecs, only requests with equal fields share a batch.
    ///
    /// ```
    /// use http::HeaderName;
    /// use scrimp_batch::{BatchLayer, Credentials, RestJson};
    ///
    /// let badge = HeaderName::from_static("x-shop-badge");
    /// let layer = BatchLayer::builder(RestJson::new("/batch"))
    ///     .credentials(Credentials::default().with(badge))
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_batch::SettingError>(())
    /// ```
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.setting(|config| config.credentials = fields)
    }

    /// Sets a function that finds the target URI if a router has removed a part of it from the
    /// request. Default: the `OriginalUri` of axum with the feature `axum`, else the URI of the
    /// request.
    ///
    /// Inside axum's `nest`, `/v1/items` and `/v2/items` both appear as `/items`. If one service
    /// gets both (`nest("/{version}", ..)`), or if [services share](Self::share_services), only
    /// requests under one mount share a batch. The URIs in a batch are those of the requests,
    /// which the inner service expects.
    ///
    /// ```
    /// use axum::extract::OriginalUri;
    /// use scrimp_batch::{BatchLayer, JsonRpc};
    ///
    /// let layer = BatchLayer::builder(JsonRpc::new())
    ///     .target_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0))
    ///     .build()?;
    /// # let _ = layer;
    /// # Ok::<(), scrimp_batch::SettingError>(())
    /// ```
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.setting(|config| config.target_uri = TargetUri::new(find))
    }

    /// Books calls made and avoided in a ledger, per tenant. Default: none.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.setting(|config| config.ledger = Some(ledger))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, the codec cannot be used
    /// ([`BatchCodec::check`]), or the two prices are of different currencies.
    pub fn build(self) -> Result<BatchLayer<C>, SettingError> {
        let Self { codec, settings } = self;
        codec.check()?;
        let items = SettingError::within("BatchCodec", "max_items", codec.max_items(), 1..)?;
        let weight = SettingError::within("BatchCodec", "max_weight", codec.max_weight(), 1..)?;
        let config = settings.finish()?;
        // Each price may be right alone while both together make no window.
        config.window().check()?;
        let items = config.items.unwrap_or(items);
        let weight = config.weight.unwrap_or(weight);
        let common = Common::new(codec, config, items, weight);
        Ok(BatchLayer::from_common(Arc::new(common)))
    }
}

impl<C> fmt::Debug for BatchLayerBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLayerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
