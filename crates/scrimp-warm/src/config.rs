//! The settings.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use scrimp_core::{Clock, Money, RateLimit};

use crate::{event::WarmEvent, spared::Spared, variants::Variants};

/// Receiver of events.
pub(crate) type OnEvent = Arc<dyn Fn(&WarmEvent<'_>) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) clock: Clock,
    pub(crate) variants: Variants,
    /// Calls in flight at a time.
    pub(crate) concurrency: usize,
    pub(crate) rate: Option<Arc<dyn RateLimit>>,
    pub(crate) max_calls: Option<u64>,
    pub(crate) price: Option<Money>,
    pub(crate) budget: Option<Money>,
    /// Thousandths of lifetimes that chance may cut off.
    pub(crate) jitter: u16,
    /// Longest time of a call with its body.
    pub(crate) timeout: Duration,
    /// Longest pause that a refusal may ask for.
    pub(crate) max_pause: Duration,
    /// Refusals in a row after which it stops.
    pub(crate) max_refusals: u32,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) spared: Option<Spared>,
    pub(crate) on_event: Option<OnEvent>,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            variants: Variants::default(),
            concurrency: 8,
            rate: None,
            max_calls: None,
            price: None,
            budget: None,
            jitter: 100,
            timeout: Duration::from_secs(30),
            max_pause: Duration::from_secs(300),
            max_refusals: 10,
            journal: None,
            spared: None,
            on_event: None,
        }
    }
}

impl Config {
    /// Returns what a call is expected to cost.
    pub(crate) fn expected(&self) -> Money {
        let zero = self
            .budget
            .map_or(Money::ZERO, |budget| Money::zero(budget.currency()));
        self.price.unwrap_or(zero)
    }

    pub(crate) fn tell(&self, event: &WarmEvent<'_>) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("variants", &self.variants)
            .field("concurrency", &self.concurrency)
            .field("max_calls", &self.max_calls)
            .field("price", &self.price)
            .field("budget", &self.budget)
            .field("jitter", &self.jitter)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
