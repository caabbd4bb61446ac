//! One fill of a key at a time.

use std::{fmt, task::Waker};

use scrimp_core::KeyBuf;
use scrimp_flight::single_flight::{self, Lead, Wait};

use crate::tasks::AbortOnDrop;

/// The fills under way.
#[derive(Default)]
pub(crate) struct Gate(single_flight::Gate<Outcome>);

/// Why waiters are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The cache has it now.
    Stored,
    /// It will not be in the cache for them: uncacheable, failed, or not done in time.
    Alone,
}

/// What a request finds at the gate.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It is the one that fills.
    Fill(Ticket),
    /// Another fills.
    Wait(Wait<Outcome>),
    /// No other fills, and neither can this request.
    Alone,
}

/// Held by the one that fills a key. Dropped without a word, the waiters are released: to go
/// alone after a panic, else one of them fills.
#[derive(Debug)]
pub(crate) struct Ticket {
    lead: Option<Lead<Outcome>>,
    /// Given up when the fill is over.
    lease: Option<AbortOnDrop>,
}

// === impl Gate ===

impl Gate {
    /// Comes to the gate: the first one fills, if it can.
    pub(crate) fn enter(&self, fingerprint: u64, fills: bool) -> Entry {
        let key = key(fingerprint);
        if !fills {
            return self.0.join(key.as_ref()).map_or(Entry::Alone, Entry::Wait);
        }
        match self.0.enter(key.as_ref()) {
            single_flight::Entry::Lead(lead) => Entry::Fill(Ticket::new(lead)),
            single_flight::Entry::Wait(wait) => Entry::Wait(wait),
        }
    }

    /// Becomes the one that fills, if there is none: for a call that is on its way already.
    pub(crate) fn take(&self, fingerprint: u64) -> Option<Ticket> {
        self.0.take(key(fingerprint).as_ref()).map(Ticket::new)
    }
}

fn key(fingerprint: u64) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.part(&fingerprint.to_ne_bytes());
    key
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Ticket ===

impl Ticket {
    pub(crate) fn new(lead: Lead<Outcome>) -> Self {
        Self {
            lead: Some(lead),
            lease: None,
        }
    }

    /// Keeps a lease until the fill is over.
    pub(crate) fn keep(&mut self, lease: Option<AbortOnDrop>) {
        self.lease = lease;
    }

    /// Releases the waiters. Once: what comes later is not heard.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if let Some(lead) = self.lead.take() {
            lead.end(outcome);
            self.lease = None;
        }
    }

    /// Returns whether others wait. If they do, `waker` is woken when the last of them has left.
    pub(crate) fn is_awaited(&self, waker: &Waker) -> bool {
        self.lead
            .as_ref()
            .is_some_and(|lead| lead.is_awaited(waker))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.end(Outcome::Alone);
        }
    }
}
