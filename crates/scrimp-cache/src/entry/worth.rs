//! Savings by a hit on a stored response.

use std::time::Duration;

use scrimp_core::Money;

use super::Entry;

/// Time that a unit of money is worth, in seconds: a cent stands beside ten seconds. It matters only
/// where some of the responses have a price and others have none.
const UNIT: f64 = 1_000.0;

/// Calls that take less time are all the same: the difference is the network's.
const LEAST: f64 = 1.0 / 64.0;

/// Returns what a hit saves, in seconds: by the price of the call, or else by its time.
pub(super) fn of(entry: &Entry) -> f64 {
    let charge = entry.booking.as_ref().map(|booking| booking.charge);
    worth(charge, entry.recompute_cost.get())
}

fn worth(charge: Option<Money>, time: Duration) -> f64 {
    match charge.map(Money::as_f64) {
        Some(price) if price > 0.0 => price * UNIT,
        // In powers of two, so that the order does not follow every small difference.
        _ => time.as_secs_f64().max(LEAST).log2().round().exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_time(millis: u64) -> f64 {
        worth(None, Duration::from_millis(millis))
    }

    fn of_price(price: &str) -> f64 {
        let price = price.parse().expect("an amount of money");
        worth(Some(price), Duration::from_millis(1))
    }

    #[test]
    fn a_price_counts_before_time_and_in_proportion() {
        assert!((of_price("0.02 USD") / of_price("0.01 USD") - 2.0).abs() < 1e-9);
        assert_eq!(of_price("0 USD"), of_time(1));
    }

    #[test]
    fn slow_calls_are_worth_more_and_small_differences_nothing() {
        assert_eq!(of_time(0), of_time(15));
        assert_eq!(of_time(900), of_time(1_100));
        assert!(of_time(2_000) > of_time(1_000));
    }
}
