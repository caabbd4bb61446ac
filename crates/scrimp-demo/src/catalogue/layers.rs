//! The layers in front of the shop's API.

use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response};
use parking_lot::Mutex;
use scrimp_cache::{CacheLayer, Invalidation, Invalidator, MemoryStore, Rule, RuleBuilder};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Clock, Ledger};
use scrimp_stampede::StampedeLayer;
use tokio::sync::mpsc;

use super::{
    shop::{CATEGORIES, CATEGORY, Page, category_in},
    traffic::TIER,
};
use crate::error::Result;

/// Bounds of learned lifetimes.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The layers, and their ledger.
pub(super) struct Layers {
    pub(super) cache: CacheLayer,
    pub(super) coalesce: CoalesceLayer,
    pub(super) stampede: StampedeLayer,
    pub(super) ledger: Ledger,
}

/// Invalidates the pages of each price event.
pub(super) async fn follow(invalidator: Invalidator, mut bus: mpsc::UnboundedReceiver<usize>) {
    let events = futures_util::stream::poll_fn(move |cx| bus.poll_recv(cx));
    let meaning = |product: usize| {
        let category = CATEGORIES[Page::Product(product).category()];
        [
            Invalidation::tag(format!("product:{product}")),
            Invalidation::prefix(format!("products:list:{category}:")),
        ]
    };
    invalidator.follow(events, meaning).await;
}

// === impl Layers ===

impl Layers {
    /// Makes the layers, with learned lifetimes or the shop's own.
    pub(super) fn new(learned: bool) -> Result<Self> {
        let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
        let ledger = Ledger::new();
        let list = Rule::builder()
            .name("list")
            .path("/api/products")
            .query(["category", "page"])
            .header(TIER)
            .tag("products:list:{query.category}:{query.page}");
        let product = Rule::builder()
            .name("product")
            .path("/api/products/{id}")
            .no_query()
            .header(TIER)
            .tag("product:{id}");
        let lasting = |rule: RuleBuilder| match learned {
            true => rule.learned_ttl(SHORTEST, LONGEST),
            false => rule.ttl_with(lifetime),
        };
        // The same random numbers in every run, so that a run can be repeated.
        let random = Mutex::new(fastrand::Rng::with_seed(1));
        Ok(Self {
            cache: CacheLayer::builder(MemoryStore::new(64 << 20))
                .clock(clock.clone())
                .ledger(ledger.clone())
                .rule(lasting(list))
                .rule(lasting(product))
                .build()?,
            coalesce: CoalesceLayer::builder()
                .clock(clock.clone())
                .ledger(ledger.clone())
                .build()?,
            stampede: StampedeLayer::builder()
                .clock(clock)
                .select_by([TIER])
                .random(move || random.lock().f64())
                .build()?,
            ledger,
        })
    }
}

/// Returns the freshness lifetime, by the frequency of price changes in the category.
fn lifetime(request: &Request<()>, response: &Response<()>) -> Option<Duration> {
    let asked = request.uri().query().and_then(category_in);
    let answered = || response.headers().get(CATEGORY)?.to_str().ok();
    let minutes = match asked.or_else(answered)? {
        "electronics" => 2,
        "books" => 30,
        _ => 10,
    };
    Some(Duration::from_secs(60 * minutes))
}
