//! Settings of all that fetches ahead of time.

use std::time::Duration;

use scrimp_core::{Clock, Money};

/// Settings of calls: their way, and what they may cost.
#[derive(Debug, Clone)]
pub(crate) struct Fetching {
    pub(crate) clock: Clock,
    /// Price of a call.
    pub(crate) price: Option<Money>,
    pub(crate) per_hour: Option<Money>,
    pub(crate) timeout: Duration,
    pub(crate) max_fetches: usize,
    pub(crate) max_events: usize,
}

// === impl Fetching ===

impl Fetching {
    /// Longest time that a call may be given.
    pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);

    /// Returns settings with this many calls in flight.
    pub(crate) fn new(max_fetches: usize) -> Self {
        Self {
            clock: Clock::system(),
            price: None,
            per_hour: None,
            timeout: Duration::from_secs(30),
            max_fetches,
            max_events: 1_024,
        }
    }

    /// Returns the number of calls that the budget of an hour allows.
    pub(crate) fn calls_per_hour(&self) -> u64 {
        let Some((budget, price)) = self.per_hour.zip(self.price) else {
            return u64::MAX;
        };
        let calls = budget.pico().checked_div(price.pico());
        u64::try_from(calls.unwrap_or(i128::MAX)).unwrap_or(u64::MAX)
    }
}

/// Writes the setters of a builder whose configuration has a field `fetching`, and which has a method `change`. The
/// argument is the default of `max_fetches`.
macro_rules! fetching_setters {
    ($max_fetches:literal) => {
        /// Sets what a call costs: what is lost if no caller asks for what it fetched. Default: none. An unknown price
        /// is never zero: what needs it is an error without.
        pub fn price<V>(self, price: V) -> Self
        where
            V: TryInto<Money>,
            V::Error: Into<BoxError>,
        {
            let set = |config: &mut Config, price| config.fetching.price = Some(price);
            self.change(|settings| settings.amount("price", price, set))
        }

        /// Sets how much all calls of an hour may cost. It needs a [`price`](Self::price) in the same currency.
        /// Default: no limit.
        pub fn budget_per_hour<V>(self, budget: V) -> Self
        where
            V: TryInto<Money>,
            V::Error: Into<BoxError>,
        {
            let set = |config: &mut Config, budget| config.fetching.per_hour = Some(budget);
            self.change(|settings| settings.amount("budget_per_hour", budget, set))
        }

        /// Sets after which time a call is given up. Default: 30 s. Range: 1 ms to an hour.
        pub fn fetch_timeout(self, limit: Duration) -> Self {
            let range = Duration::from_millis(1)..=crate::fetching::Fetching::LONGEST;
            let set = |config: &mut Config, limit| config.fetching.timeout = limit;
            self.change(|settings| settings.within("fetch_timeout", limit, range, set))
        }

        /// Sets how many calls may be in flight at a time, of each target one.
        #[doc = concat!("Default: ", $max_fetches, ". Range: 1 or more.")]
        pub fn max_fetches(self, count: usize) -> Self {
            let set = |config: &mut Config, count| config.fetching.max_fetches = count;
            self.change(|settings| settings.within("max_fetches", count, 1.., set))
        }

        /// Sets how many events may wait to be learned. What comes above it is not learned. Default: 1,024. Range: 1 to
        /// 2²⁰.
        pub fn max_events(self, count: usize) -> Self {
            let set = |config: &mut Config, count| config.fetching.max_events = count;
            self.change(|settings| settings.within("max_events", count, 1..=1 << 20, set))
        }

        /// Sets the clock. Default: that of the machine.
        pub fn clock(self, clock: Clock) -> Self {
            self.change(|settings| settings.set(|config| config.fetching.clock = clock))
        }
    };
}

pub(crate) use fetching_setters;
