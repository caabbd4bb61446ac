//! Handles on lines of a ledger.

use std::{fmt, sync::Arc};

use http::Extensions;

use super::{Books, Ledger, total::Side};
use crate::{
    Money,
    extensions::{OtherCharges, Settlement},
};

/// A handle on one line of a [`Ledger`].
#[derive(Clone)]
pub struct Account {
    books: Arc<Books>,
    /// True if a layer further in books the same calls.
    passing: bool,
}

// === impl Account ===

impl Account {
    pub(super) fn of(books: &Arc<Books>) -> Self {
        Self {
            books: Arc::clone(books),
            passing: false,
        }
    }

    /// Returns a handle for calls that a layer further in has booked in the same ledger: the line
    /// has them, and the totals do not count them again.
    #[must_use]
    pub fn passing(self) -> Self {
        Self {
            passing: true,
            ..self
        }
    }

    /// Books an avoided call, and marks the response that was given without it: layers outside
    /// then know that there was no call.
    pub fn avoided_by(&self, response: &mut Extensions, cost: Money) {
        if let Some(accounts) = self.books.ledger.upgrade() {
            Ledger(accounts).mark(response);
        }
        self.avoided(cost);
    }

    /// Books the call behind a response, at the cost that the response reports: at once, or when
    /// its [`Settlement`] knows it. Without either the cost is `price`. The response is marked, so
    /// that the totals count the call once.
    pub fn call(&self, response: &mut Extensions, price: Money) {
        let before = match self.books.ledger.upgrade() {
            Some(accounts) => Ledger(accounts).mark(response),
            None => false,
        };
        let account = Self {
            passing: self.passing || before,
            ..self.clone()
        };
        if let Some(OtherCharges(others)) = response.get() {
            others.iter().for_each(|amount| account.paid(amount));
        }
        Settlement::when_known(response, price, move |cost| account.made(cost));
    }

    /// Returns the tenant of the account.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.books.name.tenant
    }

    /// Returns the route of the account.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.books.name.route
    }

    /// Books a call that reached the upstream. A cost in another currency is booked, with its
    /// call, under the same names in that currency.
    pub fn made(&self, cost: Money) {
        self.in_currency_of(cost, |books| self.side(books).book(cost));
    }

    /// Books an avoided call, as [`made`](Self::made) does.
    pub fn avoided(&self, cost: Money) {
        self.in_currency_of(cost, |books| books.avoided.book(cost));
    }

    /// Books an additional cost of calls that are booked already, without counting a call.
    pub fn paid(&self, amount: Money) {
        self.in_currency_of(amount, |books| self.side(books).total.add(amount.pico()));
    }

    fn side<'a>(&self, books: &'a Books) -> &'a Side {
        if self.passing {
            &books.passed
        } else {
            &books.made
        }
    }

    fn in_currency_of(&self, amount: Money, book: impl FnOnce(&Books)) {
        let name = &self.books.name;
        if amount.currency() == name.currency || amount.is_zero() {
            return book(&self.books);
        }
        // Without a ledger there are no readers.
        if let Some(accounts) = self.books.ledger.upgrade() {
            let (ledger, currency) = (Ledger(accounts), amount.currency());
            let other = ledger.account(name.layer, &name.tenant, &name.route, currency);
            book(&other.books);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("line", &self.books.line())
            .field("passing", &self.passing)
            .finish()
    }
}
