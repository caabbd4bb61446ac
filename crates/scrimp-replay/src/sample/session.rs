//! A visitor of the fictional shop.

use std::fmt::Write;

use super::town::Shop;
use scrimp_demo::support::random::Random;

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "shop-app/4.2 (Android 14)",
    "price-watch/1.9 (+bot)",
];
const CATEGORIES: &[&str] = &[
    "lamps", "chairs", "tables", "shelves", "rugs", "beds", "desks", "sofas",
];
const CAMPAIGNS: &[&str] = &["newsletter", "search", "social"];

/// One visitor, between two requests.
#[derive(Debug)]
pub(super) struct Session {
    address: [u8; 4],
    agent: &'static str,
    pub(super) requests_left: u64,
    /// Product on the visitor's page, if any.
    product: Option<u64>,
}

/// A request of a visitor or of the shop's back office.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) address: [u8; 4],
    pub(super) agent: &'static str,
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) status: u16,
    pub(super) bytes: u64,
}

// === impl Session ===

impl Session {
    pub(super) fn new(random: &mut Random) -> Self {
        let [a, b, c, ..] = random.bits().to_le_bytes();
        Self {
            address: [10, a, b, c],
            agent: random.pick(AGENTS),
            requests_left: 1 + random.below(11),
            product: None,
        }
    }

    /// Makes the next request: lists lead to products, products to their reviews, the cart, or
    /// back.
    pub(super) fn request(&mut self, shop: &Shop, random: &mut Random) -> Request {
        self.requests_left = self.requests_left.saturating_sub(1);
        let mut target = String::new();
        let mut answer = ("GET", 200, 0);
        match (self.product, random.below(100)) {
            (_, 0..2) => {
                let _ = write!(
                    target,
                    "/api/products/{}",
                    shop.products + 1 + random.below(500)
                );
                answer = ("GET", 404, 48);
            }
            (Some(id), 2..7) => {
                let _ = write!(target, "/api/cart?product={id}");
                answer = ("POST", 201, 96);
            }
            (Some(id), 7..25) => {
                let _ = write!(target, "/api/products/{id}/reviews");
                answer.2 = 900 + id * 37 % 5_000;
            }
            (None, _) | (_, 25..50) => {
                let category = random.pick(CATEGORIES);
                let page = 1 + random.below(4) * random.below(2) * random.below(2);
                let _ = write!(target, "/api/products?category={category}&page={page}");
                answer.2 = 14_000 + page * 211;
                self.product = Some(shop.popular(random));
            }
            _ => {
                let id = shop.popular(random);
                let _ = write!(target, "/api/products/{id}");
                if random.below(12) == 0 {
                    let _ = write!(target, "?utm_source={}", random.pick(CAMPAIGNS));
                }
                answer.2 = 1_500 + id * 53 % 4_000;
                self.product = Some(id);
            }
        }
        if random.below(400) == 0 {
            answer = (answer.0, 503, 60);
        }
        let (method, status, bytes) = answer;
        Request {
            address: self.address,
            agent: self.agent,
            method,
            target,
            status,
            bytes,
        }
    }
}

/// Makes a price change by the back office.
pub(super) fn price_change(shop: &Shop, random: &mut Random) -> Request {
    Request {
        address: [10, 0, 0, 1],
        agent: "back-office/2.0",
        method: "PUT",
        target: format!("/api/products/{}", shop.popular(random)),
        status: 204,
        bytes: 0,
    }
}
