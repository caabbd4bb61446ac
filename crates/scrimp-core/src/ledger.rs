//! Accounts of calls and money saved.

mod account;
#[cfg(feature = "metrics")]
mod metered;
mod report;
#[cfg(test)]
mod tests;
mod total;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::Extensions;
use parking_lot::RwLock;

use self::total::Side;
pub use self::{account::Account, report::LedgerTotals};
use crate::{Currency, Money, Totals, extensions::Booked};

/// Highest number of accounts in a ledger. Above it, money goes to the layer's `(other)` account,
/// so that invented tenants cannot fill the memory.
const MAX_ACCOUNTS: usize = 10_000;

/// Name of the account for amounts without an account of their own.
const OTHER: &str = "(other)";

/// Calls and money, avoided and spent, by layer, tenant and route.
///
/// Clones are handles on the same ledger. A layer asks for an [`Account`] once and keeps it:
/// booking is two atomic additions.
///
/// Every layer on the way of a call books it on a line of its own, so lines of different layers
/// are not added up: [`totals`](Self::totals) counts each call once. It is written as a table with
/// the totals below, and by serde (feature `serde`) as `lines` and `totals`.
#[derive(Clone)]
pub struct Ledger(Arc<Accounts>);

struct Accounts {
    /// Identity of the ledger within the process.
    id: u64,
    map: RwLock<HashMap<Name, Arc<Books>>>,
}

/// One line of a [`Ledger`] at the time of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    /// Of these, the calls that another layer's line has too. The totals do not count them here.
    pub calls_passed: u64,
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
    /// Calls that a layer further in has booked.
    passed: Side,
    avoided: Side,
}

// === impl Ledger ===

impl Ledger {
    /// Makes an empty ledger.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Accounts {
            id: NEXT.fetch_add(1, Relaxed),
            map: RwLock::default(),
        }))
    }

    /// Reports whether the call behind a response is booked here already, by a layer further in.
    #[must_use]
    pub fn has(&self, response: &Extensions) -> bool {
        Booked::is_in(response, self.0.id)
    }

    /// Marks the call behind a response as booked here, for the layers outside. Returns true if it
    /// was marked before. [`Account::call`] does it too.
    pub fn mark(&self, response: &mut Extensions) -> bool {
        Booked::mark(response, self.0.id)
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
        if let Some(books) = self.0.map.read().get(&name) {
            return Account::of(books);
        }
        let mut accounts = self.0.map.write();
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&name) {
            name.tenant = OTHER.into();
            name.route = OTHER.into();
        }
        let books = accounts.entry(name).or_insert_with_key(|name| {
            Arc::new(Books {
                name: name.clone(),
                ledger: Arc::downgrade(&self.0),
                made: Side::default(),
                passed: Side::default(),
                avoided: Side::default(),
            })
        });
        Account::of(books)
    }

    /// Returns every line, ordered by layer, tenant, route and currency.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let accounts = self.0.map.read();
        let mut lines: Vec<_> = accounts.values().map(|books| books.line()).collect();
        drop(accounts);
        fn order(line: &Line) -> (&str, &str, &str, Currency) {
            (line.layer, &line.tenant, &line.route, line.saved.currency())
        }
        lines.sort_by(|a, b| order(a).cmp(&order(b)));
        lines
    }

    /// Returns the cost of the calls that one layer has booked, by currency.
    #[must_use]
    pub fn spent(&self, layer: &str) -> Totals {
        let lines = self.lines().into_iter();
        let own = lines.filter(|line| line.layer == layer);
        own.map(|line| line.spent).collect()
    }

    /// Returns the sums over all lines, in which each call counts once: on the line of the layer
    /// nearest to the upstream.
    #[must_use]
    pub fn totals(&self) -> LedgerTotals {
        let accounts = self.0.map.read();
        let mut totals = LedgerTotals::default();
        for books in accounts.values() {
            let currency = books.name.currency;
            totals.calls_made += books.made.calls.load(Relaxed);
            totals.spent.add(books.made.money(currency));
            totals.calls_avoided += books.avoided.calls.load(Relaxed);
            totals.saved.add(books.avoided.money(currency));
        }
        totals
    }

    /// Returns the savings of all layers together, by currency.
    #[must_use]
    pub fn saved(&self) -> Totals {
        self.totals().saved
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

// === impl Books ===

impl Books {
    fn line(&self) -> Line {
        let Name {
            layer,
            tenant,
            route,
            currency,
        } = &self.name;
        let calls_passed = self.passed.calls.load(Relaxed);
        let passed = self.passed.total.get();
        Line {
            layer,
            tenant: tenant.clone(),
            route: route.clone(),
            calls_made: self.made.calls.load(Relaxed) + calls_passed,
            calls_passed,
            spent: Money::from_pico(self.made.total.get().saturating_add(passed), *currency),
            calls_avoided: self.avoided.calls.load(Relaxed),
            saved: self.avoided.money(*currency),
        }
    }
}
