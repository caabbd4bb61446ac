//! Settings of the prefetches.

use std::time::Duration;

use scrimp_core::Money;

use super::Settings;
use crate::{
    ahead::PrefetchSettings,
    error::{Error, Result},
};

/// Most values of waiting: each has a simulation of its own.
const MAX_VALUES: usize = 8;

/// Longest time between a prefetch and its request.
const MAX_LEAD: Duration = Duration::from_secs(3_600);

// === impl Settings ===

impl Settings {
    /// Makes the same requests again with prefetches in front of the cache, for each value of a second of
    /// waiting. Without values, these are one, five and twenty-five times the [price](Self::price) of a call.
    /// Default: off.
    ///
    /// # Errors
    ///
    /// If there are more than eight values, or one is negative or not in the currency of the price.
    pub fn prefetch(mut self, values: &[Money]) -> Result<Self> {
        if values.len() > MAX_VALUES {
            return Err(Error::new(
                "prefetches are tried at eight values of waiting at most",
            ));
        }
        if values.iter().any(|value| value.is_negative()) {
            return Err(Error::new("the value of waiting cannot be negative"));
        }
        let before = self.prefetch.unwrap_or_else(PrefetchSettings::new);
        self.prefetch = Some(PrefetchSettings {
            values: values.to_vec(),
            ..before
        });
        Ok(self)
    }

    /// Sets how long before its expected time a [prefetch](Self::prefetch) is made. Default: 5 s.
    ///
    /// # Errors
    ///
    /// If there are no prefetches, or the time is longer than an hour.
    pub fn prefetch_lead(mut self, lead: Duration) -> Result<Self> {
        if lead > MAX_LEAD {
            return Err(Error::new(
                "prefetches are made at most an hour ahead: write a time such as 5s",
            ));
        }
        self.prefetching("lead")?.lead = lead;
        Ok(self)
    }

    /// Sets how much the [prefetches](Self::prefetch) of an hour may cost. Default: no limit.
    ///
    /// # Errors
    ///
    /// If there are no prefetches.
    pub fn prefetch_budget(mut self, per_hour: Money) -> Result<Self> {
        self.prefetching("budget")?.per_hour = Some(per_hour);
        Ok(self)
    }

    /// Sets the least calibrated probability of a [prefetch](Self::prefetch), besides that it must pay.
    /// Default: 0.
    ///
    /// # Errors
    ///
    /// If there are no prefetches, or it is not from 0 to 1.
    pub fn prefetch_threshold(mut self, probability: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::new(
                "the threshold of prefetches is a probability from 0 to 1",
            ));
        }
        self.prefetching("threshold")?.min_confidence = probability;
        Ok(self)
    }

    /// Checks that prefetches are replayed with the cache and shared calls only, and have one currency.
    pub(crate) fn check_prefetch(&self) -> Result<()> {
        let Some(prefetch) = &self.prefetch else {
            return Ok(());
        };
        if self.is_full() {
            return Err(Error::new(
                "prefetches are replayed with the cache and shared calls (--coalesce): leave out batches \
                 and providers (--all, --batch, --provider), or --prefetch",
            ));
        }
        let currency = self.price.currency();
        let amounts = prefetch.values.iter().chain(&prefetch.per_hour);
        match amounts.into_iter().find(|one| one.currency() != currency) {
            Some(other) => Err(Error::new(format!(
                "the value of waiting and the budget must be in {currency}, as the price of a call is, not {other}"
            ))),
            None => Ok(()),
        }
    }

    fn prefetching(&mut self, setting: &str) -> Result<&mut PrefetchSettings> {
        let none = || Error::new(format!("the {setting} needs prefetches (--prefetch)"));
        self.prefetch.as_mut().ok_or_else(none)
    }
}
