//! The protocol as a state machine without I/O, clocks or locks: what a node does on a message, an
//! answer, or after some time. The driver carries it out, and the tests drive a thousand nodes
//! through every kind of failure.

mod appending;
mod beating;
mod node;
mod reading;
mod refusal;
mod timing;

pub(crate) use appending::NotAppended;
pub(crate) use node::Node;
pub(crate) use timing::Timing;
pub use timing::WhenBehind;

use bytes::Bytes;
use scrimp_cache::{LogReplica, OutgoingRecord};

/// The name of one record.
pub(crate) use scrimp_cache::RecordId as Id;

/// The state of the log on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Identifier of the log. A server that has lost it makes another one.
    pub(crate) log: u64,
    /// The last record.
    pub(crate) last: Id,
}

/// A record in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    pub(crate) bytes: Bytes,
}

/// A message on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// A record has been appended after another one.
    Appended { log: u64, after: Id, entry: Entry },
    /// The log is as far as this.
    Beat(Head),
    /// The log takes no records now, and these are invalidations of a node; or all of that node once more.
    Unlisted { by: u64, again: bool, bytes: Bytes },
}

/// Records read in one step, with the head of that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) head: Head,
    /// Records in order, from the one that was asked for on.
    pub(crate) entries: Vec<Entry>,
    /// Flag that the log has more of them.
    pub(crate) more: bool,
}

/// Call that a node asks its driver to make. Each is answered once, but for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Append a record; the answer is the head after it, or why there is none ([`Node::appended`]).
    Append { nonce: u64, bytes: Bytes },
    /// Send [`Message::Unlisted`]. It is sent again if it may be lost, so there is no answer.
    Announce { by: u64, again: bool, bytes: Bytes },
    /// Read the records from a position on, or all there are ([`Node::read`]).
    Read { from: Option<u64> },
    /// Take or keep the part of the beating node, and beat ([`Node::beaten`]).
    Beat,
    /// Replace a log that has lost records ([`Node::distrusted`]).
    Distrust { log: u64 },
}

/// The marks of a node, and its invalidations that wait.
pub(crate) trait Replica {
    fn take(&mut self) -> Option<OutgoingRecord>;
    fn begin(&mut self, log: u64, last: Id);
    fn apply(&mut self, entry: &Entry, own: Option<u64>);
    fn set_complete(&mut self, complete: bool);
    fn begin_refusal<'a>(&mut self, taken: impl Iterator<Item = &'a Bytes>);
    fn end_refusal(&mut self);
    fn unlisted(&mut self, again: bool) -> Vec<Bytes>;
    fn adopt(&mut self, bytes: &Bytes, again: bool);
    fn forget_adopted(&mut self);
}

impl Replica for LogReplica {
    fn take(&mut self) -> Option<OutgoingRecord> {
        Self::take(self)
    }

    fn begin(&mut self, log: u64, last: Id) {
        Self::begin(self, log, last);
    }

    fn apply(&mut self, entry: &Entry, own: Option<u64>) {
        if let Err(error) = Self::apply(self, entry.id, &entry.bytes, own) {
            tracing::warn!(%error, position = entry.id.at, "a record of the log was not read");
        }
    }

    fn set_complete(&mut self, complete: bool) {
        Self::set_complete(self, complete);
    }

    fn begin_refusal<'a>(&mut self, taken: impl Iterator<Item = &'a Bytes>) {
        Self::begin_refusal(self, taken.map(|bytes| &bytes[..]));
    }

    fn end_refusal(&mut self) {
        Self::end_refusal(self);
    }

    fn unlisted(&mut self, again: bool) -> Vec<Bytes> {
        Self::unlisted(self, again)
    }

    fn forget_adopted(&mut self) {
        Self::forget_adopted(self);
    }

    fn adopt(&mut self, bytes: &Bytes, again: bool) {
        if let Err(error) = Self::adopt(self, bytes, again) {
            tracing::warn!(%error, "a message about the log was not read");
        }
    }
}
