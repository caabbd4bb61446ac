//! A call under way, from its choice to the end of its body.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{StatusCode, response};
use scrimp_core::{BodyEnd, Sink, extensions::Settler};
use scrimp_http::decode::Decoder;
use tokio::time::Instant;

use crate::{
    Tap, Usage,
    bill::{Bill, Cost},
    budget::Reservation,
    config::Shared,
    engine::{Outcome, Ticket},
    opening::{Opening, Verdict},
    payer::{Paid, Payer},
    profile::Profile,
    prompt::{Bet, Ended},
    quota::{Need, Taken},
    state::{Entry, State},
};

/// Decoded bytes of an answer that are looked at, at most. Memory does not grow with them.
const MOST_READ: u64 = 1 << 30;

/// Call under way. Its end, of any kind, is reported to the router, the budget and the ledger.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) provider: Arc<Profile>,
    pub(crate) ticket: Ticket,
    /// True until the call is made, if it waits for room in the provider's quotas.
    pub(crate) waits: bool,
    /// Part of the quotas that it has taken.
    pub(crate) quota: Option<Taken>,
    /// Time at which the provider was chosen.
    pub(crate) began: Instant,
    /// True if an earlier call was made for the same request.
    pub(crate) failover: bool,
    /// True if it was made beside a slow one.
    pub(crate) hedged: bool,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) bill: Bill,
    /// Expectation of the provider's prompt cache.
    pub(crate) bet: Option<Bet>,
    /// Reader of the answer, if it is read. In a box, as it is large and most calls need none.
    pub(crate) reader: Option<Box<AnswerReader>>,
    pub(crate) bytes_out: u64,
    /// Set as soon as the call is known to have failed.
    pub(crate) failed: Option<Failure>,
    /// Status of the answer, as soon as there is one.
    pub(crate) status: Option<StatusCode>,
    /// True if the first byte of the answer has come.
    pub(crate) has_begun: bool,
    /// True if its caller has left, and its answer is read to the end in the background.
    pub(crate) drained: bool,
    /// True if the router was told how the call went.
    pub(crate) learnt: bool,
    /// Set when the call has ended: what it cost.
    pub(crate) ended: Option<Cost>,
}

/// Reader of an answer's bytes as they pass.
pub(crate) struct AnswerReader {
    pub(crate) tap: Tap,
    /// Decoder of the answer's content coding, if it can be decoded.
    pub(crate) decoder: Option<Decoder>,
    /// Reader of the first event, if the answer is a stream: an error is no answer.
    opening: Option<Opening>,
    /// Verdict on the first event.
    opened: Option<Verdict>,
    /// Time from the beginning of the call to the first text.
    pub(crate) silence: Option<Duration>,
}

/// Failure of a call, and the time for which the provider asked to be left alone, if it did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) retry_after: Option<Duration>,
}

/// Watcher of the body of a call's response, which settles its cost for the layers outside.
pub(crate) struct Meter {
    pub(crate) call: Box<Call>,
    pub(crate) settler: Settler,
}

// === impl AnswerReader ===

impl AnswerReader {
    /// Reports whether the answer is a stream, by its fields or its first bytes.
    pub(crate) fn is_stream(&self) -> bool {
        self.opening.is_some()
    }
}

// === impl Call ===

impl Call {
    /// Returns the time that it still has to wait.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let now = self.shared.now();
        let rest = self
            .shared
            .state
            .lock()
            .quotas
            .rest(now, self.quota.as_ref()?);
        let rest = Duration::try_from_secs_f64(rest).ok()?;
        (rest > Duration::from_micros(1)).then_some(rest)
    }

    /// Makes the call, after it has waited.
    pub(crate) fn begin(&mut self) {
        self.waits = false;
        self.began = self.shared.now();
        let mut state = self.shared.state.lock();
        self.ticket = state.router.resumed(self.began, self.ticket);
        if let Some(taken) = &mut self.quota {
            state.quotas.sent(self.began, taken);
        }
        self.leave_line(&mut state);
    }

    fn leave_line(&self, state: &mut State) {
        if let Some(index) = state.find(&self.provider.name) {
            let waiting = &mut state.entries[index].waiting;
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// Takes the head of the answer.
    pub(crate) fn begin_answer(&mut self, head: &response::Parts) {
        self.status = Some(head.status);
        let is_good = head.status.is_success();
        let opening = Opening::of(&head.headers, b"").filter(|_| is_good);
        // The cost depends on the answer, or it is a failure, which is paid only if it reports usage.
        let failed = head.status.is_server_error();
        if self.bill.reads_answers() || failed || opening.is_some() {
            self.reader = Some(Box::new(AnswerReader {
                tap: Tap::new(),
                // What cannot be decoded is not read: its usage is estimated.
                decoder: Decoder::of(&head.headers, MOST_READ).ok(),
                opening,
                opened: None,
                silence: None,
            }));
        }
    }

    /// Looks for the usage in every byte of the answer, if the cost depends on it.
    pub(crate) fn see(&mut self, chunk: &[u8]) {
        self.bytes_out += chunk.len() as u64;
        if let Some(AnswerReader {
            tap,
            decoder: Some(decoder),
            opening,
            opened,
            silence,
        }) = self.reader.as_deref_mut()
        {
            // The first error stays, and nothing is read after it.
            let _ = decoder.push(chunk, |piece| {
                tap.see(piece);
                if let (Some(opening), None) = (&mut *opening, &*opened) {
                    *opened = opening.push(piece);
                }
            });
            if silence.is_none() && !tap.content().is_empty() {
                let now = self.shared.now();
                *silence = Some(now.saturating_duration_since(self.began));
            }
        }
    }

    /// Reports whether the answer was a stream that began with an error, or ended without an event.
    fn has_no_answer(&mut self, outcome: Outcome) -> bool {
        let Some(AnswerReader {
            decoder: Some(_),
            opening: Some(opening),
            opened,
            ..
        }) = self.reader.as_deref_mut()
        else {
            return false;
        };
        let at_end = || (outcome == Outcome::Succeeded).then(|| opening.end());
        let verdict = opened.or_else(at_end);
        verdict.is_some_and(|verdict| verdict != Verdict::Answer)
    }

    /// Learns from a whole answer how tokens are told from its text, for answers that are not whole.
    fn learn_usage(&self, entry: &mut Entry) {
        let is_good = self.status.is_some_and(|status| status.is_success());
        let is_read = self
            .reader
            .as_ref()
            .is_some_and(|reader| reader.decoder.is_some());
        if !(is_good && is_read && self.failed.is_none() && self.bill.reads_answers()) {
            return;
        }
        let (told, seen) = (self.told(), self.seen());
        let learned = entry.learn(self.bill.model.as_deref());
        learned.learn_habit(&seen, told.is_some_and(|told| told.completion));
        if let Some(told) = told.filter(|told| told.prompt) {
            learned.learn_prompt(&self.bill.sent, &told.usage);
        }
        if let Some(told) = told.filter(|told| told.completion) {
            learned.learn_answer(&seen, &told.usage);
        }
    }

    /// Reports the failure to the router now, so that the next choice uses it.
    pub(crate) fn fail(&mut self, retry_after: Option<Duration>) {
        self.failed = Some(Failure { retry_after });
        if !std::mem::replace(&mut self.learnt, true) {
            let mut state = self.shared.state.lock();
            let (now, outcome) = (self.shared.now(), Outcome::Failed { retry_after });
            state.router.ended(now, self.ticket, outcome);
        }
    }

    /// Tells the router nothing of the call: its answer says nothing about the provider.
    pub(crate) fn tell_nothing(&mut self) {
        if !std::mem::replace(&mut self.learnt, true) {
            self.shared.state.lock().router.unmade(self.ticket);
        }
    }

    /// Ends the call, at the latest when it is dropped. Returns what it cost.
    pub(crate) fn end(&mut self, outcome: Outcome) -> Cost {
        if let Some(cost) = self.ended {
            return cost;
        }
        if self.failed.is_none() && self.has_no_answer(outcome) {
            self.failed = Some(Failure { retry_after: None });
        }
        let outcome = match self.failed {
            Some(Failure { retry_after }) => Outcome::Failed { retry_after },
            None => outcome,
        };
        let is_news = !std::mem::replace(&mut self.learnt, true);
        let paid = self.is_paid(outcome);
        let whole = outcome == Outcome::Succeeded;
        let usage = self.usage(whole);
        let now = self.shared.config.clock.wall();
        let cost = self.cost(&usage, paid, now);
        self.ended = Some(cost);
        if let Some(beside) = &self.bill.beside {
            beside.ended(cost.known());
        }
        {
            let mut state = self.shared.state.lock();
            if is_news {
                state.router.ended(self.shared.now(), self.ticket, outcome);
            }
            if outcome == Outcome::Cancelled && !self.has_begun {
                let now = self.shared.now();
                let age = now.saturating_duration_since(self.began);
                state.router.outrun(now, self.ticket, age);
            }
            // Its caller did not get the answer, whatever became of it.
            let end = match (self.drained, outcome) {
                (true, Outcome::Succeeded) => Outcome::Cancelled,
                _ => outcome,
            };
            state.stats.ended(end, paid, cost.known());
            state.stats.drained += u64::from(self.drained);
            self.learn_cached(&mut state.caches);
            if let (Some(taken), Some(told), true) = (&self.quota, self.told(), whole)
                && told.prompt
                && told.completion
            {
                let now = self.shared.now();
                state.quotas.settle(now, taken, &Need::used(&told.usage));
            }
            let index = state.find(&self.provider.name);
            if let Some(index) = index {
                state.entries[index].tally.ended(end, cost.known());
            }
            if paid && let Some(index) = index {
                let told = self.told();
                let told = whole && told.is_some_and(|told| told.completion);
                let model = self.bill.model.as_deref();
                state.entries[index].count(model, now, told.then_some(&usage));
                if whole || self.has_told_all() {
                    self.learn_usage(&mut state.entries[index]);
                }
            }
        }
        self.book(cost, &usage);
        self.look_for_breaks();
        let time = || self.age();
        self.shared.call_times.record(&self.provider.name, time);
        cost
    }

    /// Looks for what prevents the reuse of the prompt.
    fn look_for_breaks(&self) {
        let told = self.told().filter(|told| told.prompt);
        let (Some(bet), Some(told), None) = (&self.bet, told, self.failed) else {
            return;
        };
        let bill = &self.bill;
        self.shared.breaks.see(&Ended {
            payer: match &bill.payer {
                Payer::One(tenant) => Some(tenant),
                Payer::Many(_) => None,
            },
            route: &bill.route,
            model: bill.model.as_deref(),
            bet,
            price: &bill.price,
            used: bill.used,
            usage: &told.usage,
            now: self.shared.now(),
            wall: self.shared.config.clock.wall(),
        });
    }

    /// Removes the call: it was never sent, so it says nothing about the provider.
    pub(crate) fn unmake(&mut self) {
        self.ended = Some(Cost::Nothing);
        self.learnt = true;
        let mut state = self.shared.state.lock();
        state.router.unmade(self.ticket);
        state.stats.unmade(self.failover, self.hedged);
        if let Some(taken) = self.quota.take() {
            state.quotas.give_back(self.shared.now(), &taken);
        }
        if std::mem::take(&mut self.waits) {
            self.leave_line(&mut state);
        }
    }

    fn book(&mut self, cost: Cost, usage: &Usage) {
        if let Some(reservation) = self.reservation.take() {
            match cost {
                // A price that has no rate to the currency of a cap is refused when it is set. For a stated
                // cost, which is in dollars, there may be none: the reserved amount is booked then.
                Cost::Paid(cost) => {
                    if let Err(error) = reservation.settle(cost) {
                        tracing::warn!(%error, "a stated cost cannot be booked under a cap");
                    }
                }
                Cost::Unknown => reservation.settle_in_full(),
                Cost::Nothing => reservation.release(),
            }
        }
        if let (Some(ledger), true) = (&self.shared.config.ledger, cost != Cost::Nothing) {
            let bill = &self.bill;
            let paid = Paid {
                route: &bill.route,
                model: bill.model.as_deref(),
                usage: bill.reads_answers().then_some(usage),
                cost: cost.known(),
                passing: bill.passing,
            };
            paid.book(ledger, &bill.payer, &bill.tags);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.waits {
            // The caller has left before the call was made.
            self.unmake();
        } else {
            self.end(Outcome::Cancelled);
        }
    }
}

// === impl Meter ===

impl Meter {
    fn finish(mut self, outcome: Outcome) {
        let cost = self.call.end(outcome);
        // The ledger of this layer is written before those of the layers outside.
        self.settler.settle(self.call.told_cost(cost));
    }
}

impl Sink for Meter {
    fn data(&mut self, chunk: &Bytes) {
        self.call.see(chunk);
    }

    fn end(self, end: BodyEnd) {
        self.finish(match end {
            BodyEnd::Complete | BodyEnd::Trailers(_) => Outcome::Succeeded,
            BodyEnd::Failed => Outcome::Failed { retry_after: None },
            BodyEnd::Dropped => Outcome::Cancelled,
        });
    }
}
