//! The accounts of a budget.

use std::{collections::HashMap, time::SystemTime};

use super::{cap::CapRules, store::BudgetLine};
use crate::price::since_epoch;

/// Accounts kept at most. Calls that would open another are refused: to let them through
/// would lift the cap for a client that invents tenants.
const MAX_ACCOUNTS: usize = 100_000;

/// The index of a cap, and the name of one of its accounts.
pub(super) type Key = (usize, Box<str>);

/// What was spent and reserved, by account.
#[derive(Debug, Clone, Default)]
pub(super) struct Books(HashMap<Key, Account>);

/// What was spent and reserved of one account, in 10⁻¹² units of its cap's currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    /// When its period began, in seconds since 1970: a store may hold any number.
    pub(super) began: u64,
    pub(super) spent: i128,
    pub(super) reserved: i128,
}

// === impl Books ===

impl Books {
    /// Returns an account in its present period, and opens it if need be. `None` if there are
    /// too many.
    ///
    /// What was spent in an earlier period is forgotten. What is reserved is not: those calls
    /// have yet to be paid.
    pub(super) fn open(
        &mut self,
        cap: &CapRules,
        key: &Key,
        now: SystemTime,
    ) -> Option<&mut Account> {
        let began = since_epoch(cap.period.bounds(now).0);
        if !self.0.contains_key(key) {
            if self.0.len() >= MAX_ACCOUNTS {
                return None;
            }
            self.0.insert(key.clone(), Account::new(began));
        }
        let account = self.get(key);
        if account.began < began {
            (account.began, account.spent) = (began, 0);
        }
        Some(account)
    }

    /// Returns an account that was opened.
    pub(super) fn get(&mut self, key: &Key) -> &mut Account {
        let account = self.0.get_mut(key);
        account.expect("an account that was opened is never closed")
    }

    /// Takes over what was spent of an account.
    pub(super) fn restore(&mut self, key: Key, line: &BudgetLine, spent: i128) {
        let account = self.0.entry(key).or_insert(Account::new(line.began));
        (account.began, account.spent) = (line.began, spent);
    }

    /// Forgets what is reserved.
    pub(super) fn release_all(&mut self) {
        self.0.values_mut().for_each(|account| account.reserved = 0);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Account)> {
        self.0.iter()
    }
}

// === impl Account ===

impl Account {
    const fn new(began: u64) -> Self {
        Self {
            began,
            spent: 0,
            reserved: 0,
        }
    }

    /// Returns what is not left of the cap.
    pub(super) fn used(&self) -> i128 {
        self.spent.saturating_add(self.reserved)
    }
}
