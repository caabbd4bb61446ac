//! Popularity of pages.

use std::sync::LazyLock;

use rand::{SeedableRng, distr::Distribution, rngs::StdRng};
use rand_distr::Zipf;

/// Number of pages.
pub(crate) const PAGES: usize = 10_000;

const EXPONENT: f64 = 0.99;
const DRAWN: usize = 1 << 17;

/// Draws from Zipf's distribution, the same in every run.
static DRAWS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let zipf = Zipf::new(PAGES as f64, EXPONENT).expect("the parameters are in range");
    let draws = zipf.sample_iter(StdRng::seed_from_u64(7)).take(DRAWN);
    draws.map(|rank| rank as usize - 1).collect()
});

/// Returns the page for request `number`: first every page once, then by popularity.
pub(crate) fn page(number: usize) -> usize {
    match number.checked_sub(PAGES) {
        None => number,
        Some(number) => DRAWS[number % DRAWN],
    }
}
