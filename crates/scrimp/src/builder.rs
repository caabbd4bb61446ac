//! Methods of `tower::ServiceBuilder` that add the layers.

#[cfg(feature = "batch")]
use scrimp_batch::BatchLayer;
#[cfg(feature = "cache")]
use scrimp_cache::CacheLayer;
#[cfg(feature = "cdn")]
use scrimp_cdn::CdnLayer;
#[cfg(feature = "coalesce")]
use scrimp_coalesce::CoalesceLayer;
#[cfg(feature = "body-digest")]
use scrimp_core::BodyDigestLayer;
#[cfg(feature = "cost-route")]
use scrimp_cost_route::CostRouteLayer;
#[cfg(feature = "limit")]
use scrimp_limit::LimitLayer;
#[cfg(feature = "prefetch")]
use scrimp_prefetch::PrefetchLayer;
#[cfg(feature = "stampede")]
use scrimp_stampede::StampedeLayer;
use tower::ServiceBuilder;
#[cfg(any(
    feature = "batch",
    feature = "body-digest",
    feature = "cache",
    feature = "cdn",
    feature = "coalesce",
    feature = "cost-route",
    feature = "limit",
    feature = "prefetch",
    feature = "stack",
    feature = "stampede"
))]
use tower_layer::Stack as Pair;

#[cfg(feature = "stack")]
use crate::stack::StackLayer;

/// Adds scrimp's layers to a [`ServiceBuilder`]. What is added first is outermost.
///
/// Each method needs the feature of its layer, and adds the layer as it is set up. Keep a clone of
/// the layer for its counters and handles. The methods are in the order that the layers should
/// have; [the crate's docs](crate#in-which-order) give the reasons.
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
/// let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20)).build()?; // bytes
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
/// # Ok::<(), scrimp::core::SettingError>(())
/// ```
///
/// Layers that share one error among many callers (`coalesce`, `batch`) need a shareable error:
/// [`Infallible`](std::convert::Infallible), as on axum, or [`BoxError`](crate::core::BoxError).
/// Clients have their own errors: put `.map_err(box_error)` (tower's feature `util`,
/// and [`box_error`](crate::core::box_error)) behind the last layer.
pub trait ServiceBuilderExt<L>: sealed::Sealed<L> + Sized {
    /// Gives the service a nameable type: [`Stack`](crate::Stack). It goes first.
    #[cfg(feature = "stack")]
    fn stack(self) -> ServiceBuilder<Pair<StackLayer, L>>;

    /// Gives responses the fields for a CDN. It goes outside of the cache, whose hits need them too.
    #[cfg(feature = "cdn")]
    fn cdn(self, layer: CdnLayer) -> ServiceBuilder<Pair<CdnLayer, L>>;

    /// Identifies a POST by its body, for the layers behind it.
    ///
    /// ```
    /// use scrimp::{ServiceBuilderExt, core::BodyDigestLayer};
    /// use tower::ServiceBuilder;
    ///
    /// let builder = ServiceBuilder::new()
    ///     .body_digest(BodyDigestLayer::new(64 << 10).canonical_json()); // bytes
    /// # let _ = builder;
    /// ```
    #[cfg(feature = "body-digest")]
    fn body_digest(self, layer: BodyDigestLayer) -> ServiceBuilder<Pair<BodyDigestLayer, L>>;

    /// Fetches ahead of time what a session will ask for.
    #[cfg(feature = "prefetch")]
    fn prefetch(self, layer: PrefetchLayer) -> ServiceBuilder<Pair<PrefetchLayer, L>>;

    /// Refreshes responses before they expire, and fills cold keys once.
    #[cfg(feature = "stampede")]
    fn stampede(self, layer: StampedeLayer) -> ServiceBuilder<Pair<StampedeLayer, L>>;

    /// Answers from the store.
    #[cfg(feature = "cache")]
    fn cache<St>(self, layer: CacheLayer<St>) -> ServiceBuilder<Pair<CacheLayer<St>, L>>;

    /// Lets equal requests at the same time share one call.
    #[cfg(feature = "coalesce")]
    fn coalesce(self, layer: CoalesceLayer) -> ServiceBuilder<Pair<CoalesceLayer, L>>;

    /// Combines many small calls into one.
    #[cfg(feature = "batch")]
    fn batch<C>(self, layer: BatchLayer<C>) -> ServiceBuilder<Pair<BatchLayer<C>, L>>;

    /// Sends each request to the cheapest provider that is good enough.
    #[cfg(feature = "cost-route")]
    fn cost_route(self, layer: CostRouteLayer) -> ServiceBuilder<Pair<CostRouteLayer, L>>;

    /// Lets requests pass at a steady rate.
    #[cfg(feature = "limit")]
    fn limit(self, layer: LimitLayer) -> ServiceBuilder<Pair<LimitLayer, L>>;
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

    #[cfg(feature = "cdn")]
    fn cdn(self, layer: CdnLayer) -> ServiceBuilder<Pair<CdnLayer, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "body-digest")]
    fn body_digest(self, layer: BodyDigestLayer) -> ServiceBuilder<Pair<BodyDigestLayer, L>> {
        self.layer(layer)
    }

    #[cfg(feature = "prefetch")]
    fn prefetch(self, layer: PrefetchLayer) -> ServiceBuilder<Pair<PrefetchLayer, L>> {
        self.layer(layer)
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

    #[cfg(feature = "limit")]
    fn limit(self, layer: LimitLayer) -> ServiceBuilder<Pair<LimitLayer, L>> {
        self.layer(layer)
    }
}
