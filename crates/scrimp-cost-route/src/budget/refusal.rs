//! The refusal of a reservation.

use std::time::SystemTime;

use http::StatusCode;
use scrimp_core::{Money, NoExchangeRate};

use super::cap::{CapRules, Scope};

/// Error of a cap that is used up, or in a currency that the amount cannot be converted to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The cap's name.
    pub cap: Box<str>,
    /// The cap's limit.
    pub limit: Money,
    /// Spent and reserved part of the limit.
    pub used: Money,
    /// Time at which the cap resets. `None` if it never does.
    pub resets: Option<SystemTime>,
    /// 402 or 429, as the cap says; 500 if an exchange rate is missing.
    pub status: StatusCode,
    /// True if a cheaper provider may be tried.
    pub degrade: bool,
    /// The missing exchange rate, if that is the reason. A layer rejects prices without a rate,
    /// so only an amount reserved by hand can lack one.
    pub no_rate: Option<NoExchangeRate>,
}

// === impl CapRules ===

impl CapRules {
    /// Makes the refusal of an amount: a rate is missing, or this much is used.
    pub(super) fn refusal(
        &self,
        used: i128,
        now: SystemTime,
        no_rate: Option<NoExchangeRate>,
    ) -> Refusal {
        let used_up = Refusal {
            no_rate,
            cap: self.name.clone(),
            limit: self.limit,
            used: Money::from_pico(used.min(self.limit.pico()), self.limit.currency()),
            resets: self.period.bounds(now).1,
            status: self.status,
            degrade: self.degrade || self.provider != Scope::All,
        };
        if no_rate.is_none() {
            return used_up;
        }
        Refusal {
            resets: None,
            status: StatusCode::INTERNAL_SERVER_ERROR,
            degrade: true,
            ..used_up
        }
    }
}
