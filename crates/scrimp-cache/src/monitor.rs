//! Samples of hits that are compared with the upstream, within a price per hour.

use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use scrimp_core::{Counter, Money};
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3_600);

/// Settings of a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    pub(crate) one_in: NonZeroU64,
    pub(crate) per_hour: Money,
}

/// Chooses the hits that are compared, pays for their calls, and counts what was found.
#[derive(Debug)]
pub(crate) struct Monitor {
    sampling: Sampling,
    hits: AtomicU64,
    purse: Arc<Mutex<Purse>>,
    compared: Counter,
    stale_reads: Counter,
    stale_ms: AtomicU64,
}

/// Money of the present hour.
#[derive(Debug)]
struct Purse {
    began: Option<Instant>,
    /// Number of the hour. What was reserved in an earlier one is not settled in this one.
    hour: u64,
    spent: Money,
}

/// Money set aside for a comparison. Unless it is settled, all of it is spent: a call that failed may
/// have its price, too.
#[derive(Debug)]
pub(crate) struct Reserved {
    purse: Arc<Mutex<Purse>>,
    hour: u64,
    amount: Money,
}

/// Counts of a monitor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Compared {
    pub(crate) compared: u64,
    pub(crate) stale_reads: u64,
    pub(crate) stale_ms: u64,
}

// === impl Monitor ===

impl Monitor {
    pub(crate) fn new(sampling: Sampling) -> Self {
        let spent = Money::zero(sampling.per_hour.currency());
        Self {
            sampling,
            hits: AtomicU64::new(0),
            purse: Arc::new(Mutex::new(Purse {
                began: None,
                hour: 0,
                spent,
            })),
            compared: Counter::default(),
            stale_reads: Counter::default(),
            stale_ms: AtomicU64::new(0),
        }
    }

    /// Reports whether the next hit is one to compare.
    pub(crate) fn samples(&self) -> bool {
        self.hits.fetch_add(1, Relaxed) % self.sampling.one_in == 0
    }

    /// Sets the price of a call aside. `None` if the hour has too little left, or the price is in another
    /// currency, or nothing: what has no price cannot be bounded by one.
    pub(crate) fn reserve(&self, amount: Money, now: Instant) -> Option<Reserved> {
        let mut purse = self.purse.lock();
        if purse.began.is_none_or(|began| began + HOUR <= now) {
            purse.began = Some(now);
            purse.hour += 1;
            purse.spent = Money::zero(purse.spent.currency());
        }
        let spent = purse.spent.checked_add(amount).ok()?;
        if amount.pico() <= 0 || spent.pico() > self.sampling.per_hour.pico() {
            return None;
        }
        purse.spent = spent;
        Some(Reserved {
            purse: Arc::clone(&self.purse),
            hour: purse.hour,
            amount,
        })
    }

    /// Counts a comparison: a stale read with its age, or none.
    pub(crate) fn note(&self, stale_for: Option<Duration>) {
        self.compared.increment();
        if let Some(age) = stale_for {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            self.stale_reads.increment();
            self.stale_ms.fetch_max(age, Relaxed);
        }
    }

    pub(crate) fn read(monitor: Option<&Self>) -> Compared {
        monitor.map_or_else(Compared::default, |monitor| Compared {
            compared: monitor.compared.get(),
            stale_reads: monitor.stale_reads.get(),
            stale_ms: monitor.stale_ms.load(Relaxed),
        })
    }
}

// === impl Reserved ===

impl Reserved {
    /// States what the call has cost.
    pub(crate) fn settle(self, cost: Money) {
        let mut purse = self.purse.lock();
        let rest = cost.checked_sub(self.amount).ok();
        if let Some(spent) = rest.and_then(|rest| purse.spent.checked_add(rest).ok())
            && purse.hour == self.hour
        {
            purse.spent = spent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(per_hour: &str) -> Monitor {
        Monitor::new(Sampling {
            one_in: NonZeroU64::new(3).expect("not zero"),
            per_hour: per_hour.parse().expect("an amount"),
        })
    }

    fn money(text: &str) -> Money {
        text.parse().expect("an amount")
    }

    #[test]
    fn one_hit_in_three_is_a_sample() {
        let monitor = monitor("1");
        let samples: Vec<_> = (0..7).map(|_| monitor.samples()).collect();
        assert_eq!(samples, [true, false, false, true, false, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_has_its_price_and_not_more() {
        let (monitor, price) = (monitor("0.10"), money("0.03"));
        let reserve = |amount| monitor.reserve(amount, Instant::now());
        for _ in 0..100 {
            reserve(price);
        }
        assert_eq!(monitor.purse.lock().spent, money("0.09"));
        tokio::time::advance(HOUR).await;
        // What was cheaper leaves more, what was dearer less.
        reserve(price).expect("a new hour").settle(money("0.01"));
        reserve(price).expect("0.09 are left").settle(money("0.05"));
        assert!(reserve(money("0.05")).is_none());
        let late = reserve(price).expect("0.04 are left");
        tokio::time::advance(HOUR).await;
        reserve(price).expect("a new hour");
        late.settle(Money::ZERO);
        assert_eq!(monitor.purse.lock().spent, price);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_price_is_not_compared() {
        let monitor = monitor("0.10");
        assert!(monitor.reserve(Money::ZERO, Instant::now()).is_none());
        assert!(monitor.reserve(money("0.01 EUR"), Instant::now()).is_none());
    }
}
