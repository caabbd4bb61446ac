//! The stack of layers.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_batch::BatchLayer;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Clock, Key, Ledger, Totals};
use tokio::time::Instant;
use tower::ServiceExt;
use tower_layer::Layer;

use super::{
    build::{
        Asked, Boxed, batch_layer, boxed, cache_layer, offers, patience, route, stampede_layer,
    },
    codec::LogBatch,
    probe::{Needed, Passed},
    provider::Calls,
    shares::{Counted, Present},
};
use crate::{
    error::Result,
    layers::{Batched, Layers, Used},
    offer::{Batching, Offer},
    settings::Settings,
    stack::{self, Stats, Verdict},
    watch::{Stored, Watched},
};

/// The layers under test, and the counters between them.
pub(super) struct FullStack {
    front: Boxed,
    cache: CacheLayer<Watched>,
    store: Watched,
    ledger: Ledger,
    coalesce: Option<CoalesceLayer>,
    batch: Option<(Batching, BatchLayer<LogBatch>)>,
    stampede: bool,
    /// Longest possible duration of a call.
    patience: Duration,
    offers: Vec<Offer>,
    left_cache: Passed,
    left_coalesce: Passed,
    /// Requests that waited for another request's fill, and then needed no call.
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

        let routed = route(settings, &offers, calls, clock, patience)?;
        let batch = settings.batch.map(|batching| {
            let layer = batch_layer(settings, batching, patience, &ledger);
            layer.map(|layer| (batching, layer))
        });
        let batch = batch.transpose()?;
        let batched = match &batch {
            Some((_, layer)) => boxed(layer.layer(routed)),
            None => routed,
        };
        let batched = left_coalesce.over(batched);
        let coalesce = settings
            .coalesce
            .then(|| stack::coalesce_layer(settings, clock, &ledger))
            .transpose()?;
        let shared = match &coalesce {
            Some(layer) => boxed(layer.layer(batched)),
            None => boxed(batched),
        };
        let cache = cache_layer(settings, &store, &ledger, clock)?;
        let cached = cache.layer(left_cache.over(shared));
        let front = if settings.all {
            boxed(stampede_layer(clock, patience)?.layer(cached))
        } else {
            boxed(cached)
        };
        Ok(Self {
            front,
            cache,
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

    /// Makes a request, and reads the response to its end: otherwise nothing is stored.
    pub(super) fn begin(&self, mut request: Asked) -> impl Future<Output = Verdict> + 'static {
        let by_default = stack::by_default(&request);
        let (front, store) = (self.front.clone(), self.store.clone());
        let (filled, needed) = (Arc::clone(&self.filled), Needed::default());
        request.extensions_mut().insert(needed.clone());
        async move {
            let asked = Instant::now();
            let answer = Box::pin(stack::read(front.oneshot(request)));
            let (key, stored) = seen(answer, &store).await;
            if !needed.get() && !asked.elapsed().is_zero() {
                filled.fetch_add(1, Relaxed);
            }
            Verdict {
                key,
                storable: by_default | stored.is_some(),
                stored,
            }
        }
    }

    /// Waits for background work: refreshes that were started.
    pub(super) async fn rest(&self) {
        if self.stampede {
            tokio::time::sleep(self.patience).await;
        }
    }

    pub(super) fn stats(&self) -> Stats {
        stack::stats(&self.cache, &self.ledger, self.coalesce.as_ref())
    }

    /// Returns each layer's share, from the counters between them.
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
        let spent = providers.iter().map(|used| used.spent);
        let spent = spent.collect::<Totals>().get(currency);
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

/// Returns the key that the cache looks up while this is polled, and the response that it stores.
async fn seen(
    mut answer: Pin<Box<impl Future<Output = ()>>>,
    store: &Watched,
) -> (Option<Key>, Option<Stored>) {
    let (mut key, mut stored) = (None, None);
    poll_fn(|cx| {
        let _ = store.take();
        let polled = answer.as_mut().poll(cx);
        let seen = store.take();
        if key.is_none() {
            key = seen.key;
        }
        stored = seen.stored.or(stored);
        polled
    })
    .await;
    (key, stored)
}
