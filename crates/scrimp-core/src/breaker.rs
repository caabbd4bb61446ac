//! The circuit breaker of an endpoint beside the upstream: plain state.

use std::sync::{
    Arc,
    atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const HALF_OPEN: u64 = 2;
const TRIAL: u64 = 3;

/// Bits of the state; the rest counts the openings.
const STATE: u64 = 3;

/// One opening in the count of them.
const ONCE: u64 = STATE + 1;

/// A circuit breaker of an endpoint beside the upstream, such as a store: plain state, without time.
///
/// Closed, every command passes. The first failure opens it: then no command passes, and none
/// waits. Once the endpoint answers a [probe](Self::probed), one command passes as a trial, and its
/// result closes the breaker or opens it again.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Number of openings and the state, together: a command that was sent before the last opening
    /// does not open the breaker again.
    word: AtomicU64,
    /// Failures since the last success.
    streak: AtomicU32,
}

/// Permission to send one command. Dropped without a result, it gives back its trial.
#[derive(Debug)]
#[must_use]
pub struct BreakerPass {
    breaker: Arc<Breaker>,
    word: u64,
    done: bool,
}

/// Change of a breaker by a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerChange {
    /// It is as before.
    None,
    /// It was closed, and is open.
    Opened,
    /// It is closed again.
    Closed,
}

// === impl Breaker ===

impl Breaker {
    /// Lets one command pass, or none.
    #[must_use]
    pub fn admit(self: &Arc<Self>) -> Option<BreakerPass> {
        let word = self.word.load(Acquire);
        let word = match word & STATE {
            CLOSED => word,
            HALF_OPEN => self.step(word, HALF_OPEN, TRIAL)?,
            _ => return None,
        };
        Some(BreakerPass {
            breaker: Arc::clone(self),
            word,
            done: false,
        })
    }

    /// Reports whether no command passes, and none tries.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.word.load(Acquire) & STATE == OPEN
    }

    /// Reports whether all commands pass.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.word.load(Acquire) & STATE == CLOSED
    }

    /// Closes it after a second probe, if no command has come to try. Returns whether it did.
    pub fn settle(&self) -> bool {
        let settled = self.step(self.word.load(Acquire), HALF_OPEN, CLOSED);
        if settled.is_some() {
            self.streak.store(0, Relaxed);
        }
        settled.is_some()
    }

    /// Opens it, whatever it was. Returns whether it was closed.
    pub fn open(&self) -> bool {
        let open = |word: u64| match word & STATE {
            OPEN => None,
            state => Some(word - state + ONCE + OPEN),
        };
        let before = self.word.fetch_update(AcqRel, Acquire, open);
        self.streak.fetch_add(1, Relaxed);
        before.is_ok_and(|word| word & STATE == CLOSED)
    }

    /// Lets one command try, as the endpoint has answered a probe.
    pub fn probed(&self) {
        let _ = self.step(self.word.load(Acquire), OPEN, HALF_OPEN);
    }

    /// Returns the number of failures since the last success.
    #[must_use]
    pub fn streak(&self) -> u32 {
        self.streak.load(Relaxed)
    }

    /// Changes the state if it is still as it was. Returns the new word.
    fn step(&self, word: u64, from: u64, to: u64) -> Option<u64> {
        let next = word - (word & STATE) + to;
        let stands = word & STATE == from;
        let swap = || self.word.compare_exchange(word, next, AcqRel, Acquire);
        (stands && swap().is_ok()).then_some(next)
    }
}

// === impl BreakerPass ===

impl BreakerPass {
    /// Reports whether the command tries an endpoint that has failed.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.word & STATE == TRIAL
    }

    /// Notes that the endpoint has answered.
    #[expect(
        clippy::must_use_candidate,
        reason = "the change matters only where it is reported"
    )]
    pub fn succeeded(mut self) -> BreakerChange {
        self.done = true;
        // Stored only when there is something to forget: all commands share this line.
        if self.breaker.streak.load(Relaxed) != 0 {
            self.breaker.streak.store(0, Relaxed);
        }
        match self.breaker.step(self.word, TRIAL, CLOSED) {
            Some(_) => BreakerChange::Closed,
            None => BreakerChange::None,
        }
    }

    /// Notes that the endpoint has failed.
    #[expect(
        clippy::must_use_candidate,
        reason = "the change matters only where it is reported"
    )]
    pub fn failed(mut self) -> BreakerChange {
        self.done = true;
        let next = self.word - (self.word & STATE) + ONCE + OPEN;
        let swap = self
            .breaker
            .word
            .compare_exchange(self.word, next, AcqRel, Acquire);
        if swap.is_err() {
            return BreakerChange::None;
        }
        self.breaker.streak.fetch_add(1, Relaxed);
        match self.word & STATE {
            CLOSED => BreakerChange::Opened,
            _ => BreakerChange::None,
        }
    }
}

impl Drop for BreakerPass {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.breaker.step(self.word, TRIAL, HALF_OPEN);
        }
    }
}

#[cfg(test)]
mod tests;
