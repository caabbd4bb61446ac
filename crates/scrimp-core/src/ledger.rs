//! Accounts of calls and money saved.

mod account;
#[cfg(test)]
mod label_tests;
#[cfg(feature = "metrics")]
mod metered;
mod name;
mod report;
#[cfg(test)]
mod tests;
mod total;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::Extensions;
use parking_lot::RwLock;

pub use self::{account::Account, name::AccountName, report::LedgerTotals};
use self::{
    name::{Name, Open},
    total::Side,
};
use crate::{
    Currency, Money, Totals,
    extensions::{Booked, CostTags},
};

/// Calls and money, avoided and spent, by layer, tenant and route, and by model and tags where they
/// are known.
///
/// A model is known from [`CalledModel`](crate::extensions::CalledModel) of the response, tags from
/// [`CostTags`] of the request. A ledger has 10,000 lines, of which 5,000 have such labels. Beyond
/// that, labels become `(other)`, and then tenants and routes: sums stay exact.
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
    open: RwLock<Open>,
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
    /// Model of the calls; empty if it is not known.
    pub model: Box<str>,
    /// Tags of the requests.
    pub tags: CostTags,
    /// Calls that reached the upstream.
    pub calls_made: u64,
    /// Of these, the calls that another layer's line has too. The totals do not count them here.
    pub calls_passed: u64,
    /// Cost of the calls made.
    pub spent: Money,
    /// Of this, the cost of the calls passed. The totals do not count it here.
    pub passed: Money,
    /// Calls that were avoided.
    pub calls_avoided: u64,
    /// Cost that those calls would have had.
    pub saved: Money,
    /// Tokens of the prompts of calls made, where the layer knows them.
    pub tokens_in: u64,
    /// Tokens of the answers.
    pub tokens_out: u64,
}

/// One way to divide the lines of a [`Ledger`]: the parts add up to its totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dimension<'a> {
    /// By layer.
    Layer,
    /// By tenant.
    Tenant,
    /// By route.
    Route,
    /// By model.
    Model,
    /// By the value of one key of the tags.
    Tag(&'a str),
}

struct Books {
    name: Name,
    /// Accounts in other currencies.
    ledger: Weak<Accounts>,
    made: Side,
    /// Calls that a layer further in has booked.
    passed: Side,
    avoided: Side,
    tokens_in: AtomicU64,
    tokens_out: AtomicU64,
}

// === impl Ledger ===

impl Ledger {
    /// Makes an empty ledger.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Accounts {
            id: NEXT.fetch_add(1, Relaxed),
            open: RwLock::default(),
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
        self.open(AccountName::new(layer, tenant, route, currency))
    }

    /// Returns the account of a name, and opens it if needed. Nothing is allocated for one that is open.
    #[must_use]
    pub fn open(&self, name: AccountName<'_>) -> Account {
        if let Some(books) = self.0.open.read().find(name) {
            return Account::of(books);
        }
        let mut open = self.0.open.write();
        Account::of(open.open(name, |name| Books::new(name, Arc::downgrade(&self.0))))
    }

    /// Returns every line, ordered by layer, tenant, route, model, tags and currency.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let open = self.0.open.read();
        let mut lines: Vec<_> = open.values().map(|books| books.line()).collect();
        drop(open);
        lines.sort_by(|a, b| a.name().cmp(&b.name()));
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
        let open = self.0.open.read();
        let mut totals = LedgerTotals::default();
        for books in open.values() {
            let currency = books.name.currency;
            totals.calls_made += books.made.calls.load(Relaxed);
            totals.spent.add(books.made.money(currency));
            totals.calls_avoided += books.avoided.calls.load(Relaxed);
            totals.saved.add(books.avoided.money(currency));
        }
        totals
    }

    /// Returns the totals by the values of a dimension. Together they are the
    /// [totals](Self::totals), to the last 10⁻¹² of a currency.
    #[must_use]
    pub fn totals_by(&self, dimension: Dimension<'_>) -> BTreeMap<String, LedgerTotals> {
        let mut all = BTreeMap::<_, LedgerTotals>::new();
        for line in self.lines() {
            let totals = all.entry(line.by(dimension).to_owned()).or_default();
            totals.calls_made += line.calls_made - line.calls_passed;
            totals.spent.add(line.own());
            totals.calls_avoided += line.calls_avoided;
            totals.saved.add(line.saved);
        }
        all
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

// === impl Line ===

impl Line {
    /// Returns the line's value in one dimension of cost: `(other)` for names beyond the bounds of a
    /// ledger, empty where there is none.
    #[must_use]
    pub fn by(&self, dimension: Dimension<'_>) -> &str {
        match dimension {
            Dimension::Layer => self.layer,
            Dimension::Tenant => &self.tenant,
            Dimension::Route => &self.route,
            Dimension::Model => &self.model,
            Dimension::Tag(key) => self.tags.get(key).unwrap_or_default(),
        }
    }

    /// Returns the cost of the calls that the totals count on this line.
    #[must_use]
    pub fn own(&self) -> Money {
        let pico = self.spent.pico().saturating_sub(self.passed.pico());
        Money::from_pico(pico, self.spent.currency())
    }

    fn name(&self) -> AccountName<'_> {
        AccountName {
            layer: self.layer,
            tenant: &self.tenant,
            route: &self.route,
            model: &self.model,
            tags: &self.tags,
            currency: self.saved.currency(),
        }
    }
}

// === impl Books ===

impl Books {
    fn new(name: Name, ledger: Weak<Accounts>) -> Self {
        Self {
            name,
            ledger,
            made: Side::default(),
            passed: Side::default(),
            avoided: Side::default(),
            tokens_in: AtomicU64::default(),
            tokens_out: AtomicU64::default(),
        }
    }

    fn line(&self) -> Line {
        let name = self.name.clone();
        let calls_passed = self.passed.calls.load(Relaxed);
        let passed = self.passed.money(name.currency);
        let made = self.made.total.get().saturating_add(passed.pico());
        Line {
            layer: name.layer,
            tenant: name.tenant,
            route: name.route,
            model: name.model,
            tags: name.tags,
            calls_made: self.made.calls.load(Relaxed) + calls_passed,
            calls_passed,
            spent: Money::from_pico(made, name.currency),
            passed,
            calls_avoided: self.avoided.calls.load(Relaxed),
            saved: self.avoided.money(name.currency),
            tokens_in: self.tokens_in.load(Relaxed),
            tokens_out: self.tokens_out.load(Relaxed),
        }
    }
}
