//! The set of providers, changed while requests are under way.

use std::{fmt, sync::Arc};

use scrimp_core::{BoxError, SettingError};

use crate::{Price, Provider, config::Shared, provider::checked_price};

/// Handle on a layer's set of providers.
#[derive(Clone)]
pub struct Providers {
    pub(crate) shared: Arc<Shared>,
}

// === impl Providers ===

impl Providers {
    /// Adds a provider, or replaces the one of its name: calls under way continue, and its
    /// observations are kept.
    ///
    /// # Errors
    ///
    /// If a setting of the provider cannot be used, if its price is unknown and a cap counts it,
    /// or if no exchange rate of the layer converts its price to the currency of a cap it counts towards. Then nothing is changed.
    pub fn put(&self, provider: Provider) -> Result<(), SettingError> {
        let Shared { config, state, .. } = &*self.shared;
        let profile = provider.checked()?;
        config.check_prices(&profile)?;
        state.lock().put(profile, self.shared.now());
        Ok(())
    }

    /// Removes a provider. Calls under way to it continue. Returns false if there is no
    /// provider of the name.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn remove(&self, name: &str) -> bool {
        self.shared.state.lock().remove(name, self.shared.now())
    }

    /// Sets a provider's price, from the next decision on. Returns false if there is no provider
    /// of the name.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn set_price(
        &self,
        name: &str,
        price: impl TryInto<Price, Error: Into<BoxError>>,
    ) -> Result<bool, SettingError> {
        let Shared { config, state, .. } = &*self.shared;
        let price = checked_price("Provider", price)?;
        config.check_price(name, None, &price)?;
        Ok(state.lock().set_price(name, price))
    }

    /// Reports the quality of a provider's answer, for judgements that come after the quality
    /// gate's. Range: 0 to 1. Returns false if there is no provider of the name.
    ///
    /// # Errors
    ///
    /// If `quality` is out of its range. Then nothing is learnt.
    pub fn judge(&self, name: &str, quality: f64) -> Result<bool, SettingError> {
        let quality = SettingError::within("Providers", "quality", quality, 0.0..=1.0)?;
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        let found = state.find(name);
        if let Some(index) = found {
            state.router.judge(now, index, quality);
        }
        Ok(found.is_some())
    }

    /// Returns the names of the providers, in no particular order.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        let state = self.shared.state.lock();
        let names = state.entries.iter().map(|entry| &entry.provider.name);
        names.cloned().collect()
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
