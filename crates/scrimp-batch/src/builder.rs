//! The builder.

use std::{
    fmt,
    ops::{Bound, RangeBounds},
    sync::Arc,
    time::Duration,
};

use http::{Extensions, Uri};
use scrimp_core::{BoxError, Ledger, Money, RetryBudget, SettingError, Settings};
use scrimp_http::{credentials::Credentials, target::TargetUri};
use tokio::sync::Semaphore;

use crate::{
    BatchCodec, BatchLayer, BatchWindow, RateLimit,
    common::Common,
    config::{Config, Limiter},
    job_size,
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

// === impl BatchLayerBuilder ===

impl<C: BatchCodec> BatchLayerBuilder<C> {
    pub(crate) fn new(codec: C) -> Self {
        Self {
            codec,
            settings: Settings::new(OWNER, Config::new()),
        }
    }

    /// Sets how long requests are held back. Default: [`BatchWindow::economic`] if both
    /// [`price`](Self::price) and [`price_of_waiting`](Self::price_of_waiting) are set, with
    /// [`BatchWindow::DEFAULT_MOST`]; else [`BatchWindow::when_idle`] with 50 ms at most.
    pub fn window(self, window: BatchWindow) -> Self {
        self.checked(window.check().map(|()| window), |config, window| {
            config.window = Some(window);
        })
    }

    /// Sets what one call of the upstream costs, and so what each call avoided saves: `"0.01"`,
    /// `"0.01 EUR"` or a [`Money`]. Range: not negative. Default: nothing.
    pub fn price(self, call: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let price = SettingError::amount(OWNER, "price", call);
        self.checked(price, |config, price| config.price = Some(price))
    }

    /// Sets what it is worth if one request waits one second less. Range: above zero, in the
    /// currency of [`price`](Self::price). Default: not known.
    pub fn price_of_waiting(self, second: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let price = SettingError::amount(OWNER, "price_of_waiting", second);
        self.checked(price, |config, price| config.waiting = Some(price))
    }

    /// Limits the requests in a batch. Range: 1 to what the codec takes. Default: what the codec
    /// takes.
    pub fn max_items(self, items: usize) -> Self {
        let most = self.codec.max_items();
        self.within("max_items", items, 1..=most, |config, items| {
            config.items = Some(items);
        })
    }

    /// Chooses [`max_items`](Self::max_items) for a job of so many requests: 50 for fewer than
    /// 1,000, so that a failure hits few; what the codec takes for more than 100,000; else
    /// 100.
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

    /// Limits the weight of all items in a batch, as the codec weighs them. Range: 1 to what the
    /// codec takes. Default: what the codec takes.
    pub fn max_weight(self, weight: u64) -> Self {
        let most = self.codec.max_weight();
        self.within("max_weight", weight, 1..=most, |config, weight| {
            config.weight = Some(weight);
        })
    }

    /// Limits the bytes of a body that may go into a batch. Requests with larger bodies, or of
    /// unknown length, go through untouched. A GET that has no body by its framing has one of
    /// length 0, whatever a layer around it hides. With 0 only requests without a body are put
    /// together. Default: 64 KiB.
    pub fn max_request(self, bytes: u64) -> Self {
        self.setting(|config| config.max_request = bytes)
    }

    /// Limits the bytes of an answer to a batch. Range: 1 or more. Default: 16 MiB.
    pub fn max_answer(self, bytes: usize) -> Self {
        self.within("max_answer", bytes, 1.., |config, bytes| {
            config.max_answer = bytes;
        })
    }

    /// Limits the calls in flight at a time for one lane, which is an authority, path, tenant
    /// and set of credentials. Range: 1 or more. Default: no limit.
    pub fn concurrency(self, calls: usize) -> Self {
        self.within("concurrency", calls, 1.., |config, calls| {
            config.concurrency = Some(calls);
        })
    }

    /// Limits the requests in line or in flight, over all services of this layer. Requests above
    /// it wait their turn before they get in line. Range: 1 to [`Semaphore::MAX_PERMITS`].
    /// Default: 10,000.
    pub fn max_waiting(self, requests: usize) -> Self {
        let range = 1..=Semaphore::MAX_PERMITS;
        self.within("max_waiting", requests, range, |config, requests| {
            config.places = requests;
        })
    }

    /// Sets how long a batch may take before its requests are sent one by one, or, if that could
    /// do them twice, given up. It is shortened where a request's deadline would leave no time
    /// for that. Range: above 0. Default: 5 s.
    pub fn timeout(self, limit: Duration) -> Self {
        let range = (Bound::Excluded(Duration::ZERO), Bound::Unbounded);
        self.within("timeout", limit, range, |config, limit| {
            config.timeout = limit;
        })
    }

    /// Sets how often an item that failed for the moment is tried again, alone. Default: 2.
    pub fn retries(self, attempts: u32) -> Self {
        self.setting(|config| config.retries = attempts)
    }

    /// Sets what bounds retries, and what is sent one by one after a time-out. Give the same to
    /// all layers that try again. Default: one in five requests, and 100 to start with.
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.setting(|config| config.retry_budget = budget)
    }

    /// Sets a rate to stay within. A batch counts as many requests as it has items. Default:
    /// none.
    pub fn rate_limit(self, limit: impl RateLimit) -> Self {
        self.setting(|config| config.rate_limit = Some(Limiter(Arc::new(limit))))
    }

    /// Sets whether equal requests without effects are sent once per batch. Default: yes.
    pub fn dedupe(self, dedupe: bool) -> Self {
        self.setting(|config| config.dedupe = dedupe)
    }

    /// Lets requests of different [tenants](scrimp_core::extensions::Tenant) share batches, if
    /// their credentials are the same. They then get equal shares of them. Default: they do
    /// not share.
    pub fn share_tenants(self) -> Self {
        self.setting(|config| config.share_tenants = true)
    }

    /// Lets requests to different services of this layer share batches: any of them may get the
    /// batch, or a request of another that has no company, so **all of them have to lead to the
    /// same place**. Default: they do not share.
    ///
    /// This is for `Router::fallback(handler).layer(..)` in axum, which makes the service of a
    /// handler anew for each connection, so that requests of different connections never meet.
    /// Clients, and `Router::fallback_service(app).layer(..)`, do not need it.
    pub fn share_services(self) -> Self {
        self.setting(|config| config.share_services = true)
    }

    /// Sets the request fields that say who is asking: requests that differ in one of them
    /// never share a batch. They go onto the envelope, and not into its items. Default: all
    /// known ones, cookies among them.
    ///
    /// A field that is not on the list is one like any other: a codec whose items have fields
    /// of their own ([`RestJson`](crate::RestJson)) puts it into its item, and one whose items
    /// have none lets only requests share a batch that agree in it.
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

    /// Finds the URI that the client asked for, where a router has left a part of it in the
    /// request. Default: with the feature `axum` its `OriginalUri`, else the URI that the
    /// request shows.
    ///
    /// Inside axum's `nest`, `/v1/items` and `/v2/items` both show `/items`. Where one service
    /// gets both (`nest("/{version}", ..)`), or where [services share](Self::share_services),
    /// requests share a batch only under one mount. URIs in a batch are the shown ones, which
    /// the inner service goes by.
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

    /// Books calls made and avoided, per tenant.
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

    fn setting(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.settings = self.settings.set(change);
        self
    }

    fn within<T: PartialOrd + fmt::Debug>(
        mut self,
        setting: &'static str,
        value: T,
        range: impl RangeBounds<T>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        self.settings = self.settings.within(setting, value, range, change);
        self
    }

    fn checked<T>(
        mut self,
        value: Result<T, SettingError>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        self.settings = self.settings.checked(value, change);
        self
    }
}

impl<C> fmt::Debug for BatchLayerBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLayerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
