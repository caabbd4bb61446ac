//! One layer of each kind, and stacks of them.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Body as HttpBody;
use scrimp::{
    Body, Stack,
    batch::{BatchLayer, BatchWindow, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, Currency, Ledger, SettingError, ShareError},
    cost_route::{CostRouteLayer, Provider, Tariff},
    limit::LimitLayer,
    prefetch::{PrefetchLayer, SessionKey},
    stampede::{RefreshAhead, StampedeLayer},
};
use tower::{Layer, Service};

use crate::order::{Kind, Order};

/// The header field that names the provider to an upstream.
pub(crate) const PROVIDER: &str = "x-provider";

/// Requests below this path are batched.
pub(crate) const BASE: &str = "/api";

/// Path of batches.
pub(crate) const BATCH: &str = "/api/batch";

/// All layers, to inspect their work.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) stampede: StampedeLayer,
    pub(crate) cache: CacheLayer,
    pub(crate) coalesce: CoalesceLayer,
    pub(crate) batch: BatchLayer<RestJson>,
    pub(crate) cost_route: CostRouteLayer,
    /// A limit that is not met: in any place it changes nothing.
    limit: LimitLayer,
    /// Learns, and fetches nothing, as it knows no value of waiting.
    prefetch: PrefetchLayer,
    setup: Setup,
}

/// Settings of the layers.
#[derive(Debug, Clone, Default)]
struct Setup {
    endpoint: Option<Uri>,
    items: Option<usize>,
    ledger: Option<Ledger>,
}

/// Layers in an order, as one layer.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) layers: Layers,
    pub(crate) order: Order,
}

// === impl Layers ===

impl Layers {
    /// Makes the layers over providers at `endpoint`, or at the inner service if there is none.
    pub(crate) fn new(endpoint: Option<&Uri>) -> Self {
        let endpoint = endpoint.cloned();
        Self::build(Setup {
            endpoint,
            ..Setup::default()
        })
        .expect("settings in their ranges")
    }

    /// Sets batches that are sent when they have this many items, without a time limit.
    pub(crate) fn batching(self, items: usize) -> Self {
        let items = Some(items);
        Self::build(Setup {
            items,
            ..self.setup
        })
        .expect("settings in their ranges")
    }

    /// Sets this ledger.
    pub(crate) fn booked(self, ledger: &Ledger) -> Self {
        let ledger = Some(ledger.clone());
        Self::build(Setup {
            ledger,
            ..self.setup
        })
        .expect("settings in their ranges")
    }

    fn build(setup: Setup) -> Result<Self, SettingError> {
        let provider = |name: &'static str, price: &str| {
            let provider = Provider::new(name)
                .price(Tariff::new(Currency::USD).per_request(price))
                .header(PROVIDER, name);
            match &setup.endpoint {
                Some(uri) => provider.endpoint(uri.clone()),
                None => provider,
            }
        };
        let stampede = StampedeLayer::builder()
            .records(256)
            .strategy(RefreshAhead::new(0.5));
        let mut cache = CacheLayer::builder(MemoryStore::new(64 << 20));
        let mut coalesce = CoalesceLayer::builder();
        let mut batch = BatchLayer::builder(RestJson::new(BATCH).base(BASE));
        let mut cost_route =
            CostRouteLayer::builder([provider("cheap", "0.001"), provider("dear", "0.01")]);
        batch = match setup.items {
            None => batch.window(BatchWindow::fixed(Duration::from_millis(5))),
            Some(items) => batch
                .max_items(items)
                .window(BatchWindow::fixed(Duration::from_secs(60))),
        };
        if let Some(ledger) = &setup.ledger {
            cache = cache.ledger(ledger.clone());
            coalesce = coalesce.ledger(ledger.clone());
            batch = batch.ledger(ledger.clone());
            cost_route = cost_route.ledger(ledger.clone());
        }
        Ok(Self {
            stampede: stampede.build()?,
            cache: cache.build()?,
            coalesce: coalesce.build()?,
            batch: batch.build()?,
            cost_route: cost_route.build()?,
            limit: LimitLayer::per_second(1_000_000).build()?,
            prefetch: PrefetchLayer::builder(SessionKey::by(|_, _| Some(1))).build()?,
            setup,
        })
    }

    /// Applies the layers in this order.
    pub(crate) fn ordered(self, order: &Order) -> Ordered {
        Ordered {
            layers: self,
            order: order.clone(),
        }
    }

    fn wrap<E>(&self, kind: Kind, inner: Stack<E>) -> Stack<E>
    where
        E: ShareError + Send + 'static,
    {
        match kind {
            Kind::Stampede => Stack::new(self.stampede.layer(inner)),
            Kind::Cache => Stack::new(self.cache.layer(inner)),
            Kind::Coalesce => Stack::new(self.coalesce.layer(inner)),
            Kind::Batch => Stack::new(self.batch.layer(inner)),
            Kind::CostRoute => Stack::new(self.cost_route.layer(inner)),
            Kind::Limit => Stack::new(self.limit.layer(inner)),
            Kind::Prefetch => Stack::new(self.prefetch.layer(inner)),
        }
    }
}

impl<S, B, E> Layer<S> for Ordered
where
    S: Service<Request<Body>, Response = Response<B>, Error = E>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    E: ShareError + Send + 'static,
{
    type Service = Stack<E>;

    fn layer(&self, inner: S) -> Stack<E> {
        let wrap = |inner, kind| self.layers.wrap(kind, inner);
        self.order.kinds().rev().fold(Stack::new(inner), wrap)
    }
}
