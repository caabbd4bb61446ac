//! The layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{Extensions, Uri};
use scrimp_core::{Ledger, Money, RetryBudget};
use scrimp_http::{credentials::Credentials, target::TargetUri};
use tokio::sync::Semaphore;
use tower_layer::Layer;

use crate::{
    Batch, BatchCodec, BatchStats, RateLimit, common::Common, config::Config, engine::Window,
    job_size, stats::Counters,
};

/// Puts requests together that come at about the same time, and sends them as one.
///
/// `C` is the [`BatchCodec`]: what batches look like to the upstream. Requests that it does
/// not take go through untouched, and so does one that has no company: it is sent as it was,
/// and its response streams.
///
/// All services of a layer share what it has learned, its limits and its retry budget. A batch
/// is made of requests to one service only.
pub struct BatchLayer<C> {
    codec: Arc<C>,
    config: Config,
    budget: RetryBudget,
    limiter: Option<Arc<dyn RateLimit>>,
    stats: Arc<Counters>,
    /// Made by the first call of `layer`, for all clones that are set alike: axum clones a layer
    /// for each service it makes.
    common: Arc<OnceLock<Arc<Common<Arc<C>>>>>,
}

// === impl BatchLayer ===

impl<C: BatchCodec> BatchLayer<C> {
    /// Sends at once while nothing is in flight, and collects while something is.
    #[must_use]
    pub fn new(codec: C) -> Self {
        Self {
            codec: Arc::new(codec),
            config: Config::new(),
            budget: RetryBudget::new(0.2, 100),
            limiter: None,
            stats: Arc::default(),
            common: Arc::default(),
        }
    }

    /// How long requests are held back. Default: [`Window::economic`] if both
    /// [`price`](Self::price) and [`price_of_waiting`](Self::price_of_waiting) are set, with
    /// [`Window::DEFAULT_MOST`]; else [`Window::when_idle`] with 50 ms at most.
    #[must_use]
    pub fn window(self, window: Window) -> Self {
        self.set(|config| config.window = Some(window))
    }

    /// What one call of the upstream costs, and so what each call avoided saves.
    #[must_use]
    pub fn price(self, call: Money) -> Self {
        self.set(|config| config.price = Some(call))
    }

    /// What it is worth if one request waits one second less.
    #[must_use]
    pub fn price_of_waiting(self, second: Money) -> Self {
        self.set(|config| config.waiting = Some(second))
    }

    /// Requests in a batch, within 1 and what the codec takes. Default: the latter.
    ///
    /// # Panics
    ///
    /// If it is outside of that.
    #[must_use]
    pub fn max_items(self, items: usize) -> Self {
        let most = self.codec.max_items();
        assert!(
            (1..=most).contains(&items),
            "BatchLayer::max_items: must be within 1 and {most}, which is what the codec takes, \
             not {items}"
        );
        self.set(|config| config.items = Some(items))
    }

    /// Chooses [`max_items`](Self::max_items) for a job of so many requests: 50 for fewer than
    /// 1,000, so that a failure hits few; what the codec takes for more than 100,000; else
    /// 100.
    #[must_use]
    pub fn job_size(self, requests: usize) -> Self {
        let items = job_size(requests, self.codec.max_items());
        self.max_items(items)
    }

    /// Bytes of all bodies in a batch. Default: 1 MiB.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.set(|config| config.bytes = bytes)
    }

    /// Weight of all items in a batch, as the codec weighs them. Default: what the codec takes.
    #[must_use]
    pub fn max_weight(self, weight: u64) -> Self {
        self.set(|config| config.weight = Some(weight))
    }

    /// Bytes of a body that may go into a batch; requests with larger ones, or of unknown
    /// length, go through untouched. A GET that has no body by its framing has one of length 0,
    /// whatever a layer around it hides. Default: 64 KiB.
    #[must_use]
    pub fn max_request(self, bytes: u64) -> Self {
        self.set(|config| config.max_request = bytes)
    }

    /// Bytes of an answer to a batch. Default: 16 MiB.
    #[must_use]
    pub fn max_answer(self, bytes: usize) -> Self {
        self.set(|config| config.max_answer = bytes)
    }

    /// Calls in flight at a time for one lane, which is an authority, path, tenant and set of
    /// credentials. Default: any number.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn concurrency(self, calls: usize) -> Self {
        assert!(
            calls > 0,
            "BatchLayer::concurrency: must be 1 or more, not 0"
        );
        self.set(|config| config.concurrency = Some(calls))
    }

    /// Requests in line or in flight, over all services of this layer; more of them wait
    /// their turn before they get in line. Default: 10,000.
    ///
    /// # Panics
    ///
    /// If it is 0, or more than a semaphore can count.
    #[must_use]
    pub fn max_waiting(self, requests: usize) -> Self {
        let range = 1..=Semaphore::MAX_PERMITS;
        assert!(
            range.contains(&requests),
            "BatchLayer::max_waiting: must be within 1 and {}, not {requests}",
            Semaphore::MAX_PERMITS
        );
        self.set(|config| config.places = requests)
    }

    /// How long a batch may take before its requests are sent one by one, or, if that could
    /// do them twice, given up. It is shortened where a request's deadline would leave no time
    /// for that. Default: 5 s.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        assert!(
            !limit.is_zero(),
            "BatchLayer::timeout: must be more than 0 s"
        );
        self.set(|config| config.timeout = limit)
    }

    /// How often an item that failed for the moment is tried again, alone. Default: 2.
    #[must_use]
    pub fn retries(self, attempts: u32) -> Self {
        self.set(|config| config.retries = attempts)
    }

    /// What bounds retries and what is sent one by one after a time-out; give the same to all
    /// layers that try again. Default: one in five requests, and 100 to start with.
    #[must_use]
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self.common = Arc::default();
        self
    }

    /// A rate to stay within; a batch counts as many as it has items. Default: none.
    #[must_use]
    pub fn rate_limit(mut self, limit: impl RateLimit) -> Self {
        self.limiter = Some(Arc::new(limit));
        self.common = Arc::default();
        self
    }

    /// Whether equal requests without effects are sent once per batch. Default: yes.
    #[must_use]
    pub fn dedupe(self, dedupe: bool) -> Self {
        self.set(|config| config.dedupe = dedupe)
    }

    /// Lets requests of different [tenants](scrimp_core::extensions::Tenant) share batches, if
    /// their credentials are the same. They then get equal shares of them. Default: they do
    /// not share.
    #[must_use]
    pub fn share_tenants(self) -> Self {
        self.set(|config| config.share_tenants = true)
    }

    /// Lets requests to different services of this layer share batches: any of them may get the
    /// batch, or a request of another that has no company, so **all of them have to lead to the
    /// same place**. Default: they do not share.
    ///
    /// This is for `Router::fallback(handler).layer(..)` in axum, which makes the service of a
    /// handler anew for each connection, so that requests of different connections never meet.
    /// Clients, and `Router::fallback_service(app).layer(..)`, do not need it.
    #[must_use]
    pub fn share_services(self) -> Self {
        self.set(|config| config.share_services = true)
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
    /// let layer = BatchLayer::new(RestJson::new("/batch"))
    ///     .credentials(Credentials::default().with(badge));
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        let fields = fields.into();
        self.set(|config| config.credentials = fields)
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
    /// let layer = BatchLayer::new(JsonRpc::new())
    ///     .target_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0));
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn target_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.set(|config| config.target_uri = TargetUri::new(find))
    }

    /// Books calls made and avoided, per tenant.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.set(|config| config.ledger = Some(ledger))
    }

    /// What the layer has done so far.
    #[must_use]
    pub fn stats(&self) -> BatchStats {
        self.stats.read()
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self.common = Arc::default();
        self
    }

    fn common(&self) -> Arc<Common<Arc<C>>> {
        Arc::clone(self.common.get_or_init(|| {
            Arc::new(Common::new(
                Arc::clone(&self.codec),
                self.config.clone(),
                self.budget.clone(),
                self.limiter.clone(),
                Arc::clone(&self.stats),
            ))
        }))
    }
}

impl<S, C: BatchCodec> Layer<S> for BatchLayer<C> {
    type Service = Batch<S, C>;

    fn layer(&self, inner: S) -> Batch<S, C> {
        Batch::new(inner, self.common())
    }
}

impl<C> Clone for BatchLayer<C> {
    fn clone(&self) -> Self {
        Self {
            codec: Arc::clone(&self.codec),
            config: self.config.clone(),
            budget: self.budget.clone(),
            limiter: self.limiter.clone(),
            stats: Arc::clone(&self.stats),
            common: Arc::clone(&self.common),
        }
    }
}

impl<C> fmt::Debug for BatchLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
