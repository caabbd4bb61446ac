//! Books that survive a restart.

use scrimp_core::Money;
use serde::{Deserialize, Serialize};

use super::cap::CapRules;

/// Amount spent from one account within its present period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BudgetLine {
    /// The cap's name.
    pub cap: String,
    /// Name of the account, which is opaque.
    pub account: String,
    /// Start of the period, in seconds since 1970.
    pub began: u64,
    /// Amount spent, as a string such as `"0.01 USD"`.
    pub spent: Money,
}

/// Store that keeps the books, in addition to memory.
///
/// Both methods are called while nothing else can be booked, so they must not wait: put a line
/// into a queue, a file's buffer, or a memory-mapped log. Each line holds a total, so only the
/// latest line per cap and account has to be kept.
pub trait BudgetStore: Send + Sync + 'static {
    /// Returns the latest line of each account.
    fn load(&self) -> Vec<BudgetLine>;

    /// Takes the new total of an account.
    fn settled(&self, line: &BudgetLine);
}

// === impl BudgetLine ===

impl BudgetLine {
    pub(super) fn new(cap: &CapRules, account: &str, began: u64, spent: i128) -> Self {
        Self {
            cap: cap.name.to_string(),
            account: account.to_owned(),
            began,
            spent: Money::from_pico(spent, cap.limit.currency()),
        }
    }
}
