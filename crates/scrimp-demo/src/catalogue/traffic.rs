//! Reads and price changes over time.

use std::time::Duration;

use http::HeaderName;

use super::shop::{CATEGORIES, PRODUCTS, Page};
use crate::{
    crowd::{Ask, get},
    support::random::{Random, Zipf},
};

/// Pages of a list that readers visit.
const PAGES: u64 = 10;
/// Share of readers who read a list, in percent; the others read a product.
const LISTS: u64 = 60;
/// Reads per price change.
const READS_PER_CHANGE: u64 = 1_000;
/// Customer tiers, and their share in percent.
const TIERS: [(&str, u64); 3] = [("standard", 70), ("silver", 25), ("gold", 5)];
/// Field with the customer's tier.
pub(super) const TIER: HeaderName = HeaderName::from_static("x-customer-tier");

/// Amount and duration of the traffic, and its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) reads: u64,
    pub(super) span: Duration,
    /// Popular pages are fetched before the shop opens.
    pub(super) warm: bool,
    /// The cache receives price changes.
    pub(super) events: bool,
    /// Lifetimes are learned, and not set by category.
    pub(super) learned: bool,
    /// Hits are timed at the end, by a real clock.
    pub(super) timed: bool,
}

/// Generates readers: at random times, with popularity by Zipf's law.
#[derive(Debug)]
pub(super) struct Readers {
    random: Random,
    categories: Zipf,
    pages: Zipf,
    products: Zipf,
    mean_gap: f64,
    now: f64,
    until_change: u64,
}

/// Next event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Read { page: Page, tier: &'static str },
    Change { product: usize },
}

// === impl Readers ===

impl Readers {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub(super) fn new(seed: u64, traffic: &Traffic) -> Self {
        Self {
            random: Random::new(seed),
            categories: Zipf::new(CATEGORIES.len() as u64),
            pages: Zipf::new(PAGES),
            products: Zipf::new(PRODUCTS as u64),
            mean_gap: traffic.span.as_secs_f64() / traffic.reads.max(1) as f64,
            now: 0.0,
            until_change: READS_PER_CHANGE,
        }
    }

    /// Returns the next event, and its time since the start.
    pub(super) fn next(&mut self) -> (Duration, Event) {
        if self.until_change == 0 {
            self.until_change = READS_PER_CHANGE;
            let product = self.product();
            return (Duration::from_secs_f64(self.now), Event::Change { product });
        }
        self.until_change -= 1;
        self.now += self.random.gap(self.mean_gap);
        let page = if self.random.below(100) < LISTS {
            Page::List {
                category: index(self.categories.draw(&mut self.random)),
                page: 1 + index(self.pages.draw(&mut self.random)),
            }
        } else {
            Page::Product(self.product())
        };
        let tier = self.tier();
        (
            Duration::from_secs_f64(self.now),
            Event::Read { page, tier },
        )
    }

    fn product(&mut self) -> usize {
        index(self.products.draw(&mut self.random))
    }

    fn tier(&mut self) -> &'static str {
        let mut point = self.random.below(100);
        for (tier, share) in TIERS {
            if point < share {
                return tier;
            }
            point -= share;
        }
        TIERS[0].0
    }
}

/// Reports whether a page is fetched before the shop opens: the first pages of the most popular
/// lists.
pub(super) fn is_popular(page: Page) -> bool {
    matches!(
        page,
        Page::List {
            category: 0..4,
            page: 1..=3
        }
    )
}

/// Returns the requests for all of those.
pub(super) fn popular() -> impl Iterator<Item = Ask> {
    let lists = (0..CATEGORIES.len())
        .flat_map(|category| (1..=index(PAGES)).map(move |page| Page::List { category, page }));
    let popular = lists.filter(|page| is_popular(*page));
    popular.flat_map(|page| TIERS.map(|(tier, _)| request(page, tier)))
}

pub(super) fn request(page: Page, tier: &'static str) -> Ask {
    let mut request = get(&page.uri());
    let tier = http::HeaderValue::from_static(tier);
    request.headers_mut().insert(TIER, tier);
    request
}

fn index(rank: u64) -> usize {
    usize::try_from(rank).unwrap_or(0)
}
