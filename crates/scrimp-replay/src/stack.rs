//! The stack of a replay: the cache, over the metered upstream.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use scrimp_cache::{Cache, CacheLayer, MemoryStore, NotStored};
use scrimp_coalesce::{Coalesce, CoalesceLayer, ReuseWindow};
use scrimp_core::{Clock, Key, Ledger, SettingError, Totals};
use scrimp_http::status::is_heuristically_cacheable;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error::Result,
    report::Coalesced,
    settings::{Settings, rule},
    upstream::{Logged, MAX_BODY, Upstream},
    watch::{Stored, Watched},
};

/// The layers under test.
#[derive(Debug)]
pub(crate) struct Stack {
    front: Front,
    cache: CacheLayer<Watched>,
    coalesce: Option<CoalesceLayer>,
    store: Watched,
    ledger: Ledger,
}

/// The outermost layer.
#[derive(Debug)]
enum Front {
    Cache(Cache<Upstream, Watched>),
    /// The cache over the layer for shared calls.
    Sharing(Cache<Coalesce<Upstream>, Watched>),
}

/// Verdict on a request, for the ceiling.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The cache's key; `None` if no stored response could have satisfied the request.
    pub(crate) key: Option<Key>,
    /// A cache with unlimited room would have stored the upstream's response.
    pub(crate) storable: bool,
    /// The response that was stored, if one was.
    pub(crate) stored: Option<Stored>,
}

/// Statistics of the cache at the end.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) saved: Totals,
    pub(crate) entries: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) evicted: u64,
    pub(crate) not_stored: NotStored,
    pub(crate) coalesced: Option<Coalesced>,
}

// === impl Stack ===

impl Stack {
    pub(crate) fn new(settings: &Settings, upstream: Upstream, clock: &Clock) -> Result<Self> {
        let store = Watched::new(MemoryStore::new(settings.max_bytes));
        let ledger = Ledger::new();
        let mut layer = CacheLayer::builder(store.clone())
            .ledger(ledger.clone())
            .clock(clock.clone());
        for text in settings.cache_rules() {
            layer = layer.rule(rule(&text)?);
        }
        let layer = layer.build()?;
        let coalesce = settings
            .coalesce
            .then(|| coalesce_layer(settings, clock, &ledger))
            .transpose()?;
        let front = match &coalesce {
            Some(coalesce) => Front::Sharing(layer.layer(coalesce.layer(upstream))),
            None => Front::Cache(layer.layer(upstream)),
        };
        Ok(Self {
            front,
            cache: layer,
            coalesce,
            store,
            ledger,
        })
    }

    /// Makes a request, and reads the response to its end: otherwise nothing is stored.
    pub(crate) async fn call(&mut self, request: Request<Empty<Bytes>>) -> Verdict {
        let by_default = by_default(&request);
        // A cache is always ready; so is the upstream.
        match &mut self.front {
            Front::Cache(cache) => read(cache.call(request)).await,
            Front::Sharing(cache) => read(cache.call(request)).await,
        }
        let seen = self.store.take();
        Verdict {
            key: seen.key,
            storable: seen.stored.is_some() || by_default,
            stored: seen.stored,
        }
    }

    /// Starts a request while others are in flight.
    pub(crate) fn begin(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> impl Future<Output = Verdict> + 'static {
        let by_default = by_default(&request);
        // The key is looked up within `call`.
        let answer: Pin<Box<dyn Future<Output = ()>>> = match &mut self.front {
            Front::Cache(cache) => Box::pin(read(cache.call(request))),
            Front::Sharing(cache) => Box::pin(read(cache.call(request))),
        };
        let key = self.store.take().key;
        let store = self.store.clone();
        async move {
            let stored = stored(answer, &store).await;
            Verdict {
                key,
                storable: by_default | stored.is_some(),
                stored,
            }
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        stats(&self.cache, &self.ledger, self.coalesce.as_ref())
    }
}

/// Returns the statistics of a cache, and of a layer for shared calls.
pub(crate) fn stats(
    cache: &CacheLayer<Watched>,
    ledger: &Ledger,
    coalesce: Option<&CoalesceLayer>,
) -> Stats {
    let stats = cache.store().inner().stats();
    Stats {
        saved: ledger.saved(),
        entries: stats.entries,
        peak_bytes: stats.peak_bytes,
        evicted: stats.evicted,
        not_stored: cache.stats().not_stored,
        coalesced: coalesce.map(|layer| {
            let stats = layer.stats();
            Coalesced {
                joined: stats.joined,
                reused: stats.reused,
            }
        }),
    }
}

/// Returns the layer for shared calls.
pub(crate) fn coalesce_layer(
    settings: &Settings,
    clock: &Clock,
    ledger: &Ledger,
) -> Result<CoalesceLayer, SettingError> {
    // Room for any body: a log does not show how fast clients read.
    let room = usize::try_from(2 * MAX_BODY).unwrap_or(usize::MAX);
    let layer = CoalesceLayer::builder()
        .ledger(ledger.clone())
        .clock(clock.clone())
        .max_bytes(room);
    match settings.window {
        Some(time) => layer.window(ReuseWindow::new().time(time)),
        None => layer,
    }
    .build()
}

/// Waits for a response, and reads it to its end.
pub(crate) async fn read<B, E>(call: impl Future<Output = std::result::Result<Response<B>, E>>)
where
    B: Body,
{
    if let Ok(response) = call.await {
        let mut body = pin!(response.into_body());
        // Only a bug can fail here, and the count of calls would show it.
        while let Some(Ok(_)) = body.frame().await {}
    }
}

/// Returns the response that the store received while this was polled, if it did.
async fn stored(mut answer: Pin<Box<dyn Future<Output = ()>>>, store: &Watched) -> Option<Stored> {
    let mut stored = None;
    poll_fn(|cx| {
        let _ = store.take();
        let polled = answer.as_mut().poll(cx);
        stored = store.take().stored.or(stored);
        polled
    })
    .await;
    stored
}

/// Reports whether a response would be stored without explicit permission.
pub(crate) fn by_default<B>(request: &Request<B>) -> bool {
    let logged = request.extensions().get::<Logged>();
    // The upstream never responds with a part, so 206 does not occur.
    let cacheable = logged.is_some_and(|logged| is_heuristically_cacheable(logged.answer()));
    request.method() == Method::GET && cacheable
}
