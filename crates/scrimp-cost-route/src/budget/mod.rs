//! Money that may be spent, reserved before a call and settled after it.

mod ahead;
mod books;
mod cap;
mod checks;
mod fleet;
mod refusal;
mod reservation;
mod shared;
mod status;
mod store;
#[cfg(feature = "metrics")]
mod sums;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
use scrimp_core::{
    Clock, Counter, ExchangeRates, Money, NoExchangeRate, SettingError, SharedAllowance,
};

use self::{
    books::{Account, Books, Key},
    cap::CapRules,
    reservation::{Amounts, Held},
};
pub use self::{
    cap::{Cap, Scope},
    refusal::Refusal,
    reservation::Reservation,
    status::BudgetStatus,
    store::{BudgetLine, BudgetStore},
};
pub(crate) use self::{
    fleet::{Denied, Waiting},
    shared::DeniedShares,
};

/// Caps, and the amounts spent under them. Clones are handles on the same books.
///
/// An amount in another currency than a cap is converted by the exchange rates of the layer
/// that spends it. Without a rate the amount is refused.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
    /// The rates of the layer that this handle belongs to.
    rates: ExchangeRates,
}

struct Inner {
    caps: Vec<CapRules>,
    /// Calls that each of them did not let through.
    refusals: Vec<Counter>,
    /// Error of the first cap that cannot be used.
    error: Option<SettingError>,
    clock: Clock,
    store: Option<Arc<dyn BudgetStore>>,
    /// Decides about all amounts, if the processes of a fleet share them.
    fleet: Option<Arc<dyn SharedAllowance>>,
    books: Mutex<Books>,
}

// === impl Budget ===

impl Budget {
    /// Opens empty books for these caps, which must have names of their own.
    #[must_use]
    pub fn new(caps: impl IntoIterator<Item = Cap>) -> Self {
        Self::with(caps, None, None)
    }

    /// Opens books that are also kept in a store, and start with its lines: amounts settled
    /// before a restart still count after it.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore).
    pub fn stored(
        caps: impl IntoIterator<Item = Cap>,
        store: Arc<dyn BudgetStore>,
    ) -> Result<Self, NoExchangeRate> {
        let lines = store.load();
        let budget = Self::with(caps, Some(store), None);
        budget.restore(&lines)?;
        Ok(budget)
    }

    fn with(
        caps: impl IntoIterator<Item = Cap>,
        store: Option<Arc<dyn BudgetStore>>,
        fleet: Option<Arc<dyn SharedAllowance>>,
    ) -> Self {
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
            refusals: rules.iter().map(|_| Counter::default()).collect(),
            caps: rules,
            error: first,
            clock: Clock::system(),
            store,
            fleet,
            books: Mutex::default(),
        })
    }

    fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            rates: ExchangeRates::new(),
        }
    }

    /// Returns a handle on the same books that converts amounts by these rates.
    pub(crate) fn at(&self, rates: &ExchangeRates) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            rates: rates.clone(),
        }
    }

    /// Opens the same caps and books with another clock. Use it while the books are new: later
    /// spending is booked in the handle that spends it.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let Inner {
            caps,
            error,
            store,
            fleet,
            ..
        } = &*self.inner;
        let mut books = self.inner.books.lock().clone();
        // What is reserved stays with the old books.
        books.release_all();
        Self::of(Inner {
            refusals: self.inner.caps.iter().map(|_| Counter::default()).collect(),
            caps: caps.clone(),
            error: error.clone(),
            clock,
            store: store.clone(),
            fleet: fleet.clone(),
            books: Mutex::new(books),
        })
    }

    /// Reserves money under every cap that a call counts towards, or under none of them. Of a budget
    /// that a fleet shares, [`reserve_shared`](Self::reserve_shared) can ask the other processes.
    ///
    /// # Errors
    ///
    /// If a cap has too little left, or is in a currency that no exchange rate converts to. If it would
    /// have to ask other processes, too.
    pub fn reserve(
        &self,
        amount: Money,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Box<Refusal>> {
        self.set_aside(Some(amount), tenant, provider, route)
            .map_err(Denied::at_once)
    }

    /// Reserves money, as [`reserve`](Self::reserve) does. `None` is 0, in no currency.
    pub(crate) fn set_aside(
        &self,
        amount: Option<Money>,
        tenant: &str,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, Denied> {
        let mut held = Amounts::new();
        if self.inner.caps.is_empty() {
            return Ok(Reservation::new(self.clone(), held));
        }
        let now = self.inner.now();
        let mut books = self.inner.books.lock();
        for (index, cap) in self.inner.caps.iter().enumerate() {
            let Some(key) = cap.key(tenant, provider, route) else {
                continue;
            };
            let amount = amount.map_or(Ok(0), |amount| self.in_currency_of(cap, amount));
            match self.hold(&mut books, (index, key), amount, now) {
                Ok(part) => held.push(part),
                Err(denied) => {
                    self.inner.let_go(&mut books, &held);
                    drop(books);
                    if matches!(denied, Denied::Refused(_)) {
                        self.inner.refusals[index].increment();
                    }
                    return Err(denied);
                }
            }
        }
        books.reserve(&held);
        drop(books);
        Ok(Reservation::new(self.clone(), held))
    }

    /// Opens an account for a call, if it has room for the amount. The account is in use then:
    /// opening the next one does not close it.
    fn hold(
        &self,
        books: &mut Books,
        key: Key,
        amount: Result<i128, NoExchangeRate>,
        now: SystemTime,
    ) -> Result<Held, Denied> {
        let cap = &self.inner.caps[key.0];
        let account = books.open(&self.inner.caps, &key, now);
        let used = account.map_or(i128::MAX, |account| account.used());
        let refused = |used, error| Denied::Refused(Box::new(cap.refusal(used, now, error)));
        let amount = amount.map_err(|error| refused(used, Some(error)))?;
        let shared = match &self.inner.fleet {
            // Without an account here, nothing can be booked.
            Some(fleet) if used < i128::MAX => {
                Some(fleet::take(&**fleet, cap, &key.1, amount, now)?)
            }
            _ if used.saturating_add(amount) <= cap.limit.pico() => None,
            _ => return Err(refused(used, None)),
        };
        books.get(&key).calls += 1;
        Ok(Held {
            key,
            amount,
            tenant: None,
            shared,
        })
    }

    /// Converts an amount to 10⁻¹² units of a cap's currency. A negative amount becomes 0.
    fn in_currency_of(&self, cap: &CapRules, amount: Money) -> Result<i128, NoExchangeRate> {
        let converted = self.rates.convert(amount, cap.limit.currency())?;
        Ok(converted.pico().max(0))
    }

    /// Returns the amount spent from every account, for a store or a report.
    #[must_use]
    pub fn snapshot(&self) -> Vec<BudgetLine> {
        let books = self.inner.books.lock();
        let mut lines: Vec<_> = books
            .iter()
            .map(|(key, account)| self.inner.line(key, account))
            .collect();
        lines.sort_by(|a, b| (&a.cap, &a.account).cmp(&(&b.cap, &b.account)));
        lines
    }

    /// Restores the amounts of a snapshot. Lines of caps that no longer exist are ignored, and
    /// present reservations stay.
    ///
    /// # Errors
    ///
    /// If a line is in another currency than its cap now, and no exchange rate converts it.
    /// Nothing is restored then: without the line, money could be spent twice.
    pub fn restore(&self, lines: &[BudgetLine]) -> Result<(), NoExchangeRate> {
        let mut known = Vec::with_capacity(lines.len());
        for line in lines {
            let mut caps = self.inner.caps.iter().enumerate();
            if let Some((index, cap)) = caps.find(|(_, cap)| *cap.name == *line.cap) {
                known.push((line, index, self.in_currency_of(cap, line.spent)?));
            }
        }
        let mut books = self.inner.books.lock();
        for (line, index, spent) in known {
            books.restore((index, line.account.clone().into()), line, spent);
        }
        Ok(())
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("caps", &self.inner.caps)
            .field("fleet", &self.inner.fleet)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    /// Returns the time that decides about periods.
    fn now(&self) -> SystemTime {
        let own = self.clock.wall();
        self.fleet.as_ref().map_or(own, |fleet| fleet.wall(own))
    }

    fn line(&self, (index, name): &Key, account: &Account) -> BudgetLine {
        BudgetLine::new(&self.caps[*index], name, account.began, account.spent)
    }
}
