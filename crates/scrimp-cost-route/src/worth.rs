//! Decides whether a stream is read on after its caller has left.

use crate::{TokenClass, Usage, meter::Call};

/// Amounts that decide about reading on, in one currency.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stake {
    /// Amount by which the estimate may be off.
    unknown: f64,
    /// Amount that the provider bills for the rest if it is read.
    rest: f64,
}

// === impl Call ===

impl Call {
    /// Reports whether the rest of a stream is worth reading without its caller.
    pub(crate) fn is_worth_reading(&self) -> bool {
        let config = &self.shared.config;
        let reader = self.reader.as_ref();
        let is_read = reader.is_some_and(|reader| reader.is_stream() && reader.decoder.is_some());
        let is_good = self.status.is_some_and(|status| status.is_success());
        if config.drain <= 0.0
            || !(is_read && is_good && self.bill.reads_answers())
            || self.ended.is_some()
            || self.failed.is_some()
            || self.has_told_all()
        {
            return false;
        }
        // Under strict caps, an amount that is not booked is overspent.
        let worth = match config.strict {
            Some(_) => config.drain.max(1.0),
            None => config.drain,
        };
        self.stake()
            .is_some_and(|stake| stake.unknown > 0.0 && worth * stake.unknown >= stake.rest)
    }

    fn stake(&self) -> Option<Stake> {
        let goes_on = self.provider.bills_to_end;
        let has_finished = self.reader.as_ref()?.tap.has_finished();
        let told_prompt = self.told().is_some_and(|told| told.prompt);
        let (answer, rest, prompt, tells) = self.with_learned(|learned| {
            let answer = self.answer(learned, false);
            let rest = match goes_on || has_finished {
                true => 0.0,
                false => learned.rest(answer.tokens()),
            };
            (answer, rest, learned.prompt_deviation(), learned.tells())
        });
        let usage = self.usage(false);
        let now = self.shared.config.clock.wall();
        let cost = |usage: &Usage| {
            let cost = self.bill.price.cost(usage, now, self.bill.used)?;
            Some(cost.as_f64())
        };
        let base = cost(&usage)?;
        let with = |class: TokenClass, tokens: f64| {
            let all = usage.tokens(class).saturating_add(whole(tokens));
            Some((cost(&usage.with(class, all))? - base).max(0.0))
        };
        let answer = with(TokenClass::Output, answer.deviation)?;
        let prompt = match told_prompt {
            true => 0.0,
            false => with(TokenClass::Input, prompt * count(usage.prompt()))?,
        };
        // A stream that does not report its usage is not better known at its end, unless its length is
        // what is not known.
        let tells = if goes_on { 1.0 } else { tells };
        Some(Stake {
            unknown: if tells < 0.5 {
                0.0
            } else {
                tells * answer.hypot(prompt)
            },
            rest: with(TokenClass::Output, rest)?,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of tokens, at least 0"
)]
fn whole(tokens: f64) -> u64 {
    tokens.max(0.0).ceil() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
fn count(tokens: u64) -> f64 {
    tokens as f64
}
