//! Charges a call by the part of its answer that was seen.

use std::time::SystemTime;

use scrimp_core::Money;

use crate::{TokenClass, Usage, bill::Cost, engine::Outcome, meter::Call, tap::Told};

// === impl Call ===

impl Call {
    /// Returns the usage: as the answer reports it, or as far as it was seen. A side that was not
    /// reported is estimated.
    pub(crate) fn usage(&self, whole: bool) -> Usage {
        let sent = self.bill.sent;
        let mut usage = match self.told() {
            Some(told) => self.complete(told, whole),
            None if sent.prompt() > 0 && self.status.is_some() => {
                sent.with(TokenClass::Output, self.guess())
            }
            None => sent,
        };
        usage.bytes_in = sent.bytes_in;
        usage.bytes_out = self.bytes_out;
        usage
    }

    fn complete(&self, told: Told, whole: bool) -> Usage {
        let mut usage = told.usage;
        if !told.prompt {
            for class in TokenClass::ALL.into_iter().filter(|class| class.is_input()) {
                usage = usage.with(class, self.bill.sent.tokens(class));
            }
        }
        // A broken stream has reported less than it used.
        if told.completion && whole {
            return usage;
        }
        let seen = self.guess();
        if seen > usage.completion() || !told.completion {
            for class in TokenClass::ALL
                .into_iter()
                .filter(|class| !class.is_input())
            {
                usage = usage.with(class, 0);
            }
            usage = usage.with(TokenClass::Output, seen);
        }
        usage
    }

    /// Returns the number of tokens of the answer, as far as it can be told from its size.
    fn guess(&self) -> u64 {
        match &self.reader {
            Some(reader) if reader.decoder.is_some() => reader.tap.guess(),
            _ => self.bytes_out / 4,
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
            None => self.failed.is_none() && outcome == Outcome::Cancelled,
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
