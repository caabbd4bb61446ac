//! The builder and its settings.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use scrimp_core::{BoxError, RateLimit, SettingError, Settings, Tasks, root_span};
use tower_service::Service;

use super::{
    client::{CdnPurger, Shared},
    config::{Config, OWNER},
    work::work,
};
use crate::api::CdnApi;

/// Settings of a [`CdnPurger`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CdnPurgerBuilder {
    api: Arc<dyn CdnApi>,
    settings: Settings<Config>,
}

// === impl CdnPurger ===

impl CdnPurger {
    /// Starts from the default settings, for this API.
    pub fn builder(api: impl CdnApi) -> CdnPurgerBuilder {
        CdnPurgerBuilder {
            api: Arc::new(api),
            settings: Settings::new(OWNER, Config::default()),
        }
    }
}

// === impl CdnPurgerBuilder ===

impl CdnPurgerBuilder {
    /// Sets how many items may wait. If there are more, they become wider purges, such as those of
    /// their hosts, or one of everything; none is lost. Default: 10,000. Range: 16 or more.
    pub fn capacity(self, items: usize) -> Self {
        let set = |config: &mut Config, items| config.capacity = items;
        self.with(|settings| settings.within("capacity", items, 16.., set))
    }

    /// Sets how long the first purge after a pause waits for others, to be sent in one request.
    /// Default: 10 ms. Range: at most a minute.
    pub fn gather(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.gather = time;
        let range = ..=Duration::from_secs(60);
        self.with(|settings| settings.within("gather", time, range, set))
    }

    /// Sends each purge a second time, between this time and twice as long after its acceptance.
    /// Default: once only. Range: 1 ms to an hour.
    ///
    /// A server may have begun a response before a change, and the CDN may get and store it after the
    /// purge. Set the longest time that a response takes, and in a fleet that in which an invalidation
    /// reaches all servers, if it is longer.
    pub fn repeat_after(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.repeat_after = Some(time);
        let range = Duration::from_millis(1)..=Duration::from_secs(3_600);
        self.with(|settings| settings.within("repeat_after", time, range, set))
    }

    /// Sets how many requests may be under way at a time. After a failure it is one, until the CDN
    /// accepts again. Default: 4. Range: 1 to 64.
    pub fn parallel(self, requests: usize) -> Self {
        let set = |config: &mut Config, requests| config.parallel = requests;
        self.with(|settings| settings.within("parallel", requests, 1..=64, set))
    }

    /// Sets how long a request may take. Default: 30 s. Range: 1 ms or more.
    pub fn timeout(self, time: Duration) -> Self {
        let set = |config: &mut Config, time| config.timeout = time;
        let range = Duration::from_millis(1)..;
        self.with(|settings| settings.within("timeout", time, range, set))
    }

    /// Sets the wait after the first failure, and the longest one. It doubles after each failure in a
    /// row, and a random part of up to a half is left out. A CDN that names a wait (Retry-After) has
    /// it. Default: 500 ms and 60 s. Range: 1 ms or more; the longest is no shorter than the first.
    pub fn retries(self, first: Duration, longest: Duration) -> Self {
        let set = |config: &mut Config, first| config.first_retry = first;
        let last = |config: &mut Config, longest| config.last_retry = longest;
        let least = Duration::from_millis(1);
        self.with(|settings| {
            let settings = settings.within("retries", first, least.., set);
            settings.within("retries", longest, first.max(least).., last)
        })
    }

    /// Leaves out purges that the CDN cannot do, such as tags with nginx. Default: it empties its
    /// cache for each of them, as it would otherwise serve what was invalidated.
    pub fn skip_unsupported(self) -> Self {
        self.with(|settings| settings.set(|config| config.skip_unsupported = true))
    }

    /// Sets the limit on requests. Default: that of the API's documentation.
    pub fn request_limit(self, limit: impl RateLimit) -> Self {
        let limit = Arc::new(limit);
        self.with(|settings| settings.set(|config| config.request_limit = Some(limit)))
    }

    /// Sets the limit on items: keys, URLs. Default: that of the API's documentation.
    pub fn item_limit(self, limit: impl RateLimit) -> Self {
        let limit = Arc::new(limit);
        self.with(|settings| settings.set(|config| config.item_limit = Some(limit)))
    }

    /// Builds the purger, which sends its requests with this client, on the present runtime.
    ///
    /// The client may be hyper-util's, reqwest's in `scrimp::reqwest::Transport`, or any other tower
    /// service.
    ///
    /// # Errors
    ///
    /// If a setting of the purger or of the API cannot be used, or there is no tokio runtime.
    pub fn build<S, B>(self, transport: S) -> Result<CdnPurger, SettingError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let config = self.settings.finish()?;
        self.api.check()?;
        let (parallel, tasks) = (config.parallel, Tasks::default());
        let shared = Arc::new(Shared::new(self.api, config));
        for transport in std::iter::repeat_n(transport, parallel) {
            let worker = work(Arc::clone(&shared), transport);
            let started = tasks.start_in(root_span("cdn.purge"), worker);
            started.ok_or_else(|| {
                SettingError::new(OWNER, "transport", "must be given within a tokio runtime")
            })?;
        }
        Ok(CdnPurger::from_parts(shared, tasks))
    }

    fn with(self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        Self {
            settings: change(self.settings),
            ..self
        }
    }
}
