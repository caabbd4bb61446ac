//! The layer.

use std::{fmt, sync::Arc};

use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;

use super::{Answers, Group, GroupError, GroupLayerBuilder, config::Config};
use crate::{GroupStats, stats::Counters};

/// Makes a service of `Req` from a service of `Vec<Req>`: one call for many requests.
///
/// The inner service gets up to [`max_items`](GroupLayerBuilder::max_items) requests at once, and
/// returns their [`Answers`]. Each caller gets its own answer, or a [`GroupError`].
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
    shared: Arc<Shared<Req>>,
}

/// The settings and places of all services of a layer.
pub(crate) struct Shared<Req> {
    pub(crate) config: Config<Req>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) stats: Counters,
}

// === impl GroupLayer ===

impl<Req> GroupLayer<Req> {
    /// Returns a layer that sends at once while no call is in flight, with up to 100 requests in a
    /// batch.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(Config::new())
    }

    /// Returns a builder with default settings.
    pub fn builder() -> GroupLayerBuilder<Req> {
        GroupLayerBuilder::new()
    }

    pub(crate) fn from_config(config: Config<Req>) -> Self {
        let places = Arc::new(Semaphore::new(config.lanes.places));
        let stats = Counters::default();
        Self {
            shared: Arc::new(Shared {
                config,
                places,
                stats,
            }),
        }
    }

    /// Returns the counts of the layer so far.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.shared.stats.read_group()
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
            shared: Arc::clone(&self.shared),
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
        Group::new(inner, Arc::clone(&self.shared))
    }
}

impl<Req> fmt::Debug for GroupLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLayer")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
