//! Checks of caps and of the prices that they count.

use scrimp_core::{Currency, Money, SettingError};

use super::Budget;

// === impl Budget ===

impl Budget {
    /// Checks the caps.
    ///
    /// # Errors
    ///
    /// If a setting of a cap cannot be used, or two caps have the same name.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        self.inner.error.clone().map_or(Ok(()), Err)
    }

    /// Checks that a provider's prices, in this currency, can be compared with each cap that
    /// they count towards.
    ///
    /// # Errors
    ///
    /// If an exchange rate is missing. The error names the cap and both currencies.
    pub(crate) fn check_currency(
        &self,
        provider: &str,
        currency: Currency,
    ) -> Result<(), SettingError> {
        let caps = self.inner.caps.iter();
        for cap in caps.filter(|cap| cap.counts_provider(provider)) {
            let to = cap.limit.currency();
            self.rates
                .convert(Money::zero(currency), to)
                .map_err(|missing| {
                    let problem = format!(
                        "of {:?} is {}, the provider {provider:?} has its prices in {currency}, \
                         and {missing}: set what one {currency} is worth by `exchange_rate`, or \
                         give the cap in {currency}",
                        cap.name, cap.limit
                    );
                    SettingError::new("Cap", "limit", problem).with_source(missing)
                })?;
        }
        Ok(())
    }

    /// Checks that no cap counts a provider whose price is unknown.
    ///
    /// # Errors
    ///
    /// If one does. The error names the cap, the provider and the model.
    pub(crate) fn check_known(
        &self,
        provider: &str,
        model: Option<&str>,
    ) -> Result<(), SettingError> {
        let mut caps = self.inner.caps.iter();
        let Some(cap) = caps.find(|cap| cap.counts_provider(provider)) else {
            return Ok(());
        };
        let model = model.map_or_else(String::new, |model| format!(" for the model {model:?}"));
        let problem = format!(
            "of {provider:?}{model} is unknown, and the cap {:?} counts it: set it, or allow \
             unknown prices with `unknown_prices`",
            cap.name
        );
        Err(SettingError::new("Provider", "price", problem))
    }

    /// Reports whether a call counts towards a cap.
    pub(crate) fn counts(&self, tenant: &str, provider: &str, route: &str) -> bool {
        let mut caps = self.inner.caps.iter();
        caps.any(|cap| cap.key(tenant, provider, route).is_some())
    }
}
