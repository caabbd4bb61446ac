//! Accounts of calls and money saved.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::{Mutex, RwLock};

use crate::{Currency, Money, Totals};

/// Highest number of accounts in a ledger. Above it, money goes to the layer's `(other)` account,
/// so that invented tenants cannot fill the memory.
const MAX_ACCOUNTS: usize = 10_000;

/// Name of the account for amounts without an account of their own.
const OTHER: &str = "(other)";

/// Calls and money, avoided and spent, by layer, tenant and route.
///
/// Clones are handles on the same ledger. A layer asks for an [`Account`] once and keeps it:
/// booking is two atomic additions.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Accounts>);

type Accounts = RwLock<HashMap<Name, Arc<Books>>>;

/// A handle on one line of a [`Ledger`].
#[derive(Clone)]
pub struct Account(Arc<Books>);

/// One line of a [`Ledger`] at the time of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Layer of the account, such as `cache`.
    pub layer: &'static str,
    /// Tenant; empty if there are none.
    pub tenant: Box<str>,
    /// Route, named as in the layer's rules.
    pub route: Box<str>,
    /// Calls that reached the upstream.
    pub calls_made: u64,
    /// Cost of those calls.
    pub spent: Money,
    /// Calls that were avoided.
    pub calls_avoided: u64,
    /// Cost that those calls would have had.
    pub saved: Money,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Name {
    layer: &'static str,
    tenant: Box<str>,
    route: Box<str>,
    currency: Currency,
}

struct Books {
    name: Name,
    /// Accounts in other currencies.
    ledger: Weak<Accounts>,
    made: Side,
    avoided: Side,
}

#[derive(Default)]
struct Side {
    calls: AtomicU64,
    total: Total,
}

/// An exact 128-bit sum whose common case is one atomic addition.
///
/// `recent` takes the additions. Before it can overflow, the thread that sees it pass the mark
/// moves it into `carried`, under the lock that readers take too, so no reader sees the amount in
/// both places or in neither.
#[derive(Default)]
struct Total {
    recent: AtomicI64,
    carried: Mutex<i128>,
}

// === impl Ledger ===

impl Ledger {
    /// Makes an empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the account of a layer, tenant and route in one currency, and opens it if needed.
    #[must_use]
    pub fn account(
        &self,
        layer: &'static str,
        tenant: &str,
        route: &str,
        currency: Currency,
    ) -> Account {
        let mut name = Name {
            layer,
            tenant: tenant.into(),
            route: route.into(),
            currency,
        };
        if let Some(books) = self.0.read().get(&name) {
            return Account(Arc::clone(books));
        }
        let mut accounts = self.0.write();
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&name) {
            name.tenant = OTHER.into();
            name.route = OTHER.into();
        }
        let books = accounts.entry(name).or_insert_with_key(|name| {
            Arc::new(Books {
                name: name.clone(),
                ledger: Arc::downgrade(&self.0),
                made: Side::default(),
                avoided: Side::default(),
            })
        });
        Account(Arc::clone(books))
    }

    /// Returns every line, ordered by layer, tenant, route and currency.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<_> = self
            .0
            .read()
            .iter()
            .map(|(name, books)| Line {
                layer: name.layer,
                tenant: name.tenant.clone(),
                route: name.route.clone(),
                calls_made: books.made.calls.load(Relaxed),
                spent: books.made.money(books.name.currency),
                calls_avoided: books.avoided.calls.load(Relaxed),
                saved: books.avoided.money(books.name.currency),
            })
            .collect();
        fn order(line: &Line) -> (&str, &str, &str, Currency) {
            (line.layer, &line.tenant, &line.route, line.saved.currency())
        }
        lines.sort_by(|a, b| order(a).cmp(&order(b)));
        lines
    }

    /// Returns the cost of the calls that one layer has booked, by currency.
    ///
    /// Every layer on the way of a call books it, so the costs of layers are not added up.
    #[must_use]
    pub fn spent(&self, layer: &str) -> Totals {
        let lines = self.lines().into_iter();
        let own = lines.filter(|line| line.layer == layer);
        own.map(|line| line.spent).collect()
    }

    /// Returns the savings of all layers together, by currency.
    #[must_use]
    pub fn saved(&self) -> Totals {
        self.lines().into_iter().map(|line| line.saved).collect()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

// === impl Account ===

impl Account {
    /// Returns the tenant of the account.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.0.name.tenant
    }

    /// Returns the route of the account.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.0.name.route
    }

    /// Books a call that reached the upstream. A cost in another currency is booked, with its
    /// call, under the same names in that currency.
    pub fn made(&self, cost: Money) {
        self.book(cost, |books| &books.made);
    }

    /// Books an avoided call, as [`made`](Self::made) does.
    pub fn avoided(&self, cost: Money) {
        self.book(cost, |books| &books.avoided);
    }

    /// Books an additional cost of calls that are booked already, without counting a call.
    pub fn paid(&self, amount: Money) {
        self.in_currency_of(amount, |books| books.made.total.add(amount.pico()));
    }

    fn book(&self, amount: Money, side: fn(&Books) -> &Side) {
        self.in_currency_of(amount, |books| side(books).book(amount));
    }

    fn in_currency_of(&self, amount: Money, book: impl FnOnce(&Books)) {
        let name = &self.0.name;
        if amount.currency() == name.currency || amount.is_zero() {
            return book(&self.0);
        }
        // Without a ledger there are no readers.
        if let Some(accounts) = self.0.ledger.upgrade() {
            let (ledger, currency) = (Ledger(accounts), amount.currency());
            let other = ledger.account(name.layer, &name.tenant, &name.route, currency);
            book(&other.0);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("spent", &self.0.made.money(self.0.name.currency))
            .field("saved", &self.0.avoided.money(self.0.name.currency))
            .finish()
    }
}

// === impl Side, Total ===

impl Side {
    fn book(&self, amount: Money) {
        self.calls.fetch_add(1, Relaxed);
        self.total.add(amount.pico());
    }

    fn money(&self, currency: Currency) -> Money {
        Money::from_pico(self.total.get(), currency)
    }
}

impl Total {
    /// Far enough from the end that every thread may add once more before the carry.
    const MARK: i64 = 1 << 61;
    /// Larger amounts skip `recent`, because a few of them could overflow it at once.
    const LARGE: i128 = 1 << 50;

    fn add(&self, pico: i128) {
        match i64::try_from(pico) {
            Ok(small) if pico.abs() < Self::LARGE => {
                let sum = self.recent.fetch_add(small, Relaxed).wrapping_add(small);
                if sum.abs() >= Self::MARK {
                    let mut carried = self.carried.lock();
                    *carried = carried.saturating_add(self.recent.swap(0, Relaxed).into());
                }
            }
            _ => {
                let mut carried = self.carried.lock();
                *carried = carried.saturating_add(pico);
            }
        }
    }

    fn get(&self) -> i128 {
        let carried = self.carried.lock();
        carried.saturating_add(self.recent.load(Relaxed).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_across_the_carry_and_across_threads() {
        let ledger = Ledger::new();
        let account = ledger.account("cache", "", "/", Currency::USD);
        // Just under `LARGE`: 2,100 of them pass the mark and carry.
        let amount = Money::from_pico(Total::LARGE - 1, Currency::USD);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5_000).for_each(|_| account.avoided(amount)));
            }
        });
        account.avoided(Money::from_pico(1 << 90, Currency::USD));
        let line = &ledger.lines()[0];
        assert_eq!(line.calls_avoided, 20_001);
        assert_eq!(line.saved.pico(), 20_000 * (Total::LARGE - 1) + (1 << 90));
    }

    #[test]
    fn lines_are_ordered_by_layer_tenant_route_and_then_currency() {
        let ledger = Ledger::new();
        let names = [
            ("route", "a", "/", "EUR"),
            ("cache", "b", "/", "USD"),
            ("cache", "a", "/y", "EUR"),
            ("cache", "a", "/x", "USD"),
            ("cache", "a", "/x", "EUR"),
            ("cache", "b", "/", "EUR"),
        ];
        for (layer, tenant, route, code) in names {
            let _ = ledger.account(layer, tenant, route, Currency::new(code).unwrap());
        }
        let lines = ledger.lines();
        let order = |line: &Line| {
            let code = line.saved.currency().code().to_owned();
            (line.layer, line.tenant.clone(), line.route.clone(), code)
        };
        let order: Vec<_> = lines.iter().map(order).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert_eq!(order.len(), names.len());
    }

    #[test]
    fn money_of_another_currency_is_booked_under_that_currency() {
        let ledger = Ledger::new();
        let account = ledger.account("cache", "acme", "/", Currency::USD);
        account.made("1 USD".parse().unwrap());
        account.made("300 JPY".parse().unwrap());
        account.avoided("2 EUR".parse().unwrap());
        account.paid("50 JPY".parse().unwrap());
        assert_eq!(ledger.spent("cache").to_string(), "350.00 JPY + $1.00");
        assert_eq!(ledger.saved().to_string(), "2.00 EUR");
        let count = |line: &Line| (line.calls_made, line.calls_avoided);
        let counts: Vec<_> = ledger.lines().iter().map(count).collect();
        assert_eq!(counts, [(0, 1), (1, 0), (1, 0)], "in EUR, JPY and USD");
    }

    #[test]
    fn a_call_without_cost_opens_no_account_in_another_currency() {
        let ledger = Ledger::new();
        let euro = Currency::new("EUR").unwrap();
        ledger.account("cache", "", "/", euro).made(Money::ZERO);
        let lines = ledger.lines();
        assert_eq!((lines.len(), lines[0].calls_made), (1, 1));
    }

    #[test]
    fn a_flood_of_tenants_ends_in_one_account() {
        let ledger = Ledger::new();
        for tenant in 0..MAX_ACCOUNTS + 5 {
            let account = ledger.account("cache", &tenant.to_string(), "/", Currency::USD);
            account.made(Money::from_pico(1, Currency::USD));
        }
        let lines = ledger.lines();
        assert_eq!(lines.len(), MAX_ACCOUNTS + 1);
        let other = lines.iter().find(|line| &*line.tenant == OTHER).unwrap();
        assert_eq!(other.calls_made, 5);
    }
}
