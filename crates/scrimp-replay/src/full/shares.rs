//! Each layer's share of the savings.

use scrimp_core::Money;

use crate::layers::Share;

/// Counts between the layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Requests of the log.
    pub(super) requests: u64,
    /// Requests that left the cache, including refreshes.
    pub(super) left_cache: u64,
    pub(super) refreshes: u64,
    /// Requests that waited for another request's fill, and then needed no call.
    pub(super) filled: u64,
    /// Requests that left the layer for shared calls.
    pub(super) left_coalesce: u64,
    /// Requests that reached a provider.
    pub(super) calls: u64,
}

/// The layers that are present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present {
    pub(super) stampede: bool,
    pub(super) coalesce: bool,
    pub(super) batch: bool,
}

// === impl Counted ===

impl Counted {
    pub(super) fn shares(self, present: Present, price: Money, spent: Money) -> Vec<Share> {
        let share = |layer, came: u64, left: u64| {
            let calls = signed(came).saturating_sub(signed(left));
            let saved = price.pico().saturating_mul(i128::from(calls));
            Share {
                layer,
                calls,
                saved: Money::from_pico(saved, price.currency()),
            }
        };
        let at_price = price * self.calls;
        let routed = Share {
            layer: "route",
            calls: 0,
            saved: at_price
                .checked_sub(spent)
                .expect("a replay uses the currency of its price only"),
        };
        let own = self.left_cache.saturating_sub(self.refreshes);
        // Zero unless stampede protection lets requests wait for each other.
        let filled = if present.stampede { self.filled } else { 0 };
        let all = [
            (present.stampede, share("stampede", filled, self.refreshes)),
            (
                true,
                share("cache", self.requests, own.saturating_add(filled)),
            ),
            (
                present.coalesce,
                share("coalesce", self.left_cache, self.left_coalesce),
            ),
            (
                present.batch,
                share("batch", self.left_coalesce, self.calls),
            ),
            (true, routed),
        ];
        let there = all.into_iter().filter(|(there, _)| *there);
        there.map(|(_, share)| share).collect()
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scrimp_core::Currency;

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_for_any_counts(
            counts in prop::array::uniform6(0u64..1 << 40),
            price in 0i128..1 << 60,
            spent in 0i128..1 << 90,
        ) {
            let [requests, left_cache, refreshes, filled, left_coalesce, calls] = counts;
            let refreshes = refreshes.min(left_cache);
            let counted = Counted { requests, left_cache, refreshes, filled, left_coalesce, calls };
            let present = Present { stampede: true, coalesce: true, batch: true };
            let money = |pico| Money::from_pico(pico, Currency::USD);
            let shares = counted.shares(present, money(price), money(spent));
            let sum: i64 = shares.iter().map(|share| share.calls).sum();
            prop_assert_eq!(sum, signed(requests) - signed(calls));
            let saved: i128 = shares.iter().map(|share| share.saved.pico()).sum();
            prop_assert_eq!(saved, price * i128::from(requests) - spent);
        }
    }
}
