//! Worth of time, quality and failures.

use scrimp_core::{BoxError, Currency, Money, SettingError, extensions::Priority};

use crate::price::{MONEY, keep};

/// Worth of time, quality and failures, per priority.
///
/// ```
/// use scrimp_core::extensions::Priority;
/// use scrimp_cost_route::{Score, Stake, Stakes};
///
/// // A user who waits is worth a cent per second; all other requests have the default stakes.
/// let waiting = Stake::new().second("0.01").quality("0.02").failure("0.10");
/// let score = Score::Money(Stakes::default().with(Priority::High, waiting));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stakes {
    high: Stake,
    default: Stake,
    low: Stake,
}

/// Worth of time, quality and failures. Amounts in other currencies than dollars need an
/// exchange rate. Range: 0 or more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stake {
    second: Money,
    quality: Money,
    failure: Money,
    error: Option<SettingError>,
}

// === impl Stakes ===

impl Stakes {
    /// Sets the stake of requests of a priority.
    #[must_use]
    pub fn with(mut self, priority: Priority, stake: Stake) -> Self {
        match priority {
            Priority::High => self.high = stake,
            Priority::Default => self.default = stake,
            Priority::Low => self.low = stake,
        }
        self
    }

    pub(super) fn of(&self, priority: Priority) -> &Stake {
        match priority {
            Priority::High => &self.high,
            Priority::Default => &self.default,
            Priority::Low => &self.low,
        }
    }

    /// Checks the stakes.
    ///
    /// # Errors
    ///
    /// If an amount cannot be used: the first one that cannot.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        let all = [&self.high, &self.default, &self.low];
        let error = all.into_iter().find_map(|stake| stake.error.clone());
        error.map_or(Ok(()), Err)
    }
}

impl Default for Stakes {
    /// Values a second at $0.005, $0.0005 and $0.00005 by priority, an answer without any
    /// quality at $0.01, $0.005 and $0.002 of harm, and a failure at $0.05, $0.02 and $0.005.
    fn default() -> Self {
        let stake = |second, quality, failure| {
            let micro = |n: i128| Money::from_pico(n * 1_000_000, Currency::USD);
            Stake {
                second: micro(second),
                quality: micro(quality),
                failure: micro(failure),
                error: None,
            }
        };
        Self {
            high: stake(5_000, 10_000, 50_000),
            default: stake(500, 5_000, 20_000),
            low: stake(50, 2_000, 5_000),
        }
    }
}

// === impl Stake ===

impl Stake {
    /// Starts from a stake in which all values are 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a second of waiting is worth: `second("0.005")`.
    #[must_use]
    pub fn second(mut self, worth: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(worth) = self.amount("second", worth) {
            self.second = worth;
        }
        self
    }

    /// Sets what all of an answer's quality is worth: a tenth of quality less costs a tenth of
    /// this.
    #[must_use]
    pub fn quality(mut self, worth: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(worth) = self.amount("quality", worth) {
            self.quality = worth;
        }
        self
    }

    /// Sets the harm of a request that failed for good.
    #[must_use]
    pub fn failure(mut self, harm: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        if let Some(harm) = self.amount("failure", harm) {
            self.failure = harm;
        }
        self
    }

    fn amount(
        &mut self,
        setting: &'static str,
        amount: impl TryInto<Money, Error: Into<BoxError>>,
    ) -> Option<Money> {
        let amount = SettingError::read("Stake", setting, amount, MONEY);
        let amount = amount.and_then(|amount: Money| {
            SettingError::within("Stake", setting, amount, Money::zero(amount.currency())..)
        });
        keep(&mut self.error, amount)
    }

    pub(super) fn amounts(&self) -> [(&'static str, Money); 3] {
        [
            ("second", self.second),
            ("quality", self.quality),
            ("failure", self.failure),
        ]
    }
}
