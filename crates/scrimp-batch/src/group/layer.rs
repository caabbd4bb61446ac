//! The layer.

use std::{fmt, sync::Arc};

use scrimp_core::KeyBuf;
use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Answers, Group, GroupError, GroupLayerBuilder,
    config::{Config, IdentityFn},
    service::Distinct,
};
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
    pub(super) shared: Arc<Shared<Req>>,
}

/// A [`GroupLayer`] that sends equal requests of a batch once. Made by [`GroupLayer::distinct`].
///
/// Its answers can be cloned, and so it is a layer of its own.
pub struct DistinctGroupLayer<Req> {
    group: GroupLayer<Req>,
    identity: Arc<IdentityFn<Req>>,
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

    /// Returns a layer that sends equal requests of a batch once, and gives each caller a clone of the
    /// answer. Requests are equal if `identity` writes equal keys. It shares settings, limits and counts
    /// with this layer.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use scrimp_batch::GroupLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let users = service_fn(|ids: Vec<u32>| async move {
    ///     assert_eq!(ids, [7, 1]);
    ///     Ok::<_, Infallible>(ids.iter().map(|id| format!("user {id}")).collect::<Vec<_>>())
    /// });
    /// let user = GroupLayer::new()
    ///     .distinct(|id: &u32, key| {
    ///         key.part(&id.to_le_bytes());
    ///     })
    ///     .layer(users);
    /// let answers = [7, 1, 7, 7].map(|id| user.clone().oneshot(id));
    /// let answers = futures_util::future::join_all(answers).await;
    /// assert_eq!(answers[3].as_deref(), Ok("user 7"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn distinct(
        &self,
        identity: impl Fn(&Req, &mut KeyBuf) + Send + Sync + 'static,
    ) -> DistinctGroupLayer<Req> {
        DistinctGroupLayer {
            group: self.clone(),
            identity: Arc::new(identity),
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
        Group::new(inner, Arc::clone(&self.shared), None)
    }
}

// === impl DistinctGroupLayer ===

impl<Req> DistinctGroupLayer<Req> {
    /// Returns the counts of the layer so far, and of the one that it was made from.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.group.stats()
    }
}

impl<Req> Clone for DistinctGroupLayer<Req> {
    fn clone(&self) -> Self {
        Self {
            group: self.group.clone(),
            identity: Arc::clone(&self.identity),
        }
    }
}

impl<S, Req, R> Layer<S> for DistinctGroupLayer<Req>
where
    S: Service<Vec<Req>, Response = R>,
    R: Answers,
    R::Item: Clone,
{
    type Service = Group<S, Req, Result<R::Item, GroupError>>;

    fn layer(&self, inner: S) -> Self::Service {
        let distinct = Distinct {
            identity: Arc::clone(&self.identity),
            copy: Clone::clone,
        };
        Group::new(inner, Arc::clone(&self.group.shared), Some(distinct))
    }
}

impl<Req> fmt::Debug for DistinctGroupLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistinctGroupLayer")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl<Req> fmt::Debug for GroupLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLayer")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
