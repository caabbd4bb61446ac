//! What a request wants.

use scrimp_core::extensions::Priority;
use smallvec::SmallVec;

/// What a request asks of its provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ask {
    /// How much its caller minds waiting.
    pub priority: Priority,
    /// Whether it may be sent a second time, so that trying something out can't lose it.
    pub replayable: bool,
    /// What a provider must be like.
    pub filters: Filters,
    /// Which requests are alike, for hysteresis: a switch for one kind is none for others.
    pub kind: u64,
}

/// Who is good enough. They run before the score: the cheapest of those that pass is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Filters {
    /// Least quality, 0 to 1.
    pub min_quality: Option<f64>,
    /// Most seconds until the answer is whole.
    pub max_latency: Option<f64>,
    /// Most dollars.
    pub max_price: Option<f64>,
}

/// Candidates that may not be chosen, by index: they were tried, are full, or lack a tag.
#[derive(Debug, Clone, Default)]
pub struct Barred(SmallVec<[u64; 4]>);

// === impl Filters ===

impl Filters {
    /// Both: the stricter of each.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let with = |a: Option<f64>, b: Option<f64>, pick: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        Self {
            min_quality: with(self.min_quality, other.min_quality, f64::max),
            max_latency: with(self.max_latency, other.max_latency, f64::min),
            max_price: with(self.max_price, other.max_price, f64::min),
        }
    }
}

// === impl Barred ===

impl Barred {
    /// Bars a candidate.
    pub fn bar(&mut self, index: usize) {
        let word = index / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (index % 64);
    }

    /// Whether a candidate is barred.
    #[must_use]
    pub fn is_barred(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}
