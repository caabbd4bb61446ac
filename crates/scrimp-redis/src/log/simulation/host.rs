//! A node in the simulation, and what is planned for it.

use std::cmp::Ordering;

use tokio::time::Instant;

use super::marks::{DOCUMENTS, Marks, Stored};
use crate::log::protocol::{Action, Head, Message, Node, NotAppended, Page, Timing};

/// A process.
pub(super) struct Host {
    pub(super) node: Node<Marks>,
    /// Number of the process: what was meant for an earlier one is lost.
    pub(super) process: u64,
    /// Flags that nothing passes the network, or no message does.
    pub(super) cut: bool,
    pub(super) deaf: bool,
    pub(super) last_delivery: Instant,
    pub(super) tick_at: Option<Instant>,
    /// Highest own version of each document.
    pub(super) own: [u64; DOCUMENTS],
}

/// An input of a node, or a call of it that reaches the server.
pub(super) enum Event {
    Tick,
    Asked(Action),
    Appended(Result<Head, NotAppended>),
    Read(Option<Page>),
    Beaten(Option<bool>),
    Distrusted(bool),
    Message(Message),
    Fetched(usize, Stored),
    Interrupted,
}

/// An event at its time.
pub(super) struct Scheduled {
    pub(super) at: Instant,
    pub(super) number: u64,
    pub(super) host: usize,
    pub(super) process: u64,
    pub(super) event: Event,
}

// === impl Host ===

impl Host {
    pub(super) fn new(timing: Timing, seed: u64, process: u64, now: Instant) -> Self {
        Self {
            node: Node::new(Marks::default(), timing, seed, now),
            process,
            cut: false,
            deaf: false,
            last_delivery: now,
            tick_at: None,
            own: [0; DOCUMENTS],
        }
    }
}

// === impl Scheduled ===

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
