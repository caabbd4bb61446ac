//! Allows one fill of a key at a time.

use std::{fmt, task::Waker};

use scrimp_core::KeyBuf;
use scrimp_flight::single_flight::{self, Lead, Wait};

use crate::tasks::AbortOnDrop;

/// Fills in flight.
#[derive(Default)]
pub(crate) struct Gate(single_flight::Gate<Outcome>);

/// Reason why waiters are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The cache has the response now.
    Stored,
    /// The cache does not have it for the waiters: it is uncacheable, failed, or took too long.
    Alone,
}

/// Outcome of entering the gate.
#[derive(Debug)]
pub(crate) enum Entry {
    /// This request fills the key.
    Fill(Ticket),
    /// Another request fills the key.
    Wait(Wait<Outcome>),
    /// No request fills the key, and this one cannot.
    Alone,
}

/// Held by the request that fills a key. Dropping it without an outcome releases the waiters:
/// after a panic each goes alone, otherwise one of them fills the key.
#[derive(Debug)]
pub(crate) struct Ticket {
    lead: Option<Lead<Outcome>>,
    /// The lease of the lock, given up when the fill is over.
    lease: Option<AbortOnDrop>,
}

// === impl Gate ===

impl Gate {
    /// Enters the gate. The first request fills the key, if it can.
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

    /// Becomes the request that fills the key, if there is none. For a call that is already in
    /// flight.
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

    /// Releases the waiters. Only the first call has an effect.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if let Some(lead) = self.lead.take() {
            lead.end(outcome);
            self.lease = None;
        }
    }

    /// Returns whether others wait. If so, `waker` is woken when the last of them has left.
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
