//! Which of many pages are asked for how often.

use std::sync::LazyLock;

use rand::{SeedableRng, distr::Distribution, rngs::StdRng};
use rand_distr::Zipf;

/// Pages there are.
pub(crate) const PAGES: usize = 10_000;

const EXPONENT: f64 = 0.99;
const DRAWN: usize = 1 << 17;

/// Draws from Zipf's distribution, the same in every run.
static DRAWS: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let zipf = Zipf::new(PAGES as f64, EXPONENT).expect("the parameters are in range");
    let draws = zipf.sample_iter(StdRng::seed_from_u64(7)).take(DRAWN);
    draws.map(|rank| rank as usize - 1).collect()
});

/// The page that request `number` asks for: first every page once, then by popularity.
pub(crate) fn page(number: usize) -> usize {
    match number.checked_sub(PAGES) {
        None => number,
        Some(number) => DRAWS[number % DRAWN],
    }
}
