//! Money that may be spent, reserved before a call and settled after it.

mod cap;
mod store;

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use http::StatusCode;
use parking_lot::Mutex;
use scrimp_core::{Clock, Money};
use smallvec::SmallVec;

pub use self::{
    cap::{Cap, Scope},
    store::{BudgetStore, Line},
};
use crate::metered;

/// Accounts kept at most. Past it, calls that would open another are refused: to let them
/// through would be to lift the cap for whoever invents tenants.
const MAX_ACCOUNTS: usize = 100_000;

/// Caps, and what was spent of them. Clones are handles on the same books.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    caps: Vec<Cap>,
    clock: Clock,
    store: Option<Arc<dyn BudgetStore>>,
    books: Mutex<HashMap<(usize, Box<str>), Account>>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    began: SystemTime,
    spent: i128,
    reserved: i128,
}

/// Money set aside for a call. Dropped without being settled, it is released.
#[must_use = "money that is not settled is released at once"]
pub struct Reservation {
    budget: Arc<Inner>,
    amount: i128,
    accounts: SmallVec<[(usize, Box<str>); 2]>,
}

/// A cap is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The cap's name.
    pub cap: Box<str>,
    /// Its limit.
    pub limit: Money,
    /// What was spent and reserved of it.
    pub used: Money,
    /// When it starts anew, if ever.
    pub resets: Option<SystemTime>,
    /// 402 or 429, as the cap says.
    pub status: StatusCode,
    /// Whether a cheaper provider may be tried.
    pub degrade: bool,
}

// === impl Budget ===

impl Budget {
    /// Books for these caps, empty.
    #[must_use]
    pub fn new(caps: impl IntoIterator<Item = Cap>) -> Self {
        Self::with(caps, Clock::system(), None)
    }

    /// Books that are kept in a store too, and start with what it holds: what was settled
    /// before a restart still counts after it.
    #[must_use]
    pub fn stored(caps: impl IntoIterator<Item = Cap>, store: Arc<dyn BudgetStore>) -> Self {
        let lines = store.load();
        let budget = Self::with(caps, Clock::system(), Some(store));
        budget.restore(&lines);
        budget
    }

    fn with(
        caps: impl IntoIterator<Item = Cap>,
        clock: Clock,
        store: Option<Arc<dyn BudgetStore>>,
    ) -> Self {
        Self(Arc::new(Inner {
            caps: caps.into_iter().collect(),
            clock,
            store,
            books: Mutex::default(),
        }))
    }

    /// The same caps and books by another clock. For when books are new: what was spent so
    /// far stays with the old handle.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let budget = Self::with(self.0.caps.clone(), clock, self.0.store.clone());
        budget.restore(&self.snapshot());
        budget
    }

    /// Sets money aside under every cap that a call counts to, or under none of them.
    ///
    /// # Errors
    ///
    /// If one of them has not that much left. An amount in another currency than a cap's is
    /// refused too, as nobody can say whether it fits.
    pub fn reserve(
        &self,
        amount: Money,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Box<Refusal>> {
        let mut reservation = Reservation {
            budget: Arc::clone(&self.0),
            amount: amount.pico().max(0),
            accounts: SmallVec::new(),
        };
        if self.0.caps.is_empty() {
            return Ok(reservation);
        }
        let now = self.0.clock.wall();
        let mut books = self.0.books.lock();
        let mut accounts = SmallVec::<[(usize, Box<str>); 2]>::new();
        for (index, cap) in self.0.caps.iter().enumerate() {
            let Some(key) = cap.key(tenant, provider, route) else {
                continue;
            };
            let key = (index, key);
            let account = current(&mut books, cap, &key, now);
            let used = account.map_or(i128::MAX, |a| a.spent.saturating_add(a.reserved));
            let foreign = amount.currency() != cap.limit.currency() && amount.pico() != 0;
            let fits = used.saturating_add(reservation.amount) <= cap.limit.pico();
            if foreign || !fits {
                drop(books);
                metered::refused(&cap.name);
                return Err(Box::new(cap.refusal(used, now)));
            }
            accounts.push(key);
        }
        for key in &accounts {
            if let Some(account) = books.get_mut(key) {
                account.reserved = account.reserved.saturating_add(reservation.amount);
            }
        }
        drop(books);
        reservation.accounts = accounts;
        Ok(reservation)
    }

    /// What was spent of every account, for a store or a report.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Line> {
        let books = self.0.books.lock();
        let mut lines: Vec<_> = books
            .iter()
            .map(|((index, key), account)| self.0.line(*index, key, account))
            .collect();
        lines.sort_by(|a, b| (&a.cap, &a.account).cmp(&(&b.cap, &b.account)));
        lines
    }

    /// Takes over what a snapshot says was spent. Lines of caps that are no more are left
    /// out, and what is reserved now stays reserved.
    pub fn restore(&self, lines: &[Line]) {
        let mut books = self.0.books.lock();
        for line in lines {
            let cap = self.0.caps.iter().position(|cap| *cap.name == *line.cap);
            let Some(index) = cap else { continue };
            let account = books
                .entry((index, line.account.clone().into()))
                .or_insert(Account {
                    began: line.began(),
                    spent: 0,
                    reserved: 0,
                });
            account.began = line.began();
            account.spent = line.spent_pico.into();
        }
    }
}

/// The account, in its present period: what was spent in an earlier one is forgotten, what
/// is reserved is not, as those calls are still to be paid. `None` if there are too many.
fn current<'a>(
    books: &'a mut HashMap<(usize, Box<str>), Account>,
    cap: &Cap,
    key: &(usize, Box<str>),
    now: SystemTime,
) -> Option<&'a mut Account> {
    let (began, _) = cap.period.bounds(now);
    if !books.contains_key(key) {
        if books.len() >= MAX_ACCOUNTS {
            return None;
        }
        let account = Account {
            began,
            spent: 0,
            reserved: 0,
        };
        books.insert(key.clone(), account);
    }
    let account = books.get_mut(key)?;
    if account.began < began {
        (account.began, account.spent) = (began, 0);
    }
    Some(account)
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("caps", &self.0.caps)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn line(&self, index: usize, key: &str, account: &Account) -> Line {
        Line::new(&self.caps[index], key, account.began, account.spent)
    }
}

// === impl Cap ===

impl Cap {
    fn refusal(&self, used: i128, now: SystemTime) -> Refusal {
        Refusal {
            cap: self.name.clone(),
            limit: self.limit,
            used: Money::from_pico(used.min(self.limit.pico()), self.limit.currency()),
            resets: self.period.bounds(now).1,
            status: self.status,
            degrade: self.degrade || self.provider != Scope::All,
        }
    }
}

// === impl Reservation ===

impl Reservation {
    /// Books what the call did cost, which may be more or less than was set aside.
    pub fn settle(mut self, actual: Money) {
        self.close(Some(actual.pico().max(0)));
    }

    /// Books all that was set aside.
    pub fn settle_in_full(mut self) {
        self.close(Some(self.amount));
    }

    /// Gives all of it back: the call was not made, or cost nothing.
    pub fn release(mut self) {
        self.close(None);
    }

    fn close(&mut self, actual: Option<i128>) {
        let accounts = std::mem::take(&mut self.accounts);
        if accounts.is_empty() {
            return;
        }
        let now = self.budget.clock.wall();
        let mut books = self.budget.books.lock();
        for key in &accounts {
            let cap = &self.budget.caps[key.0];
            let Some(account) = current(&mut books, cap, key, now) else {
                continue;
            };
            account.reserved = account.reserved.saturating_sub(self.amount);
            let Some(actual) = actual else { continue };
            account.spent = account.spent.saturating_add(actual);
            // Both under the lock, so that totals are told in their order.
            if cap.is_one_account() {
                let spent = Money::from_pico(account.spent, cap.limit.currency());
                metered::spent(&cap.name, spent, cap.limit);
            }
            if let Some(store) = &self.budget.store {
                store.settled(&self.budget.line(key.0, &key.1, account));
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.close(None);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("pico", &self.amount)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
