//! One layer of each kind, and stacks of them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body as HttpBody;
use scrimp::{
    Body, Stack,
    batch::{BatchLayer, BatchWindow, RestJson},
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, Currency, Ledger, Money, ShareError},
    cost_route::{CostRouteLayer, Provider, Tariff},
    stampede::{RefreshAhead, StampedeLayer},
};
use tower::{Layer, Service};

use crate::order::{Kind, Order};

/// The header field by which an upstream knows which provider it stands for.
pub(crate) const PROVIDER: &str = "x-provider";

/// Requests below this path go in batches.
pub(crate) const BASE: &str = "/api";

/// Where batches go to.
pub(crate) const BATCH: &str = "/api/batch";

/// All layers, to look into what they did.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) stampede: StampedeLayer,
    pub(crate) cache: CacheLayer,
    pub(crate) coalesce: CoalesceLayer,
    pub(crate) batch: BatchLayer<RestJson>,
    pub(crate) cost_route: CostRouteLayer,
}

/// Layers in an order, as one layer.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) layers: Layers,
    pub(crate) order: Order,
}

// === impl Layers ===

impl Layers {
    /// Over providers that answer at `endpoint`, or wherever the inner service is.
    pub(crate) fn new(endpoint: Option<&Uri>) -> Self {
        let provider = |name: &'static str, price: &str| {
            let price: Money = price.parse().expect("an amount");
            let provider = Provider::new(name)
                .price(Tariff::new(Currency::USD).per_request(price))
                .header(
                    PROVIDER.parse().expect("a name"),
                    HeaderValue::from_static(name),
                );
            match endpoint {
                Some(uri) => provider.endpoint(uri),
                None => provider,
            }
        };
        let providers = [provider("cheap", "0.001"), provider("dear", "0.01")];
        Self {
            stampede: StampedeLayer::builder()
                .records(256)
                .strategy(RefreshAhead::new(0.5))
                .build()
                .unwrap(),
            cache: CacheLayer::new(MemoryStore::new(64 << 20)),
            coalesce: CoalesceLayer::new(),
            batch: BatchLayer::builder(RestJson::new(BATCH).base(BASE))
                .window(BatchWindow::fixed(Duration::from_millis(5)))
                .build()
                .unwrap(),
            cost_route: CostRouteLayer::builder(providers).build().unwrap(),
        }
    }

    /// With batches that go when they have so many items, however long that takes.
    pub(crate) fn batching(mut self, items: usize) -> Self {
        let window = BatchWindow::fixed(Duration::from_secs(60));
        self.batch = self.batch.max_items(items).window(window);
        self
    }

    /// With these books.
    pub(crate) fn booked(self, ledger: &Ledger) -> Self {
        let ledger = || ledger.clone();
        Self {
            stampede: self.stampede,
            cache: self.cache.ledger(ledger()),
            coalesce: self.coalesce.ledger(ledger()),
            batch: self.batch.ledger(ledger()),
            cost_route: self.cost_route.ledger(ledger()),
        }
    }

    /// In this order.
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
