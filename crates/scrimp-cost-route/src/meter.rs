//! A call under way, from its choice to the end of its body.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use scrimp_core::{BodyEnd, Money, Sink};

use crate::{
    Price, Tap, TokenClass, Usage,
    budget::Reservation,
    config::Shared,
    engine::{Outcome, Ticket},
    metered,
    payer::Payer,
    profile::Profile,
};

/// Call under way. Its end, of any kind, is reported to the router, the budget and the ledger.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) provider: Arc<Profile>,
    pub(crate) ticket: Ticket,
    /// True if an earlier call was made for the same request.
    pub(crate) failover: bool,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) payer: Payer,
    pub(crate) route: Arc<str>,
    /// Usage of the request itself.
    pub(crate) sent: Usage,
    /// Number of requests before it in its volume period.
    pub(crate) used: u64,
    pub(crate) tap: Tap,
    pub(crate) bytes_out: u64,
    /// Set as soon as the call is known to have failed.
    pub(crate) failed: Option<Failure>,
    /// True if an answer came: only answers are paid for.
    pub(crate) answered: bool,
    pub(crate) ended: bool,
}

/// Failure of a call, and the time for which the provider asked to be left alone, if it did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) retry_after: Option<Duration>,
}

/// Watcher of the body of a call's response.
pub(crate) struct Meter(pub(crate) Box<Call>);

// === impl Call ===

impl Call {
    pub(crate) fn price(&self) -> &Price {
        &self.provider.price
    }

    /// Looks for the usage in every byte of the answer, if the price depends on it.
    pub(crate) fn see(&mut self, chunk: &[u8]) {
        if self.price().depends_on_tokens() {
            self.tap.see(chunk);
        }
    }

    /// Returns the usage: as the answer reports it, or as far as it was seen.
    fn usage(&self, whole: bool) -> Usage {
        let mut usage = match self.tap.usage() {
            // A broken stream has reported less than it used.
            Some(told) if !whole => {
                let seen = told.completion().max(self.tap.guess());
                if seen > told.completion() {
                    told.with(TokenClass::Output, seen)
                } else {
                    told
                }
            }
            Some(told) => told,
            None if self.sent.prompt() > 0 && self.answered => {
                self.sent.with(TokenClass::Output, self.tap.guess())
            }
            None => self.sent,
        };
        usage.bytes_in = self.sent.bytes_in;
        usage.bytes_out = self.bytes_out;
        usage
    }

    /// Ends the call. Called once, at the latest when it is dropped.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let outcome = match self.failed {
            Some(Failure { retry_after }) => Outcome::Failed { retry_after },
            None => outcome,
        };
        // A failure before any answer is not paid for. A call whose caller leaves is paid for.
        let paid = self.failed.is_none() && (self.answered || outcome == Outcome::Cancelled);
        let now = self.shared.config.clock.wall();
        let whole = outcome == Outcome::Succeeded;
        let usage = self.usage(whole);
        let cost = self.price().cost(&usage, now, self.used);
        let cost = cost.filter(|_| paid);
        {
            let mut state = self.shared.state.lock();
            state.router.ended(self.shared.now(), self.ticket, outcome);
            state.stats.ended(outcome, paid, cost);
            if paid && let Some(index) = state.find(&self.provider.name) {
                let told = self.tap.usage().is_some() && whole;
                state.entries[index].count(now, told.then_some(&usage));
            }
        }
        self.book(cost, paid);
        metered::call(&self.provider.name, outcome, cost);
    }

    /// Removes the call: it was never sent, so it says nothing about the provider.
    pub(crate) fn unmake(&mut self) {
        self.ended = true;
        let mut state = self.shared.state.lock();
        state.router.unmade(self.ticket);
        state.stats.unmade(self.failover);
    }

    fn book(&mut self, cost: Option<Money>, paid: bool) {
        if let Some(reservation) = self.reservation.take() {
            match cost {
                // `build`, `put` and `set_price` refuse a price that cannot be converted to the
                // currency of a cap it counts towards.
                Some(cost) => reservation
                    .settle(cost)
                    .expect("a price that was taken has the exchange rates it needs"),
                // The cost is unknown: the reserved amount is booked.
                None if paid => reservation.settle_in_full(),
                None => reservation.release(),
            }
        }
        if let (Some(ledger), true) = (&self.shared.config.ledger, paid) {
            self.payer.book(ledger, &self.route, cost);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

// === impl Meter ===

impl Sink for Meter {
    fn data(&mut self, chunk: &Bytes) {
        self.0.bytes_out += chunk.len() as u64;
        self.0.see(chunk);
    }

    fn end(mut self, end: BodyEnd) {
        self.0.end(match end {
            BodyEnd::Complete | BodyEnd::Trailers(_) => Outcome::Succeeded,
            BodyEnd::Failed => Outcome::Failed { retry_after: None },
            BodyEnd::Dropped => Outcome::Cancelled,
        });
    }
}
