//! Costs of answers, and their payers.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Extensions, StatusCode};
use scrimp_core::{AccountName, Ledger, Money, extensions::Charge};

use crate::queue::{JobPayer, StoredAnswer};

/// An answer that was paid, for the function that knows its price.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PaidAnswer<'a> {
    /// Parts that the requests of its job have in common, as [`JobCodec::group`](crate::JobCodec::group)
    /// returned it: a path and a model, or either.
    pub group: &'a str,
    /// Status.
    pub status: StatusCode,
    /// Body.
    pub body: &'a Bytes,
    /// It came from a batch job, at its price, and not from a call of its own.
    pub from_job: bool,
}

/// Cost of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCost {
    cost: Money,
    model: Box<str>,
    tokens: [u64; 2],
}

/// Function that knows prices.
pub(crate) type PriceFn = dyn Fn(&PaidAnswer<'_>) -> Option<JobCost> + Send + Sync;

/// Ledger and prices.
#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) ledger: Option<Ledger>,
    pub(crate) price: Option<Arc<PriceFn>>,
}

// === impl JobCost ===

impl JobCost {
    /// Makes a cost.
    #[must_use]
    pub fn new(cost: Money) -> Self {
        Self {
            cost,
            model: Box::default(),
            tokens: [0; 2],
        }
    }

    /// Sets the model that it is booked under.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = model.into();
        self
    }

    /// Sets the tokens of the prompt and of the answer, which are booked beside it.
    #[must_use]
    pub fn tokens(mut self, prompt: u64, answer: u64) -> Self {
        self.tokens = [prompt, answer];
        self
    }
}

// === impl Books ===

impl Books {
    /// Books an answer for its payer, and returns its cost, if it is known.
    pub(crate) fn paid(
        &self,
        payer: &JobPayer,
        group: &str,
        answer: &StoredAnswer,
    ) -> Option<Money> {
        let price = self.price.as_ref()?;
        let cost = price(&PaidAnswer {
            group,
            status: answer.status,
            body: &answer.body,
            from_job: answer.from_job,
        })?;
        if let Some(ledger) = &self.ledger {
            let name = AccountName::new("jobs", &payer.tenant, "", cost.cost.currency());
            let account = ledger.open(name.model(&cost.model).tags(&payer.tags));
            account.used(cost.tokens[0], cost.tokens[1]);
            account.made(cost.cost);
        }
        Some(cost.cost)
    }

    /// Returns the cost of an answer from a job, and by a call of its own, if both are known.
    pub(crate) fn compared(
        &self,
        group: &str,
        status: StatusCode,
        body: &Bytes,
    ) -> Option<[Money; 2]> {
        let price = self.price.as_ref()?;
        let cost = |from_job| {
            price(&PaidAnswer {
                group,
                status,
                body,
                from_job,
            })
        };
        Some([cost(true)?.cost, cost(false)?.cost])
    }

    /// Tells the layers outside the cost of a response, and that it is booked.
    pub(crate) fn tell(&self, response: &mut Extensions, cost: Option<Money>) {
        let Some(cost) = cost else {
            return;
        };
        response.insert(Charge(cost));
        if let Some(ledger) = &self.ledger {
            ledger.mark(response);
        }
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books")
            .field("ledger", &self.ledger.is_some())
            .field("price", &self.price.is_some())
            .finish()
    }
}
