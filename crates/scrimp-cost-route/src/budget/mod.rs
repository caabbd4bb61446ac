//! Money that may be spent, reserved before a call and settled after it.

mod cap;
mod store;

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use http::StatusCode;
use parking_lot::Mutex;
use scrimp_core::{Clock, Currency, ExchangeRates, Money, NoExchangeRate, SettingError};
use smallvec::SmallVec;

use self::cap::CapRules;
pub use self::{
    cap::{Cap, Scope},
    store::{BudgetStore, Line},
};
use crate::{metered, price::since_epoch};

/// Accounts kept at most. Past it, calls that would open another are refused: to let them
/// through would be to lift the cap for whoever invents tenants.
const MAX_ACCOUNTS: usize = 100_000;

/// Caps, and what was spent of them. Clones are handles on the same books.
///
/// An amount in another currency than a cap's is converted by the exchange rates of the layer
/// that spends it. Where none was given it is refused, as nobody can say whether it fits.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
    /// Those of the layer that this handle belongs to.
    rates: ExchangeRates,
}

struct Inner {
    caps: Vec<CapRules>,
    /// What is wrong with the first cap that cannot be used.
    error: Option<SettingError>,
    clock: Clock,
    store: Option<Arc<dyn BudgetStore>>,
    books: Mutex<HashMap<Key, Account>>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    /// In seconds since 1970, as a store may hold any number.
    began: u64,
    spent: i128,
    reserved: i128,
}

/// Money set aside for a call. Dropped without being settled, it is released.
#[must_use = "money that is not settled is released at once"]
pub struct Reservation {
    budget: Budget,
    held: SmallVec<[Held; 2]>,
}

/// What is set aside in one account, in the currency of its cap.
struct Held {
    key: Key,
    amount: i128,
}

/// A cap, and which of its accounts.
type Key = (usize, Box<str>);

/// What becomes of money that was set aside.
#[derive(Clone, Copy)]
enum Close {
    Release,
    InFull,
    Settle(Money),
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
    /// 402 or 429, as the cap says; 500 if an exchange rate is missing.
    pub status: StatusCode,
    /// Whether a cheaper provider may be tried.
    pub degrade: bool,
    /// The exchange rate that is missing, if that is why.
    pub no_rate: Option<NoExchangeRate>,
}

// === impl Budget ===

impl Budget {
    /// Opens empty books for these caps, which must have names of their own.
    #[must_use]
    pub fn new(caps: impl IntoIterator<Item = Cap>) -> Self {
        Self::with(caps, None)
    }

    /// Books that are kept in a store too, and start with what it holds: what was settled
    /// before a restart still counts after it.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore).
    pub fn stored(
        caps: impl IntoIterator<Item = Cap>,
        store: Arc<dyn BudgetStore>,
    ) -> Result<Self, NoExchangeRate> {
        let lines = store.load();
        let budget = Self::with(caps, Some(store));
        budget.restore(&lines)?;
        Ok(budget)
    }

    fn with(caps: impl IntoIterator<Item = Cap>, store: Option<Arc<dyn BudgetStore>>) -> Self {
        let mut rules: Vec<CapRules> = Vec::new();
        let mut first = None;
        for cap in caps {
            let (cap, error) = cap.into_parts();
            let named_twice = || {
                let twice = rules.iter().any(|other| other.name == cap.name);
                let problem =
                    || format!("must have names of their own, and two are {:?}", cap.name);
                twice.then(|| SettingError::new("Budget", "caps", problem()))
            };
            first = first.or(error).or_else(named_twice);
            rules.push(cap);
        }
        Self::of(Inner {
            caps: rules,
            error: first,
            clock: Clock::system(),
            store,
            books: Mutex::default(),
        })
    }

    fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            rates: ExchangeRates::new(),
        }
    }

    /// A handle on the same books that converts amounts by these rates.
    pub(crate) fn at(&self, rates: &ExchangeRates) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            rates: rates.clone(),
        }
    }

    /// # Errors
    ///
    /// If a setting of a cap cannot be used, or two caps have the same name.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        self.inner.error.clone().map_or(Ok(()), Err)
    }

    /// # Errors
    ///
    /// If a provider's prices, in this currency, cannot be compared with a cap: the first.
    pub(crate) fn check_currency(
        &self,
        provider: &str,
        currency: Currency,
    ) -> Result<(), SettingError> {
        let caps = self.inner.caps.iter();
        for cap in caps.filter(|cap| cap.counts_provider(provider)) {
            let to = cap.limit.currency();
            self.rates
                .convert(Money::zero(currency), to)
                .map_err(|missing| {
                    let problem = format!(
                        "of {:?} is {}, the provider {provider:?} has its prices in {currency}, \
                         and {missing}: set what one {currency} is worth by `exchange_rate`, or \
                         give the cap in {currency}",
                        cap.name, cap.limit
                    );
                    SettingError::new("Cap", "limit", problem).with_source(missing)
                })?;
        }
        Ok(())
    }

    /// Opens the same caps and books by another clock. For when books are new: what was spent
    /// later is booked in the handle it was spent by.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let Inner {
            caps, error, store, ..
        } = &*self.inner;
        let mut books = self.inner.books.lock().clone();
        // What is reserved is settled in the old books.
        books.values_mut().for_each(|account| account.reserved = 0);
        Self::of(Inner {
            caps: caps.clone(),
            error: error.clone(),
            clock,
            store: store.clone(),
            books: Mutex::new(books),
        })
    }

    /// Sets money aside under every cap that a call counts to, or under none of them.
    ///
    /// # Errors
    ///
    /// If one of them has not that much left, or is in another currency that no exchange rate
    /// leads to.
    pub fn reserve(
        &self,
        amount: Money,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Box<Refusal>> {
        self.set_aside(Some(amount), tenant, provider, route)
    }

    /// As [`reserve`](Self::reserve); `None` is nothing, in no currency.
    pub(crate) fn set_aside(
        &self,
        amount: Option<Money>,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Box<Refusal>> {
        let mut reservation = Reservation {
            budget: self.clone(),
            held: SmallVec::new(),
        };
        if self.inner.caps.is_empty() {
            return Ok(reservation);
        }
        let now = self.inner.clock.wall();
        let mut books = self.inner.books.lock();
        let mut held = SmallVec::<[Held; 2]>::new();
        for (index, cap) in self.inner.caps.iter().enumerate() {
            let Some(key) = cap.key(tenant, provider, route) else {
                continue;
            };
            let key = (index, key);
            let account = current(&mut books, cap, &key, now);
            let used = account.map_or(i128::MAX, |a| a.spent.saturating_add(a.reserved));
            let amount = amount.map_or(Ok(0), |amount| self.in_currency_of(cap, amount));
            let fits = |amount: &i128| used.saturating_add(*amount) <= cap.limit.pico();
            match amount {
                Ok(amount) if fits(&amount) => held.push(Held { key, amount }),
                refused => {
                    drop(books);
                    metered::refused(&cap.name);
                    return Err(Box::new(cap.refusal(used, now, refused.err())));
                }
            }
        }
        for Held { key, amount } in &held {
            let account = books.get_mut(key).expect("opened above, under this lock");
            account.reserved = account.reserved.saturating_add(*amount);
        }
        drop(books);
        reservation.held = held;
        Ok(reservation)
    }

    /// An amount in 10⁻¹² units of a cap's currency.
    fn in_currency_of(&self, cap: &CapRules, amount: Money) -> Result<i128, NoExchangeRate> {
        let converted = self.rates.convert(amount, cap.limit.currency())?;
        Ok(converted.pico().max(0))
    }

    /// What was spent of every account, for a store or a report.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Line> {
        let books = self.inner.books.lock();
        let mut lines: Vec<_> = books
            .iter()
            .map(|((index, key), account)| self.inner.line(*index, key, account))
            .collect();
        lines.sort_by(|a, b| (&a.cap, &a.account).cmp(&(&b.cap, &b.account)));
        lines
    }

    /// Takes over what a snapshot says was spent. Lines of caps that are no more are left
    /// out, and what is reserved now stays reserved.
    ///
    /// # Errors
    ///
    /// If a line is in another currency than its cap is now, and no exchange rate leads there.
    /// Then nothing is taken over: without the line, money could be spent twice.
    pub fn restore(&self, lines: &[Line]) -> Result<(), NoExchangeRate> {
        let mut known = Vec::with_capacity(lines.len());
        for line in lines {
            let mut caps = self.inner.caps.iter().enumerate();
            if let Some((index, cap)) = caps.find(|(_, cap)| *cap.name == *line.cap) {
                known.push((line, index, self.in_currency_of(cap, line.spent)?));
            }
        }
        let mut books = self.inner.books.lock();
        for (line, index, spent) in known {
            let account = books
                .entry((index, line.account.clone().into()))
                .or_insert(Account {
                    began: line.began,
                    spent: 0,
                    reserved: 0,
                });
            account.began = line.began;
            account.spent = spent;
        }
        Ok(())
    }
}

/// The account, in its present period: what was spent in an earlier one is forgotten, what
/// is reserved is not, as those calls are still to be paid. `None` if there are too many.
fn current<'a>(
    books: &'a mut HashMap<Key, Account>,
    cap: &CapRules,
    key: &Key,
    now: SystemTime,
) -> Option<&'a mut Account> {
    let began = since_epoch(cap.period.bounds(now).0);
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
    let account = books.get_mut(key).expect("it is there, or was put in");
    if account.began < began {
        (account.began, account.spent) = (began, 0);
    }
    Some(account)
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("caps", &self.inner.caps)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn line(&self, index: usize, key: &str, account: &Account) -> Line {
        Line::new(&self.caps[index], key, account.began, account.spent)
    }
}

// === impl CapRules ===

impl CapRules {
    fn refusal(&self, used: i128, now: SystemTime, no_rate: Option<NoExchangeRate>) -> Refusal {
        if no_rate.is_some() {
            return Refusal {
                no_rate,
                resets: None,
                status: StatusCode::INTERNAL_SERVER_ERROR,
                degrade: true,
                ..self.refusal(used, now, None)
            };
        }
        Refusal {
            no_rate,
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
    ///
    /// # Errors
    ///
    /// If it is in another currency than a cap's, and no exchange rate leads there. What was
    /// set aside is booked under that cap then.
    pub fn settle(mut self, actual: Money) -> Result<(), NoExchangeRate> {
        self.close(Close::Settle(actual))
    }

    /// Books all that was set aside.
    pub fn settle_in_full(mut self) {
        self.close(Close::InFull)
            .expect("only an amount from elsewhere needs a rate");
    }

    /// Gives all of it back: the call was not made, or cost nothing.
    pub fn release(self) {
        drop(self);
    }

    fn close(&mut self, close: Close) -> Result<(), NoExchangeRate> {
        let held = std::mem::take(&mut self.held);
        let mut missing = None;
        if held.is_empty() {
            return Ok(());
        }
        let budget = &self.budget;
        let now = budget.inner.clock.wall();
        let mut books = budget.inner.books.lock();
        for Held { key, amount } in &held {
            let cap = &budget.inner.caps[key.0];
            let account = current(&mut books, cap, key, now);
            let account = account.expect("an account that was opened is never closed");
            account.reserved = account.reserved.saturating_sub(*amount);
            let actual = match close {
                Close::Release => continue,
                Close::InFull => *amount,
                // Nothing is nothing in every currency.
                Close::Settle(actual) if actual.is_zero() => 0,
                Close::Settle(actual) => {
                    let converted = budget.in_currency_of(cap, actual);
                    converted.unwrap_or_else(|error| {
                        missing = Some(error);
                        *amount
                    })
                }
            };
            account.spent = account.spent.saturating_add(actual);
            // Both under the lock, so that totals are told in their order.
            if cap.is_one_account() {
                let spent = Money::from_pico(account.spent, cap.limit.currency());
                metered::spent(&cap.name, spent, cap.limit);
            }
            if let Some(store) = &budget.inner.store {
                store.settled(&budget.inner.line(key.0, &key.1, account));
            }
        }
        missing.map_or(Ok(()), Err)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Releasing needs no rate.
        let _ = self.close(Close::Release);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("accounts", &self.held.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
