//! The shop's own API: lists and products, whose prices change.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::{
    crowd::Ask,
    prices::{CALL, Till},
};

/// Duration of a call of the API.
pub(super) const TAKES: Duration = Duration::from_millis(45);
pub(super) const PRODUCTS: usize = 2_000;
pub(super) const CATEGORIES: [&str; 8] = [
    "electronics",
    "books",
    "clothing",
    "home",
    "toys",
    "sports",
    "beauty",
    "garden",
];
/// Category of a response.
pub(super) const CATEGORY: HeaderName = HeaderName::from_static("x-category");

/// The products, and a record of the calls.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    prices: Arc<Mutex<Prices>>,
    pub(super) till: Till,
}

/// Number of the last price change of each item, from one; zero for none yet.
#[derive(Debug)]
struct Prices {
    of_product: Vec<u64>,
    of_category: [u64; CATEGORIES.len()],
    /// Time and product of each change.
    changes: Vec<(Instant, usize)>,
}

/// Page that a reader requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    List { category: usize, page: usize },
    Product(usize),
}

// === impl Page ===

impl Page {
    pub(super) fn uri(self) -> String {
        match self {
            Self::List { category, page } => {
                let category = CATEGORIES[category];
                format!("http://shop.example/api/products?category={category}&page={page}")
            }
            Self::Product(id) => format!("http://shop.example/api/products/{id}"),
        }
    }

    pub(super) fn category(self) -> usize {
        match self {
            Self::List { category, .. } => category,
            Self::Product(id) => id % CATEGORIES.len(),
        }
    }

    /// Reports whether a product's price is on the page. Any page of a list may contain any product
    /// of its category.
    fn shows(self, product: usize) -> bool {
        match self {
            Self::List { category, .. } => category == Self::Product(product).category(),
            Self::Product(id) => id == product,
        }
    }

    /// Reads the page from a request's URI.
    fn of(request: &Request<Full<Bytes>>) -> Option<Self> {
        let uri = request.uri();
        if let Some(id) = uri.path().strip_prefix("/api/products/") {
            return id.parse().ok().map(Self::Product);
        }
        let category = category_in(uri.query()?)?;
        let category = CATEGORIES.iter().position(|&name| name == category)?;
        Some(Self::List { category, page: 0 })
    }
}

/// Returns `electronics` for `category=electronics&page=1`.
pub(super) fn category_in(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("category="))
}

// === impl Shop ===

impl Shop {
    pub(super) fn new() -> Self {
        let prices = Prices {
            of_product: vec![0; PRODUCTS],
            of_category: [0; CATEGORIES.len()],
            changes: Vec::new(),
        };
        Self {
            prices: Arc::new(Mutex::new(prices)),
            till: Till::default(),
        }
    }

    /// Changes a price now.
    pub(super) fn change(&self, product: usize) {
        let mut prices = self.prices.lock();
        prices.changes.push((Instant::now(), product));
        let number = prices.changes.len() as u64;
        prices.of_product[product] = number;
        prices.of_category[Page::Product(product).category()] = number;
    }

    /// Returns the last change that a page must show now.
    pub(super) fn last_change(&self, page: Page) -> u64 {
        let prices = self.prices.lock();
        match page {
            Page::List { category, .. } => prices.of_category[category],
            Page::Product(id) => prices.of_product[id],
        }
    }

    /// Returns how old a page with this last change is at a given time.
    pub(super) fn old_for(&self, page: Page, shown: u64, at: Instant) -> Duration {
        let prices = self.prices.lock();
        let shown = usize::try_from(shown).unwrap_or(usize::MAX);
        let mut later = prices.changes.iter().skip(shown);
        let missed = later.find(|(_, product)| page.shows(*product));
        missed.map_or(Duration::ZERO, |(when, _)| {
            at.saturating_duration_since(*when)
        })
    }

    /// Responds with the number of the last price change on the page. It is read at the start of
    /// the call and sent at its end: a change in between makes the response old.
    pub(super) async fn answer(self, request: Ask) -> Result<Response<Full<Bytes>>, Infallible> {
        let charge = self.till.take(1, CALL);
        let Some(page) = Page::of(&request) else {
            let mut lost = Response::default();
            *lost.status_mut() = http::StatusCode::NOT_FOUND;
            return Ok(lost);
        };
        let body = self.last_change(page).to_string();
        sleep(TAKES).await;
        let mut response = Response::new(Full::from(body));
        let category = HeaderValue::from_static(CATEGORIES[page.category()]);
        response.headers_mut().insert(CATEGORY, category);
        response.extensions_mut().insert(charge);
        Ok(response)
    }
}
