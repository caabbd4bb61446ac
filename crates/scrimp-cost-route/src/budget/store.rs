//! Keeping books over a restart.

use std::time::{Duration, SystemTime};

use scrimp_core::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::Cap;
use crate::price::since_epoch;

/// What was spent of one account within its present period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Line {
    /// The cap's name.
    pub cap: String,
    /// Which of its accounts; opaque.
    pub account: String,
    /// When the period began, in seconds since 1970.
    pub began: u64,
    /// 10⁻¹² units of the currency.
    pub spent_pico: i64,
    /// The currency's code.
    pub currency: String,
}

/// Where books are kept, besides memory.
///
/// Both are called while nothing else can be booked, so they should not wait: put a line
/// into a queue, a file's buffer, or a memory-mapped log. Each line holds a total, so the
/// latest per cap and account is all that has to be kept.
pub trait BudgetStore: Send + Sync + 'static {
    /// The latest line of each account.
    fn load(&self) -> Vec<Line>;

    /// An account has a new total.
    fn settled(&self, line: &Line);
}

// === impl Line ===

impl Line {
    pub(super) fn new(cap: &Cap, account: &str, began: SystemTime, spent: i128) -> Self {
        Self {
            cap: cap.name.to_string(),
            account: account.to_owned(),
            began: since_epoch(began),
            spent_pico: i64::try_from(spent).unwrap_or(i64::MAX),
            currency: cap.limit.currency().code().to_owned(),
        }
    }

    pub(super) fn began(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.began)
    }

    /// What was spent.
    #[must_use]
    pub fn spent(&self) -> Money {
        let currency = Currency::new(&self.currency).unwrap_or(Currency::USD);
        Money::from_pico(self.spent_pico.into(), currency)
    }
}
