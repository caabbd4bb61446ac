//! What a request goes through: the cache, over the metered upstream.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use scrimp_cache::{Cache, CacheLayer, MemoryStore, Rule};
use scrimp_core::{Clock, Ledger, Money};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    error::{Error, Result},
    settings::Settings,
    upstream::{Logged, Upstream},
    watch::Watched,
};

/// The layers under test.
#[derive(Debug)]
pub(crate) struct Stack {
    service: Cache<Upstream, Watched>,
    store: Watched,
    ledger: Ledger,
}

/// What a request means for the ceiling.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The cache's key; `None` if no stored answer could have satisfied the request.
    pub(crate) key: Option<Vec<u8>>,
    /// Whether a cache that has room for anything would have kept the upstream's answer.
    pub(crate) storable: bool,
}

/// What the cache has to show at the end.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) saved: Money,
    pub(crate) entries: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) evicted: u64,
}

/// Reads a rule.
pub(crate) fn rule(text: &str) -> Result<Rule> {
    text.parse()
        .map_err(|why| Error::new(format!("the rule {text:?} cannot be used: {why}")))
}

// === impl Stack ===

impl Stack {
    pub(crate) fn new(settings: &Settings, upstream: Upstream, clock: Clock) -> Result<Self> {
        let store = Watched::new(MemoryStore::new(settings.max_bytes));
        let ledger = Ledger::new();
        let mut layer = CacheLayer::new(store.clone())
            .ledger(ledger.clone())
            .clock(clock);
        for text in settings.cache_rules() {
            layer = layer.rule(rule(&text)?);
        }
        Ok(Self {
            service: layer.layer(upstream),
            store,
            ledger,
        })
    }

    /// Makes a request, and reads the answer to its end: nothing else is stored.
    pub(crate) async fn call(&mut self, request: Request<Empty<Bytes>>) -> Verdict {
        let get = request.method() == Method::GET;
        let logged = request.extensions().get::<Logged>().copied();
        // A cache is always ready; so is the upstream.
        let Ok(response) = self.service.call(request).await;
        let Ok(_) = response.into_body().collect().await;
        let seen = self.store.take();
        let by_default = get && logged.is_some_and(|logged| cacheable(logged.answer().as_u16()));
        Verdict {
            key: seen.key,
            storable: seen.kept || by_default,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let stats = self.store.inner().stats();
        Stats {
            saved: self.ledger.lines().iter().map(|line| line.saved).sum(),
            entries: stats.entries,
            peak_bytes: stats.peak_bytes,
            evicted: stats.evicted,
        }
    }
}

/// Status codes that are cacheable by default (RFC 9110 §15.1), but for 206: the upstream
/// never answers with a part.
fn cacheable(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}
