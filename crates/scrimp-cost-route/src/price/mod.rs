//! Prices, in integers.

mod calendar;
pub mod litellm;
mod rate;
mod rates;
mod tariff;
mod usage;
mod window;

use std::{sync::Arc, time::SystemTime};

use scrimp_core::{Currency, Money};

pub(crate) use self::calendar::since_epoch;
pub use self::{
    calendar::Period,
    rate::{ParseRateError, Rate},
    rates::TokenRates,
    tariff::{Tariff, Tiering},
    usage::{TokenClass, Usage},
    window::Window,
};

/// What is known of a price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Price {
    /// Nothing. Never taken for free: ranks behind every provider whose price is known.
    #[default]
    Unknown,
    /// It costs nothing, and somebody said so.
    Free,
    /// By a tariff.
    Known(Arc<Tariff>),
}

// === impl Price ===

impl Price {
    /// What a call costs; `None` if that is not known.
    #[must_use]
    pub fn cost(&self, usage: &Usage, now: SystemTime, used: u64) -> Option<Money> {
        match self {
            Self::Unknown => None,
            Self::Free => Some(Money::ZERO),
            Self::Known(tariff) => tariff.cost(usage, now, used),
        }
    }

    /// Whether tokens change it.
    #[must_use]
    pub fn depends_on_tokens(&self) -> bool {
        match self {
            Self::Known(tariff) => tariff.prices_tokens(),
            Self::Unknown | Self::Free => false,
        }
    }

    /// The currency, where there is one.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        match self {
            Self::Unknown | Self::Free => None,
            Self::Known(tariff) => Some(tariff.currency()),
        }
    }
}

impl From<Tariff> for Price {
    /// A tariff in which nothing costs anything is [`Price::Free`].
    fn from(tariff: Tariff) -> Self {
        if tariff.is_free() {
            Self::Free
        } else {
            Self::Known(Arc::new(tariff))
        }
    }
}
