//! Filters that a provider must pass.

use std::time::Duration;

use scrimp_core::{BoxError, Money, SettingError};

use crate::{
    engine::Bounds,
    price::{MONEY, keep},
};

/// Limits that decide which providers are good enough. They apply before the score: the
/// cheapest provider within them is chosen.
///
/// ```
/// use std::time::Duration;
/// use scrimp_cost_route::Filters;
///
/// let filters = Filters::new()
///     .min_quality(0.9)
///     .max_latency(Duration::from_secs(5))
///     .max_price("0.01");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters {
    bounds: Bounds,
    error: Option<SettingError>,
}

const OWNER: &str = "Filters";

// === impl Filters ===

impl Filters {
    /// Returns filters that every provider passes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the least quality. Range: 0 to 1.
    #[must_use]
    pub fn min_quality(mut self, quality: f64) -> Self {
        let quality = SettingError::within(OWNER, "min_quality", quality, 0.0..=1.0);
        if let Some(quality) = keep(&mut self.error, quality) {
            self.bounds.min_quality = Some(quality);
        }
        self
    }

    /// Sets the longest time until the answer is whole. Range: above zero.
    #[must_use]
    pub fn max_latency(mut self, latency: Duration) -> Self {
        let range = Duration::from_nanos(1)..;
        let latency = SettingError::within(OWNER, "max_latency", latency, range);
        if let Some(latency) = keep(&mut self.error, latency) {
            self.bounds.max_latency = Some(latency);
        }
        self
    }

    /// Sets the highest price: `max_price("0.01")`. It needs an exchange rate if it is not in
    /// dollars. Range: nothing or more.
    #[must_use]
    pub fn max_price(mut self, price: impl TryInto<Money, Error: Into<BoxError>>) -> Self {
        let price = SettingError::read(OWNER, "max_price", price, MONEY);
        let price = price.and_then(|price: Money| {
            SettingError::within(OWNER, "max_price", price, Money::zero(price.currency())..)
        });
        if let Some(price) = keep(&mut self.error, price) {
            self.bounds.max_price = Some(price);
        }
        self
    }

    /// Returns the limits, checked.
    ///
    /// # Errors
    ///
    /// If one cannot be used: the first one that cannot.
    pub(crate) fn checked(self) -> Result<Bounds, SettingError> {
        self.error.map_or(Ok(self.bounds), Err)
    }
}
