//! Handles on lines of a ledger.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http::Extensions;

use super::{Books, Ledger, name::AccountName, total::Side};
use crate::{
    Money,
    extensions::{CalledModel, CostTags, OtherCharges, Refused, Settlement},
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

    /// Returns the account of the same layer, tenant, route and tags for calls of a model. Nothing
    /// is allocated once the account is open.
    #[must_use]
    pub fn with_model(&self, model: &str) -> Self {
        match *self.books.name.model == *model {
            true => self.clone(),
            false => self.renamed(|name| name.model = model),
        }
    }

    /// Returns the account of the same layer, tenant, route and model for requests with these tags.
    /// Nothing is allocated once the account is open.
    #[must_use]
    pub fn with_tags(&self, tags: &CostTags) -> Self {
        match self.books.name.tags.is(tags) {
            true => self.clone(),
            false => self.renamed(|name| name.tags = tags),
        }
    }

    fn renamed<'a>(&'a self, change: impl FnOnce(&mut AccountName<'a>)) -> Self {
        let Some(accounts) = self.books.ledger.upgrade() else {
            // Without a ledger there are no readers.
            return self.clone();
        };
        let mut name = self.books.name.borrowed();
        change(&mut name);
        Self {
            passing: self.passing,
            ..Ledger(accounts).open(name)
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
    /// that the totals count the call once. It is booked under the response's [`CalledModel`], if it
    /// has one.
    ///
    /// Nothing is booked for a [refusal](Refused) without a call.
    pub fn call(&self, response: &mut Extensions, price: Money) {
        if Refused::without_call(response) {
            return;
        }
        let before = match self.books.ledger.upgrade() {
            Some(accounts) => Ledger(accounts).mark(response),
            None => false,
        };
        let account = match response.get() {
            Some(CalledModel(model)) => self.with_model(model),
            None => self.clone(),
        };
        let account = Self {
            passing: self.passing || before,
            ..account
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

    /// Books tokens of calls that are booked already, unless another layer's line has them.
    pub fn used(&self, tokens_in: u64, tokens_out: u64) {
        if !self.passing {
            self.books.tokens_in.fetch_add(tokens_in, Relaxed);
            self.books.tokens_out.fetch_add(tokens_out, Relaxed);
        }
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
        if self.books.ledger.strong_count() > 0 {
            book(&self.renamed(|name| name.currency = amount.currency()).books);
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
