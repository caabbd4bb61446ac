//! The layers as words of `tower::ServiceBuilder`.

#[cfg(feature = "batch")]
use scrimp_batch::BatchLayer;
#[cfg(feature = "cache")]
use scrimp_cache::CacheLayer;
#[cfg(feature = "coalesce")]
use scrimp_coalesce::CoalesceLayer;
#[cfg(feature = "cost-route")]
use scrimp_cost_route::CostRouteLayer;
#[cfg(feature = "stampede")]
use scrimp_stampede::StampedeLayer;
use tower::ServiceBuilder;
#[cfg(any(
    feature = "batch",
    feature = "cache",
    feature = "coalesce",
    feature = "cost-route",
    feature = "stack",
    feature = "stampede"
))]
use tower_layer::Stack as Pair;

#[cfg(feature = "stack")]
use crate::stack::StackLayer;

/// Adds scrimp's layers to a [`ServiceBuilder`]. What is added first is outermost.
///
/// Each method is there with the feature of its layer, and adds the layer as it is set up: keep
/// a clone of it for its figures and handles. The methods stand here in the order in which
/// the layers should; [the crate's docs](crate#in-which-order) give the reasons.
///
/// ```
/// # #[cfg(all(feature = "cache", feature = "coalesce", feature = "stampede"))] {
/// use scrimp::{
///     ServiceBuilderExt,
///     cache::{CacheLayer, MemoryStore},
///     coalesce::CoalesceLayer,
///     stampede::StampedeLayer,
/// };
/// use tower::ServiceBuilder;
///
/// let cache = CacheLayer::new(MemoryStore::new(64 << 20)); // bytes
/// let app: axum::Router = axum::Router::new()
///     .route("/products", axum::routing::get(|| async { "[]" }))
///     .layer(
///         ServiceBuilder::new()
///             .stampede(StampedeLayer::new())
///             .cache(cache.clone())
///             .coalesce(CoalesceLayer::new()),
///     );
/// # let _ = app;
/// # }
/// ```
///
/// Layers that share one error among many callers (`coalesce`, `batch`) ask for an error that
/// can be told to many: [`Infallible`](std::convert::Infallible), as on axum, or
/// [`BoxError`](crate::core::BoxError). Clients have errors of their own; put
/// `.map_err(BoxError::from)` (tower's feature `util`) behind the last layer.
pub trait ServiceBuilderExt<L>: sealed::Sealed<L> + Sized {
    /// Gives the service a type with a name: [`Stack`](crate::Stack). Goes first.
    #[cfg(feature = "stack")]
    fn stack(self) -> ServiceBuilder<Pair<StackLayer, L>>;

    /// Refreshes answers before they expire, and fills cold keys once.
    #[cfg(feature = "stampede")]
    fn stampede(self, layer: StampedeLayer) -> ServiceBuilder<Pair<StampedeLayer, L>>;

    /// Answers from store.
    #[cfg(feature = "cache")]
    fn cache<St>(self, layer: CacheLayer<St>) -> ServiceBuilder<Pair<CacheLayer<St>, L>>;

    /// Lets equal requests at the same time share one call.
    #[cfg(feature = "coalesce")]
    fn coalesce(self, layer: CoalesceLayer) -> ServiceBuilder<Pair<CoalesceLayer, L>>;

    /// Puts many small calls into one.
    #[cfg(feature = "batch")]
    fn batch<C>(self, layer: BatchLayer<C>) -> ServiceBuilder<Pair<BatchLayer<C>, L>>;

    /// Sends each request to the cheapest provider that is good enough.
    #[cfg(feature = "cost-route")]
    fn cost_route(self, layer: CostRouteLayer) -> ServiceBuilder<Pair<CostRouteLayer, L>>;
}

mod sealed {
    pub trait Sealed<L> {}
    impl<L> Sealed<L> for tower::ServiceBuilder<L> {}
}

// === impl ServiceBuilder ===

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    #[cfg(feature = "stack")]
    fn stack(self) -> ServiceBuilder<Pair<StackLayer, L>> {
        self.layer(StackLayer::new())
    }

    #[cfg(feature = "stampede")]
    fn stampede(self, layer: StampedeLayer) -> ServiceBuilder<Pair<StampedeLayer, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "cache")]
    fn cache<St>(self, layer: CacheLayer<St>) -> ServiceBuilder<Pair<CacheLayer<St>, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "coalesce")]
    fn coalesce(self, layer: CoalesceLayer) -> ServiceBuilder<Pair<CoalesceLayer, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "batch")]
    fn batch<C>(self, layer: BatchLayer<C>) -> ServiceBuilder<Pair<BatchLayer<C>, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "cost-route")]
    fn cost_route(self, layer: CostRouteLayer) -> ServiceBuilder<Pair<CostRouteLayer, L>> {
        self.layer(layer)
    }
}
