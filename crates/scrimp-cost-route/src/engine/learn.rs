//! Learns from the outcomes of calls.

use std::time::Duration;

use tokio::time::Instant;

use super::{candidate::Candidate, decay::Discount, health::Failure, router::Router};

/// Seconds that do not affect estimates, whose half-lives are a hundred times longer.
const SAME: f64 = 0.001;
/// Number of requests for each one that a provider which is down costs, for probes. The wait
/// between probes is kept within these bounds, in seconds.
const PROBE_EVERY: f64 = 50.0;
const LONGEST: (f64, f64) = (10.0, 120.0);

/// Call that was begun. It has to be ended by [`Router::ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a call that is never ended counts as under way"]
pub struct Ticket {
    pub(super) index: usize,
    pub(super) generation: u64,
    pub(super) call: u64,
}

/// Outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The whole answer arrived.
    Succeeded,
    /// The call failed: by an error, a time-out, a status that says so, or a body cut short.
    Failed {
        /// Time that the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// The caller left first.
    Cancelled,
}

// === impl Router ===

impl Router {
    /// Begins a call to a candidate.
    pub fn started(&mut self, now: Instant, index: usize) -> Ticket {
        let now = self.seconds(now);
        let candidate = &mut self.candidates[index];
        candidate.breaker.started();
        candidate.last_seen = now;
        Ticket {
            index,
            generation: candidate.generation,
            call: candidate.flight.start(now),
        }
    }

    /// Begins a call anew that was [not made](Self::unmade) yet. One to a candidate that is gone stays
    /// as it is.
    pub fn resumed(&mut self, now: Instant, ticket: Ticket) -> Ticket {
        let now = self.seconds(now);
        let Some(candidate) = self.find(ticket) else {
            return ticket;
        };
        candidate.breaker.started();
        candidate.last_seen = now;
        Ticket {
            call: candidate.flight.start(now),
            ..ticket
        }
    }

    /// Learns that the first byte of the response has come this long after the call began.
    pub fn first_byte(&mut self, now: Instant, ticket: Ticket, after: Duration) {
        let discount = self.discount(self.seconds(now));
        if let Some(candidate) = self.find(ticket) {
            candidate.sums.first_byte(after.as_secs_f64(), discount);
            candidate
                .times
                .add(after.as_secs_f64(), 1.0 / discount.long);
        }
    }

    /// Ends a call. Calls to candidates that are gone are forgotten.
    pub fn ended(&mut self, now: Instant, ticket: Ticket, outcome: Outcome) {
        let now = self.seconds(now);
        let discount = self.discount(now);
        let eject = self.rules.eject;
        let longest = self.traffic.seconds(PROBE_EVERY, discount);
        let longest = longest.clamp(LONGEST.0, LONGEST.1);
        let Some(candidate) = self.find(ticket) else {
            return;
        };
        let Some(start) = candidate.flight.end(ticket.call) else {
            return;
        };
        let seconds = now - start;
        match outcome {
            Outcome::Succeeded => {
                candidate.sums.latency(seconds, discount);
                candidate.breaker.succeeded(now, start);
                candidate.sums.success(true, discount);
            }
            Outcome::Failed { retry_after } => {
                // Its duration says nothing: an error may come at once.
                let rate = 1.0 - candidate.sums.expected(discount).reliability;
                candidate.sums.success(false, discount);
                let retry_after = retry_after.map(|time| time.as_secs_f64());
                let failure = Failure {
                    retry_after,
                    rate,
                    counts: candidate.sums.failures(discount.fast),
                    longest,
                };
                if (eject || retry_after.is_some())
                    && let Some(row) = candidate.breaker.failed(now, &failure)
                {
                    candidate.sums.only_failures(row, discount);
                }
            }
            Outcome::Cancelled => {
                candidate.breaker.cancelled();
                // The call would have taken longer: its age is evidence only if it is already
                // above the expectation.
                if seconds > candidate.sums.expected(discount).latency {
                    candidate.sums.latency(seconds, discount);
                }
            }
        }
    }

    /// Removes a call that was not made: the router learns nothing from it.
    pub fn unmade(&mut self, ticket: Ticket) {
        if let Some(candidate) = self.find(ticket)
            && candidate.flight.end(ticket.call).is_some()
        {
            candidate.breaker.cancelled();
        }
    }

    /// Learns the judged quality of an answer, 0 to 1.
    pub fn judged(&mut self, now: Instant, ticket: Ticket, quality: f64) {
        let discount = self.discount(self.seconds(now));
        if let Some(candidate) = self.find(ticket) {
            candidate.sums.quality(quality, discount);
        }
    }

    /// Learns the judged quality of a candidate's answer, 0 to 1, after its call has ended.
    ///
    /// # Panics
    ///
    /// If there is none of this index.
    pub fn judge(&mut self, now: Instant, index: usize, quality: f64) {
        let discount = self.discount(self.seconds(now));
        self.candidates[index].sums.quality(quality, discount);
    }

    pub(super) fn find(&mut self, ticket: Ticket) -> Option<&mut Candidate> {
        let is = |candidate: &Candidate| candidate.generation == ticket.generation;
        // It may have moved up since.
        let end = self.candidates.len().min(ticket.index + 1);
        self.candidates[..end].iter_mut().rev().find(|c| is(c))
    }

    /// Returns the discounts at a time, and moves the landmarks of decays that are far behind.
    pub(super) fn discount(&mut self, now: f64) -> Discount {
        let (at, discount) = self.discounted;
        if (at..at + SAME).contains(&now) {
            return discount;
        }
        if let Some(factors) = self.decays.follow(now) {
            for candidate in &mut self.candidates {
                candidate.sums.scale(factors);
                candidate.times.scale(factors.long);
            }
            self.traffic.scale(factors.trust);
        }
        let discount = self.decays.discount(now);
        self.discounted = (now, discount);
        discount
    }
}
