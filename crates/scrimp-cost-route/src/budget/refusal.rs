//! Why money is not set aside.

use std::time::SystemTime;

use http::StatusCode;
use scrimp_core::{Money, NoExchangeRate};

use super::cap::{CapRules, Scope};

/// Error of a cap that is used up, or that an amount cannot be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The cap's name.
    pub cap: Box<str>,
    /// The cap's limit.
    pub limit: Money,
    /// What was spent and reserved of it.
    pub used: Money,
    /// When the cap starts anew. `None` if it never does.
    pub resets: Option<SystemTime>,
    /// 402 or 429, as the cap says; 500 if an exchange rate is missing.
    pub status: StatusCode,
    /// Whether a cheaper provider may be tried.
    pub degrade: bool,
    /// The exchange rate that is missing, if that is why. A layer takes no price that lacks
    /// one, so only an amount that was reserved by hand can.
    pub no_rate: Option<NoExchangeRate>,
}

// === impl CapRules ===

impl CapRules {
    /// Refuses an amount: for want of a rate, or because this much is used.
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
