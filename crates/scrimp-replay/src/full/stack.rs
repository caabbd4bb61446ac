//! The layers, on top of each other.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, Window};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{BoxError, Clock, Currency, Ledger, Money};
use scrimp_cost_route::{CostRouteLayer, Provider, Tariff};
use scrimp_stampede::StampedeLayer;
use tokio::time::Instant;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Batching, Offer,
    codec::LogBatch,
    offer::{QUALITY, UPSTREAM},
    probe::{Needed, Passed},
    provider::{Answerer, Calls, restored},
    shares::{Batched, Counted, Layers, Present, Used},
};
use crate::{
    error::Result,
    settings::Settings,
    stack::{self, Stats, Verdict},
    watch::Watched,
};

type Asked = Request<Full<Bytes>>;
type Boxed = BoxCloneSyncService<Asked, Response<UnsyncBoxBody<Bytes, BoxError>>, Infallible>;

/// The layers under test, and what is counted between them.
pub(super) struct FullStack {
    front: Boxed,
    store: Watched,
    ledger: Ledger,
    coalesce: Option<CoalesceLayer>,
    batch: Option<(Batching, BatchLayer<LogBatch>)>,
    stampede: bool,
    /// Nothing takes longer than that.
    patience: Duration,
    offers: Vec<Offer>,
    left_cache: Passed,
    left_coalesce: Passed,
    /// Requests that waited for somebody else's fill, and needed no call then.
    filled: Arc<AtomicU64>,
}

// === impl FullStack ===

impl FullStack {
    pub(super) fn new(settings: &Settings, calls: &Calls, clock: &Clock) -> Result<Self> {
        let offers = offers(settings);
        let patience = patience(settings, &offers);
        let ledger = Ledger::new();
        let (left_cache, left_coalesce) = (Passed::default(), Passed::default());
        let store = Watched::new(MemoryStore::new(settings.max_bytes));

        let routed = route(settings, &offers, calls, clock, patience);
        let batch = settings.batch.map(|batching| {
            let layer = batch_layer(batching, patience).ledger(ledger.clone());
            (batching, layer)
        });
        let batched = match &batch {
            Some((_, layer)) => boxed(layer.layer(routed)),
            None => routed,
        };
        let batched = left_coalesce.over(batched);
        let coalesce = settings
            .coalesce
            .then(|| stack::coalesce_layer(settings, clock, &ledger));
        let shared = match &coalesce {
            Some(layer) => boxed(layer.layer(batched)),
            None => boxed(batched),
        };
        let cache = cache_layer(settings, &store, &ledger, clock)?;
        let cached = cache.layer(left_cache.over(shared));
        let front = if settings.all {
            boxed(stampede_layer(clock, patience).layer(cached))
        } else {
            boxed(cached)
        };
        Ok(Self {
            front,
            store,
            ledger,
            coalesce,
            batch,
            stampede: settings.all,
            patience,
            offers,
            left_cache,
            left_coalesce,
            filled: Arc::default(),
        })
    }

    /// Makes a request, and reads the answer to its end: nothing else is stored.
    pub(super) fn begin(&self, mut request: Asked) -> impl Future<Output = Verdict> + 'static {
        let by_default = stack::by_default(&request);
        let (front, store) = (self.front.clone(), self.store.clone());
        let (filled, needed) = (Arc::clone(&self.filled), Needed::default());
        request.extensions_mut().insert(needed.clone());
        async move {
            let asked = Instant::now();
            let answer = Box::pin(stack::read(front.oneshot(request)));
            let (key, kept) = seen(answer, &store).await;
            if !needed.get() && !asked.elapsed().is_zero() {
                filled.fetch_add(1, Relaxed);
            }
            Verdict {
                key,
                storable: by_default | kept,
            }
        }
    }

    /// Waits for what goes on in the background: refreshes that were begun.
    pub(super) async fn rest(&self) {
        if self.stampede {
            tokio::time::sleep(self.patience).await;
        }
    }

    pub(super) fn stats(&self) -> Stats {
        stack::stats(&self.store, &self.ledger, self.coalesce.as_ref())
    }

    /// Each layer's share, from what was counted between them.
    pub(super) fn layers(&self, settings: &Settings, calls: &Calls, requests: u64) -> Layers {
        let currency = settings.price.currency();
        let providers: Vec<_> = self
            .offers
            .iter()
            .map(|offer| {
                let calls = calls.of(&offer.name);
                Used {
                    name: offer.name.clone(),
                    calls,
                    spent: offer.price_in(currency) * calls,
                }
            })
            .collect();
        let spent = providers.iter().map(|used| used.spent).sum::<Money>();
        let counted = Counted {
            requests,
            left_cache: self.left_cache.all(),
            refreshes: self.left_cache.refreshes(),
            filled: self.filled.load(Relaxed),
            left_coalesce: self.left_coalesce.all(),
            calls: calls.made(),
        };
        let present = Present {
            stampede: self.stampede,
            coalesce: self.coalesce.is_some(),
            batch: self.batch.is_some(),
        };
        Layers {
            shares: counted.shares(present, settings.price, spent),
            spent,
            batch: self.batch.as_ref().map(|(batching, layer)| {
                let stats = layer.stats();
                Batched {
                    window: batching.window,
                    most: batching.most,
                    batches: stats.batches,
                    items: stats.items,
                    alone: stats.alone,
                }
            }),
            providers,
        }
    }
}

/// The upstream of the log, and whoever else is offered.
fn offers(settings: &Settings) -> Vec<Offer> {
    let upstream = Offer {
        name: UPSTREAM.to_owned(),
        price: settings.price,
        latency: Some(settings.latency),
        quality: QUALITY,
    };
    [upstream]
        .into_iter()
        .chain(settings.offers.iter().cloned())
        .collect()
}

fn latency(offer: &Offer, settings: &Settings) -> Duration {
    offer.latency.unwrap_or(settings.latency)
}

fn route(
    settings: &Settings,
    offers: &[Offer],
    calls: &Calls,
    clock: &Clock,
    patience: Duration,
) -> Boxed {
    let currency = settings.price.currency();
    let provider = |offer: &Offer| {
        let tariff = Tariff::new(currency).per_request(offer.price_in(currency));
        let provider = Provider::new(offer.name.as_str())
            .price(tariff)
            .latency(latency(offer, settings))
            .quality(offer.quality);
        provider.reliability(1.0)
    };
    let answerers: Vec<(String, Answerer)> = offers
        .iter()
        .map(|offer| {
            let (price, takes) = (offer.price_in(currency), latency(offer, settings));
            let answerer = Answerer::new(&offer.name, price, takes, calls);
            (offer.name.clone(), answerer)
        })
        .collect();
    let mut layer = CostRouteLayer::new(offers.iter().map(provider))
        .clock(clock.clone())
        .timeout(patience);
    if currency != Currency::USD {
        // Amounts are compared as they stand; what waiting is worth is taken in that currency.
        layer = layer.exchange_rate(currency, 1.0);
    }
    let fallback = Answerer::new(UPSTREAM, settings.price, settings.latency, calls);
    let routed = layer.services(move |name| {
        let known = answerers.iter().find(|(known, _)| known == name);
        known.map_or_else(|| fallback.clone(), |(_, answerer)| answerer.clone())
    });
    boxed(ServiceExt::<Asked>::map_response(routed, restored))
}

/// Longer than anybody takes: a log tells of no time-out.
fn patience(settings: &Settings, offers: &[Offer]) -> Duration {
    let slowest = offers.iter().map(|offer| latency(offer, settings)).max();
    slowest.unwrap_or_default() * 2 + Duration::from_secs(60)
}

fn batch_layer(batching: Batching, patience: Duration) -> BatchLayer<LogBatch> {
    BatchLayer::new(LogBatch::new(batching.most))
        .window(Window::fixed(batching.window))
        .timeout(patience)
        .max_waiting(1 << 20)
        .dedupe(false)
}

fn cache_layer(
    settings: &Settings,
    store: &Watched,
    ledger: &Ledger,
    clock: &Clock,
) -> Result<CacheLayer<Watched>> {
    let mut layer = CacheLayer::new(store.clone())
        .ledger(ledger.clone())
        .clock(clock.clone());
    for text in settings.cache_rules() {
        layer = layer.rule(stack::rule(&text)?);
    }
    Ok(layer)
}

fn stampede_layer(clock: &Clock, patience: Duration) -> StampedeLayer {
    // The same draws in every run, so that a report can be repeated.
    let random = Mutex::new(fastrand::Rng::with_seed(1));
    StampedeLayer::new()
        .clock(clock.clone())
        .refresh_timeout(patience)
        .random(move || random.lock().f64())
}

/// Forgets what a service is made of, so that layers can be left out.
fn boxed<S, B>(service: S) -> Boxed
where
    S: Service<Asked, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let erase =
        |response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync());
    BoxCloneSyncService::new(service.map_response(erase))
}

/// The key that the cache looks for while this is polled, and whether it stores anything.
async fn seen(
    mut answer: Pin<Box<impl Future<Output = ()>>>,
    store: &Watched,
) -> (Option<Vec<u8>>, bool) {
    let (mut key, mut kept) = (None, false);
    poll_fn(|cx| {
        let _ = store.take();
        let polled = answer.as_mut().poll(cx);
        let seen = store.take();
        if key.is_none() {
            key = seen.key;
        }
        kept |= seen.kept;
        polled
    })
    .await;
    (key, kept)
}
