//! The accounts of a budget.

use std::time::SystemTime;

use hashlink::LinkedHashMap;

use super::{cap::CapRules, reservation::Held, store::BudgetLine};
use crate::price::since_epoch;

/// Highest number of accounts. Above it, accounts that owe nothing make room. If all owe
/// something, calls that need a new account are refused: otherwise a client that invents
/// tenants has no cap.
const MAX_ACCOUNTS: usize = 100_000;
/// Number of accounts that are searched for one that owes nothing.
const LOOKED_AT: usize = 8;

/// The index of a cap, and the name of one of its accounts.
pub(super) type Key = (usize, Box<str>);

/// Spent and reserved amounts, by account.
#[derive(Debug, Clone)]
pub(super) struct Books {
    /// Accounts, the least recently used first.
    accounts: LinkedHashMap<Key, Account>,
    most: usize,
}

/// Spent and reserved amounts of one account, in 10⁻¹² units of its cap's currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    /// Start of its period, in seconds since 1970. A store may hold any number.
    pub(super) began: u64,
    pub(super) spent: i128,
    pub(super) reserved: i128,
    /// Number of open reservations, of any amount, even 0. The account is kept for them.
    pub(super) calls: u32,
}

// === impl Books ===

impl Default for Books {
    fn default() -> Self {
        Self::with_room_for(MAX_ACCOUNTS)
    }
}

impl Books {
    fn with_room_for(most: usize) -> Self {
        Self {
            accounts: LinkedHashMap::new(),
            most,
        }
    }

    /// Returns an account in its present period, and opens it if necessary. Returns `None` if
    /// too many accounts owe something.
    ///
    /// The amount spent in an earlier period is forgotten. Reservations are kept: their calls
    /// are not paid yet.
    pub(super) fn open(
        &mut self,
        caps: &[CapRules],
        key: &Key,
        now: SystemTime,
    ) -> Option<&mut Account> {
        let began = |index: usize| since_epoch(caps[index].period.bounds(now).0);
        if self.accounts.to_back(key).is_none() {
            while self.accounts.len() >= self.most {
                if !self.evict(began) {
                    return None;
                }
            }
            self.accounts
                .insert(key.clone(), Account::new(began(key.0)));
        }
        let account = self.get(key);
        if account.began < began(key.0) {
            (account.began, account.spent) = (began(key.0), 0);
        }
        Some(account)
    }

    /// Closes an account that owes nothing, in constant time. Returns false if none of the
    /// least recently used accounts can be closed.
    fn evict(&mut self, began: impl Fn(usize) -> u64) -> bool {
        for _ in 0..LOOKED_AT {
            let Some((key, account)) = self.accounts.pop_front() else {
                return false;
            };
            let spent = account.spent != 0 && account.began >= began(key.0);
            if account.calls == 0 && !spent {
                return true;
            }
            self.accounts.insert(key, account);
        }
        false
    }

    /// Returns an account that was opened, and is in use.
    pub(super) fn get(&mut self, key: &Key) -> &mut Account {
        let account = self.accounts.get_mut(key);
        account.expect("an account in use is not closed")
    }

    /// Adds amounts to what is reserved in accounts that are held for them.
    pub(super) fn reserve(&mut self, held: &[Held]) {
        for Held { key, amount, .. } in held {
            let account = self.get(key);
            account.reserved = account.reserved.saturating_add(*amount);
        }
    }

    /// Lets go of accounts that nothing was reserved in yet.
    pub(super) fn let_go(&mut self, held: &[Held]) {
        held.iter().for_each(|held| self.get(&held.key).calls -= 1);
    }

    /// Restores the amount spent from an account.
    pub(super) fn restore(&mut self, key: Key, line: &BudgetLine, spent: i128) {
        let account = self.accounts.entry(key);
        let account = account.or_insert_with(|| Account::new(line.began));
        (account.began, account.spent) = (line.began, spent);
    }

    /// Forgets all reservations.
    pub(super) fn release_all(&mut self) {
        for account in self.accounts.values_mut() {
            (account.reserved, account.calls) = (0, 0);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Account)> {
        self.accounts.iter()
    }
}

// === impl Account ===

impl Account {
    pub(super) const fn new(began: u64) -> Self {
        Self {
            began,
            spent: 0,
            reserved: 0,
            calls: 0,
        }
    }

    /// Returns the amount spent in the period that began then. What was spent in an earlier one is
    /// forgotten at the next call.
    pub(super) fn spent_at(&self, began: SystemTime) -> i128 {
        if self.began < since_epoch(began) {
            0
        } else {
            self.spent
        }
    }

    /// Returns the spent and reserved part of the cap.
    pub(super) fn used(&self) -> i128 {
        self.spent.saturating_add(self.reserved)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{Cap, Period};

    const MOST: usize = 100;
    const DAY: Duration = Duration::from_secs(86_400);

    fn caps() -> Vec<CapRules> {
        let (rules, error) = Cap::new("day", "1", Period::Day).into_parts();
        assert!(error.is_none());
        vec![rules]
    }

    fn key(name: &str) -> Key {
        (0, name.into())
    }

    #[test]
    fn a_hundred_times_as_many_invented_tenants_as_accounts_lock_no_tenant_out() {
        let (mut books, caps, now) = (Books::with_room_for(MOST), caps(), UNIX_EPOCH + DAY);
        let debtor = books.open(&caps, &key("debtor"), now).unwrap();
        debtor.spent = 7;
        let caller = books.open(&caps, &key("caller"), now).unwrap();
        caller.calls = 1;
        for n in 0..100 * MOST {
            let invented = books.open(&caps, &key(&format!("invented {n}")), now);
            assert!(invented.is_some(), "{n}");
            assert!(books.iter().count() <= MOST);
        }
        assert!(books.open(&caps, &key("honest"), now).is_some());
        assert_eq!(books.get(&key("debtor")).spent, 7, "its cap still holds");
        assert_eq!(books.get(&key("caller")).calls, 1);
    }

    #[test]
    fn accounts_that_owe_something_make_room_in_their_next_period() {
        let (mut books, caps, now) = (Books::with_room_for(MOST), caps(), UNIX_EPOCH + DAY);
        for n in 0..MOST {
            books.open(&caps, &key(&n.to_string()), now).unwrap().spent = 1;
        }
        assert!(books.open(&caps, &key("one more"), now).is_none());
        assert!(books.open(&caps, &key("one more"), now + DAY).is_some());
    }
}
