//! The layer.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::KeyBuf;
use tokio::{sync::Semaphore, time::Instant};
use tower_layer::Layer;
use tower_service::Service;

use super::{Answers, Group, GroupError, config::Config};
use crate::engine::Window;

/// Makes one call of many: a service of `Req` from a service of `Vec<Req>`.
///
/// The inner service gets up to [`max_items`](Self::max_items) requests at once and returns
/// their [`Answers`]. Each caller gets its own answer, or a [`GroupError`].
///
/// ```
/// use std::convert::Infallible;
/// use scrimp_batch::GroupLayer;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let squares = service_fn(|many: Vec<u64>| async move {
///     Ok::<_, Infallible>(many.into_iter().map(|n| n * n).collect::<Vec<_>>())
/// });
/// let square = GroupLayer::new().layer(squares);
/// let answers = futures_util::future::join_all((1..=3).map(|n| square.clone().oneshot(n))).await;
/// assert_eq!(answers, [Ok(1), Ok(4), Ok(9)]); // one call
/// # Ok(()) }
/// ```
pub struct GroupLayer<Req> {
    config: Config<Req>,
    places: Arc<Semaphore>,
}

// === impl GroupLayer ===

impl<Req> GroupLayer<Req> {
    /// Sends at once while nothing is in flight, up to 100 requests in a batch.
    #[must_use]
    pub fn new() -> Self {
        let config = Config::new();
        let places = Arc::new(Semaphore::new(config.places));
        Self { config, places }
    }

    /// How long to collect. Default: [`Window::when_idle`], 10 ms at most.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.config.window = window;
        self
    }

    /// Requests in a batch. Default: 100.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn max_items(mut self, items: usize) -> Self {
        assert!(items > 0, "GroupLayer::max_items: must be 1 or more, not 0");
        self.config.items = items;
        self
    }

    /// Weight of a batch's requests taken together, where `weigh` tells one's. A request that
    /// is heavier by itself goes alone. Default: no limit, each weighs 1.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn max_weight(
        mut self,
        weight: u64,
        weigh: impl Fn(&Req) -> u32 + Send + Sync + 'static,
    ) -> Self {
        assert!(
            weight > 0,
            "GroupLayer::max_weight: must be 1 or more, not 0"
        );
        self.config.weight = weight;
        self.config.weigh = Some(Arc::new(weigh));
        self
    }

    /// Calls of one lane in flight at a time. Default: any number.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        assert!(
            calls > 0,
            "GroupLayer::concurrency: must be 1 or more, not 0"
        );
        self.config.concurrency = Some(calls);
        self
    }

    /// Requests in line or in flight, over all services of this layer; more of them wait
    /// their turn before they get in line. Default: 10,000.
    ///
    /// # Panics
    ///
    /// If it is 0, or more than a semaphore can count.
    #[must_use]
    pub fn max_waiting(mut self, requests: usize) -> Self {
        let range = 1..=Semaphore::MAX_PERMITS;
        assert!(
            range.contains(&requests),
            "GroupLayer::max_waiting: must be within 1 and {}, not {requests}",
            Semaphore::MAX_PERMITS
        );
        self.config.places = requests;
        self.places = Arc::new(Semaphore::new(requests));
        self
    }

    /// How long a call may take. Default: 5 s. `None`: as long as it likes.
    #[must_use]
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.timeout = limit.into();
        self
    }

    /// Only requests for which `lane` writes the same key share a batch. Default: all do.
    #[must_use]
    pub fn lane(mut self, lane: impl Fn(&Req, &mut KeyBuf) + Send + Sync + 'static) -> Self {
        self.config.lane = Some(Arc::new(lane));
        self
    }

    /// Whom a request is for. Tenants share batches, and get equal shares of them when there
    /// are more requests than fit. Default: nobody.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Fn(&Req) -> Arc<str> + Send + Sync + 'static) -> Self {
        self.config.tenant = Some(Arc::new(tenant));
        self
    }

    /// When the caller of a request stops waiting; it is not held back past that. Default:
    /// never.
    #[must_use]
    pub fn deadline(
        mut self,
        deadline: impl Fn(&Req) -> Option<Instant> + Send + Sync + 'static,
    ) -> Self {
        self.config.deadline = Some(Arc::new(deadline));
        self
    }
}

impl<Req> Default for GroupLayer<Req> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Req> Clone for GroupLayer<Req> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            places: Arc::clone(&self.places),
        }
    }
}

impl<S, Req, R> Layer<S> for GroupLayer<Req>
where
    S: Service<Vec<Req>, Response = R>,
    R: Answers,
{
    type Service = Group<S, Req, Result<R::Item, GroupError>>;

    fn layer(&self, inner: S) -> Self::Service {
        Group::new(inner, self.config.clone(), Arc::clone(&self.places))
    }
}

impl<Req> fmt::Debug for GroupLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
