//! Changing the set of providers while requests are under way.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use scrimp_core::Clock;

use crate::{Price, Provider, state::State};

/// A handle on a layer's set of providers.
#[derive(Clone)]
pub struct Providers {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) clock: Clock,
}

// === impl Providers ===

impl Providers {
    /// Adds a provider, or changes the one of its name, whose calls under way go on and
    /// about which nothing is forgotten.
    pub fn put(&self, provider: Provider) {
        self.state.lock().put(provider, &self.clock);
    }

    /// Takes a provider out; calls under way to it go on. False if there is none of the name.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn remove(&self, name: &str) -> bool {
        self.state.lock().remove(name)
    }

    /// Sets a provider's price, from the next decision on. False if there is none of the
    /// name.
    pub fn set_price(&self, name: &str, price: impl Into<Price>) -> bool {
        let mut state = self.state.lock();
        let found = state.find(name);
        if let Some(index) = found {
            let entry = &mut state.entries[index];
            let mut provider = (*entry.provider).clone();
            provider.price = price.into();
            entry.provider = Arc::new(provider);
        }
        found.is_some()
    }

    /// Tells how good a provider's answer was, 0 to 1, for judgements that come later than
    /// a quality gate's. False if there is none of the name.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn judge(&self, name: &str, quality: f64) -> bool {
        let mut state = self.state.lock();
        let found = state.find(name);
        if let Some(index) = found {
            state.router.judge(self.clock.instant(), index, quality);
        }
        found.is_some()
    }

    /// Their names, in no order that means anything.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        let state = self.state.lock();
        let names = state.entries.iter().map(|entry| &entry.provider.name);
        names.cloned().collect()
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
