//! Sizes and costs of keys whose trace states none: a function of the key.

/// Bytes that a store keeps beside each body.
pub(super) const BESIDE: u64 = 600;

/// A size of all bodies.
const FLAT: u64 = 4 << 10;

/// Median and spread of the log-normal sizes: 4 KiB, one in a hundred more than 80 KiB.
const MEDIAN: f64 = 4_096.0;
const SPREAD: f64 = 1.3;

/// Least size and exponent of the Pareto sizes: half of them below 1.8 KiB, one in a thousand above
/// 320 KiB.
const LEAST: f64 = 1_024.0;
const EXPONENT: f64 = 1.2;

/// Largest size.
const LARGEST: f64 = 16e6;

/// Distribution of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Sizes {
    /// 4 KiB each.
    Flat,
    /// Log-normal.
    LogNormal,
    /// Pareto.
    Pareto,
}

impl Sizes {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::LogNormal => "log-normal",
            Self::Pareto => "Pareto",
        }
    }

    /// Returns the size of a key's body, in bytes.
    pub(super) fn of(self, key: u32) -> u64 {
        let size = match self {
            Self::Flat => return FLAT,
            Self::LogNormal => MEDIAN * (SPREAD * normal(key, 1)).exp(),
            Self::Pareto => LEAST / uniform(key, 2).powf(1.0 / EXPONENT),
        };
        size.min(LARGEST) as u64
    }
}

/// Returns a log-normal cost of a key, with a median of 1.
pub(super) fn cost(key: u32) -> f64 {
    normal(key, 3).exp()
}

/// Returns a number of a standard normal distribution (Box and Muller, 1958).
fn normal(key: u32, salt: u64) -> f64 {
    let angle = std::f64::consts::TAU * uniform(key, salt + 100);
    (-2.0 * uniform(key, salt).ln()).sqrt() * angle.cos()
}

/// Returns a number between 0 and 1, without both.
fn uniform(key: u32, salt: u64) -> f64 {
    let bits = mixed(u64::from(key) | salt << 32) >> 11;
    (bits as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Returns a well-mixed number for each number.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        bits = (bits ^ (bits >> 29)).wrapping_mul(factor);
    }
    bits ^ (bits >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(numbers: impl Iterator<Item = f64>) -> f64 {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    }

    #[test]
    fn medians_are_those_of_the_distributions() {
        let sizes = |sizes: Sizes| median((0..10_001).map(|key| sizes.of(key) as f64));
        assert!((3_900.0..4_300.0).contains(&sizes(Sizes::LogNormal)));
        assert!((1_750.0..1_900.0).contains(&sizes(Sizes::Pareto)));
        assert!((0.95..1.05).contains(&median((0..10_001).map(cost))));
    }
}
