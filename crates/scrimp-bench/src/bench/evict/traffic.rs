//! Requests for pages of many sizes, with unequal popularity.

use std::{collections::HashMap, time::Duration};

use rand::{RngExt, SeedableRng, distr::Distribution, rngs::StdRng};
use rand_distr::{LogNormal, Zipf};

pub(super) const REQUESTS: usize = 300_000;
const PAGES: usize = 30_000;
const EXPONENT: f64 = 0.9;
/// Half of the pages have more than 8 KiB, one in a hundred more than 170 KiB.
const MEDIAN: f64 = 8_192.0;
const SPREAD: f64 = 1.3;
const LARGEST: f64 = 4e6;
/// Most popular pages, which new pages replace.
const NEWS: usize = 300;

pub(super) const ALL: [Traffic; 4] = [
    Traffic {
        name: "always the same pages",
        new_every: 0,
        once_in: 0,
        ttl: Duration::from_secs(31_536_000),
    },
    Traffic {
        name: "news",
        new_every: 50,
        once_in: 0,
        ttl: Duration::from_secs(31_536_000),
    },
    Traffic {
        name: "half is asked for once",
        new_every: 0,
        once_in: 2,
        ttl: Duration::from_secs(31_536_000),
    },
    Traffic {
        name: "fresh for ten minutes",
        new_every: 0,
        once_in: 0,
        ttl: Duration::from_secs(600),
    },
];

#[derive(Clone, Copy)]
pub(super) struct Traffic {
    pub(super) name: &'static str,
    /// Requests after which a new page replaces a popular one; 0: never.
    new_every: usize,
    /// One in this many requests is for a page that is requested only once; 0: none.
    once_in: usize,
    pub(super) ttl: Duration,
}

#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) number: usize,
    pub(super) size: usize,
}

impl Traffic {
    /// Time between two requests.
    pub(super) const PACE: Duration = Duration::from_millis(10);

    /// Returns the requests, the same in every run.
    pub(super) fn requests(self) -> impl Iterator<Item = Page> {
        let mut random = StdRng::seed_from_u64(5);
        let zipf = Zipf::new(PAGES as f64, EXPONENT).expect("the parameters are in range");
        let sizes = LogNormal::new(MEDIAN.ln(), SPREAD).expect("the parameters are in range");
        let mut places: Vec<usize> = (0..PAGES).collect();
        let mut known = HashMap::new();
        let mut next = PAGES;
        let mut fresh = move || {
            next += 1;
            next
        };
        (0..REQUESTS).map(move |turn| {
            if self.new_every > 0 && turn % self.new_every == 0 {
                places[random.random_range(0..NEWS)] = fresh();
            }
            let number = if self.once_in > 0 && turn % self.once_in == 0 {
                fresh()
            } else {
                places[zipf.sample(&mut random) as usize - 1]
            };
            let size = *known
                .entry(number)
                .or_insert_with(|| sizes.sample(&mut random).min(LARGEST) as usize);
            Page { number, size }
        })
    }
}
