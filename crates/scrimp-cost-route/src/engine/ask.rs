//! Terms of a request.

use std::time::Duration;

use scrimp_core::{ExchangeRates, Money, NoExchangeRate, SettingError, extensions::Priority};
use smallvec::SmallVec;

use super::rules::{dollars, rate_missing};

/// Terms that a request sets for its provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ask {
    /// Priority of the request: the cost of the caller's wait.
    pub priority: Priority,
    /// True if the request may be sent again, so that it is not lost if an explored provider fails.
    pub replayable: bool,
    /// Limits that a provider must be within.
    pub filters: Bounds,
    /// Kind of the request, for hysteresis: a switch for one kind does not affect others.
    pub kind: u64,
    /// True if costs hold for this request alone, as what a prompt cache has of it: hysteresis does not
    /// apply, and the choice is not remembered for others of its kind.
    pub apart: bool,
    /// Worth of a second of waiting, if a slow call may have another one beside it.
    pub hedge: Option<Money>,
}

/// Limits of [`Filters`](crate::Filters), checked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// Least quality, 0 to 1.
    pub min_quality: Option<f64>,
    /// Longest time until the answer is whole.
    pub max_latency: Option<Duration>,
    /// Highest price. It needs an exchange rate if it is not in dollars.
    pub max_price: Option<Money>,
}

/// Bounds as the inner loop needs them: in seconds and dollars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) min_quality: Option<f64>,
    pub(super) max_latency: Option<f64>,
    pub(super) max_price: Option<f64>,
}

/// Candidates that may not be chosen, by index: they were tried, are full, or lack a tag. For others, the
/// wait until they may be called.
#[derive(Debug, Clone, Default)]
pub struct Barred {
    bits: SmallVec<[u64; 4]>,
    waits: SmallVec<[(usize, f64); 2]>,
}

// === impl Bounds ===

impl Bounds {
    /// Combines two sets of limits: the stricter of each.
    pub(crate) fn and(self, other: Self, rates: &ExchangeRates) -> Result<Self, NoExchangeRate> {
        let max_price = match (self.max_price, other.max_price) {
            (Some(a), Some(b)) => {
                let same = rates.convert(b, a.currency())?;
                Some(if same < a { b } else { a })
            }
            (a, b) => a.or(b),
        };
        Ok(Self {
            min_quality: stricter(self.min_quality, other.min_quality, f64::max),
            max_latency: stricter(self.max_latency, other.max_latency, Duration::min),
            max_price,
        })
    }

    pub(super) fn limits(&self, rates: &ExchangeRates) -> Result<Limits, NoExchangeRate> {
        Ok(Limits {
            min_quality: self.min_quality,
            max_latency: self.max_latency.map(|time| time.as_secs_f64()),
            max_price: self
                .max_price
                .map(|most| dollars(rates, most))
                .transpose()?,
        })
    }

    /// Checks that the highest price can be compared.
    ///
    /// # Errors
    ///
    /// If it lacks an exchange rate.
    pub(crate) fn check(&self, rates: &ExchangeRates) -> Result<(), SettingError> {
        let Some(most) = self.max_price else {
            return Ok(());
        };
        dollars(rates, most)
            .map(drop)
            .map_err(|error| rate_missing("Filters", "max_price", most, error))
    }
}

fn stricter<T>(a: Option<T>, b: Option<T>, pick: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(pick(a, b)),
        (a, b) => a.or(b),
    }
}

// === impl Barred ===

impl Barred {
    /// Bars a candidate.
    pub fn bar(&mut self, index: usize) {
        let word = index / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (index % 64);
    }

    /// Sets the time that a request would wait before its call to a candidate, once for each candidate.
    pub fn delay(&mut self, index: usize, wait: Duration) {
        self.waits.push((index, wait.as_secs_f64()));
    }

    /// Returns the seconds that a request would wait before its call to a candidate.
    #[must_use]
    pub fn wait(&self, index: usize) -> f64 {
        let mut waits = self.waits.iter();
        let found = waits.find(|(other, _)| *other == index);
        found.map_or(0.0, |(_, wait)| *wait)
    }

    /// Reports whether a candidate is barred.
    #[must_use]
    pub fn is_barred(&self, index: usize) -> bool {
        self.bits
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_candidates_is_barred_one_by_one() {
        let mut barred = Barred::default();
        let some = [0, 1, 63, 64, 130, 1_000];
        for index in some {
            assert!(!barred.is_barred(index));
            barred.bar(index);
        }
        barred.bar(64);
        let all: Vec<_> = (0..2_000)
            .filter(|index| barred.is_barred(*index))
            .collect();
        assert_eq!(all, some);
    }

    #[test]
    fn the_stricter_of_two_limits_holds_in_either_order() {
        let limits = |quality, seconds, price: &str| Bounds {
            min_quality: Some(quality),
            max_latency: Some(Duration::from_secs(seconds)),
            max_price: Some(price.parse().unwrap()),
        };
        let rates = ExchangeRates::new();
        let (one, other) = (limits(0.5, 9, "0.02"), limits(0.7, 8, "0.03"));
        let both = limits(0.7, 8, "0.02");
        assert_eq!(one.and(other, &rates), Ok(both));
        assert_eq!(other.and(one, &rates), Ok(both));
        let none = Bounds::default();
        assert_eq!(one.and(none, &rates), Ok(one));
        assert_eq!(none.and(one, &rates), Ok(one));
        assert!(one.and(limits(0.5, 9, "1 EUR"), &rates).is_err());
    }

    #[test]
    fn limits_are_in_seconds_and_dollars() {
        let yen = scrimp_core::Currency::new("JPY").unwrap();
        let rate = scrimp_core::ExchangeRate::new(yen, "0.01".parse().unwrap()).unwrap();
        let bounds = Bounds {
            min_quality: Some(0.5),
            max_latency: Some(Duration::from_millis(1_500)),
            max_price: Some("300 JPY".parse().unwrap()),
        };
        assert!(bounds.limits(&ExchangeRates::new()).is_err());
        assert!(bounds.check(&ExchangeRates::new()).is_err());
        let rates = ExchangeRates::new().with(rate);
        assert!(bounds.check(&rates).is_ok() && Bounds::default().check(&rates).is_ok());
        let limits = bounds.limits(&rates).unwrap();
        assert_eq!(limits.min_quality, Some(0.5));
        assert_eq!(
            (limits.max_latency, limits.max_price),
            (Some(1.5), Some(3.0))
        );
    }
}
