//! Charges a call by the part of its answer that was seen.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use scrimp_core::Money;

use crate::{
    TokenClass, Usage,
    bill::Cost,
    engine::Outcome,
    meter::Call,
    partial::{Estimate, Learned, Seen},
    tap::Told,
};

// === impl Call ===

impl Call {
    /// Returns the usage: as the answer reports it, or as far as it was seen. A side that was not
    /// reported is estimated, by what whole answers at the same price have had.
    pub(crate) fn usage(&self, whole: bool) -> Usage {
        let sent = self.bill.sent;
        let told = self.told();
        let mut usage = match told {
            Some(told) if told.prompt && told.completion && (whole || self.has_told_all()) => {
                told.usage
            }
            // The text of an error is no answer.
            Some(told) if told.prompt && self.status.is_some_and(is_error) => told.usage,
            None if sent.prompt() == 0 => sent,
            // Tokens have no price, so nothing is learned of them.
            None if !self.bill.reads_answers() => match self.status {
                Some(_) => sent.with(TokenClass::Output, self.bytes_out / 4),
                None => sent,
            },
            told => self.estimated(told, whole),
        };
        usage.bytes_in = sent.bytes_in;
        usage.bytes_out = self.bytes_out;
        usage
    }

    /// Reports whether the answer has told its usage after the last of its text, so that nothing of use
    /// follows.
    pub(crate) fn has_told_all(&self) -> bool {
        let tap = self.reader.as_ref().map(|reader| &reader.tap);
        tap.is_some_and(|tap| tap.has_finished() && tap.since_counted().1.is_empty())
            && self
                .told()
                .is_some_and(|told| told.prompt && told.completion)
    }

    fn estimated(&self, told: Option<Told>, whole: bool) -> Usage {
        self.with_learned(|learned| {
            let sent = self.bill.sent;
            let told_prompt = told.filter(|told| told.prompt);
            let prompt = match told_prompt {
                Some(told) => told.usage,
                None => learned.prompt(&sent),
            };
            let mut usage = prompt.with_answer_of(&match (told, self.status) {
                (Some(told), _) if told.completion => told.usage,
                (None, None) => return prompt.with_answer_of(&sent),
                _ => Usage::default(),
            });
            // A broken stream has reported less than it used.
            if !whole || told.is_none_or(|told| !told.completion) {
                let Estimate { shown, hidden, .. } = self.answer(learned, whole);
                let all = rounded(shown).saturating_add(rounded(hidden));
                let more = all.saturating_sub(usage.completion());
                let thoughts = rounded(hidden).min(more);
                for (class, tokens) in [
                    (TokenClass::Reasoning, thoughts),
                    (TokenClass::Output, more - thoughts),
                ] {
                    usage = usage.with(class, usage.tokens(class).saturating_add(tokens));
                }
            }
            usage
        })
    }

    /// Estimates the tokens of the answer that are billed: those that were seen, and the rest where the
    /// provider goes on without its caller.
    pub(crate) fn answer(&self, learned: &Learned, whole: bool) -> Estimate {
        let seen = self.seen();
        let reader = self.reader.as_ref();
        let tap = reader.and_then(|reader| reader.decoder.is_some().then_some(&reader.tap));
        let mut answer = match tap {
            Some(_) if !seen.is_empty() || learned.knows_answers() => learned.answer(&seen, whole),
            Some(tap) => Estimate::guessed(tap.guess()),
            None => Estimate::guessed(self.bytes_out / 4),
        };
        let has_finished = tap.is_some_and(crate::Tap::has_finished);
        if !whole && !has_finished && self.provider.bills_to_end {
            let rest = learned.rest(answer.tokens());
            answer.shown += rest;
            answer.deviation = answer.deviation.hypot(rest);
        }
        answer
    }

    /// Returns what was seen of the answer.
    pub(crate) fn seen(&self) -> Seen {
        let Some(reader) = &self.reader else {
            return Seen::default();
        };
        let silence = reader.silence.unwrap_or_else(|| self.age());
        Seen::of(&reader.tap, silence)
    }

    /// Returns the time since the call began.
    pub(crate) fn age(&self) -> Duration {
        self.shared.now().saturating_duration_since(self.began)
    }

    /// Passes on what was learned of whole answers at the price of this one.
    pub(crate) fn with_learned<T>(&self, with: impl FnOnce(&Learned) -> T) -> T {
        let state = self.shared.state.lock();
        let entry = state.find(&self.provider.name);
        let model = self.bill.model.as_deref();
        match entry.and_then(|index| state.entries[index].learned(model)) {
            Some(learned) => with(learned),
            None => {
                drop(state);
                with(&Learned::new())
            }
        }
    }

    /// Returns what the answer has reported, if it is read.
    pub(crate) fn told(&self) -> Option<Told> {
        self.reader.as_ref()?.tap.told()
    }

    /// Reports whether the call is paid. An error is not, unless the tariff says so; a failure that
    /// reports usage is. A call whose caller leaves before any answer is paid.
    pub(crate) fn is_paid(&self, outcome: Outcome) -> bool {
        let by_tariff = self.bill.price.charges_errors();
        match self.status {
            None => outcome == Outcome::Cancelled,
            Some(status) if status.is_client_error() => by_tariff,
            Some(status) if status.is_server_error() => by_tariff || self.has_told(),
            Some(_) => self.failed.is_none() || self.has_told(),
        }
    }

    /// Reports whether the answer says that tokens were used.
    fn has_told(&self) -> bool {
        let told = self.told();
        told.is_some_and(|told| told.usage.prompt() > 0 || told.usage.completion() > 0)
    }

    /// Returns the cost to be expected, with that of earlier calls, from what is known when the head
    /// of the answer is passed on.
    pub(crate) fn expected(&self, estimate: Option<Money>) -> Option<Money> {
        let cost = match (self.ended, self.is_paid(Outcome::Succeeded)) {
            (Some(cost), _) => cost,
            (None, false) => Cost::Nothing,
            (None, true) => estimate.map_or(Cost::Unknown, Cost::Paid),
        };
        self.told_cost(cost)
    }

    /// Returns the cost. Where an estimated side has no price, as the output of an embedding, only
    /// what was told is paid.
    pub(crate) fn cost(&self, usage: &Usage, paid: bool, now: SystemTime) -> Cost {
        if !paid {
            return Cost::Nothing;
        }
        let reader = self.reader.as_ref().filter(|_| self.bill.stated);
        let stated = reader.and_then(|reader| reader.tap.stated_cost());
        let cost = |usage: &Usage| self.bill.price.cost(usage, now, self.bill.used);
        let told = || {
            let mut told = self.told()?.usage;
            (told.bytes_in, told.bytes_out) = (usage.bytes_in, usage.bytes_out);
            cost(&told)
        };
        let cost = stated.or_else(|| cost(usage)).or_else(told);
        cost.map_or(Cost::Unknown, Cost::Paid)
    }

    /// Returns the cost of the response for the layers outside, with that of earlier calls.
    pub(crate) fn told_cost(&self, cost: Cost) -> Option<Money> {
        let own = match cost {
            Cost::Nothing => Some(Money::zero(self.bill.currency())),
            Cost::Unknown => None,
            Cost::Paid(cost) => Some(cost),
        };
        self.bill.with_earlier(own)
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Returns a number of tokens.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of tokens, at least 0"
)]
fn rounded(tokens: f64) -> u64 {
    tokens.max(0.0).round() as u64
}
