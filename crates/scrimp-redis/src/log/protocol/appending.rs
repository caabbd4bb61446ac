//! Appending own records, in order, until they are seen in the log.

use std::{collections::VecDeque, time::Duration};

use scrimp_cache::OutgoingRecord;
use tokio::time::Instant;

use super::{Action, Head, Id, Node, Replica};

/// Maximum number of records that are appended and not seen yet. More wait in the outbox, where equal
/// ones are one.
const MAX_UNSEEN: usize = 16;

/// Own records on their way.
#[derive(Debug, Default)]
pub(crate) struct Appending {
    /// Records that were not seen in the log yet, in order.
    unseen: VecDeque<Unseen>,
    /// The record of the call in progress.
    current: Option<u64>,
    /// Flag that invalidations may wait in the outbox.
    queued: bool,
    /// Time of the next call.
    due: Option<Instant>,
    /// Time of the last call.
    sent: Option<Instant>,
    failures: u32,
    /// Number of the last record taken.
    taken: u64,
    /// Number above which a record has to be appended before the node is caught up: then all that
    /// was queued at a failure is appended.
    owed: Option<u64>,
}

/// Reason why a record has no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAppended {
    /// The server takes no writes for now, though it passes messages on.
    Refused,
    /// There was no answer. The record may or may not be in the log.
    Unknown,
}

#[derive(Debug)]
struct Unseen {
    nonce: u64,
    record: OutgoingRecord,
    /// Position, once it was appended.
    at: Option<u64>,
}

// === impl Appending ===

impl Appending {
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.filter(|_| self.current.is_none())
    }

    /// Reports whether invalidations from before a failure are not appended.
    pub(super) fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// Reports whether nothing waits to be appended or to be seen.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_waiting() && self.unseen.is_empty()
    }

    /// Reports whether own records have no position yet.
    fn is_waiting(&self) -> bool {
        self.queued || self.owes() || self.unseen.iter().any(|unseen| unseen.at.is_none())
    }

    /// Returns the time of the next call. The first one after a pause is made at once; what comes
    /// soon after it is gathered.
    pub(super) fn end_of_gathering(&self, now: Instant, gather: Duration) -> Instant {
        let end = self.sent.and_then(|sent| sent.checked_add(gather));
        end.map_or(now, |end| end.max(now))
    }

    /// Removes a record that was seen in the log. Returns its number, if it is an own one.
    pub(super) fn seen(&mut self, id: Id) -> Option<u64> {
        let place = self.unseen.iter().position(|own| own.nonce == id.nonce)?;
        let through = self.unseen.remove(place)?.record.through;
        // In another log, the order may be another one. The earlier records stand for all then.
        Some(match place.checked_sub(1) {
            None => through,
            Some(before) => {
                let before = &mut self.unseen[before].record.through;
                *before = through.max(*before);
                0
            }
        })
    }

    /// Reports whether an own record was appended at this position.
    pub(super) fn contradicts(&self, id: Id) -> bool {
        self.unseen.iter().any(|own| own.at == Some(id.at))
    }

    /// Appends all records again that were not seen.
    pub(super) fn repeat_all(&mut self) {
        self.unseen.iter_mut().for_each(|own| own.at = None);
        if !self.unseen.is_empty() {
            self.owe();
        }
    }

    /// Returns the records that have no position.
    pub(super) fn without_position(&self) -> impl Iterator<Item = &bytes::Bytes> {
        let unseen = self.unseen.iter().filter(|own| own.at.is_none());
        unseen.map(|own| &own.record.bytes)
    }

    /// Plans the next call, unless there is one.
    pub(super) fn append_after(&mut self, now: Instant, wait: Duration) {
        self.queued = true;
        if self.due.is_none() && self.current.is_none() {
            self.due = now.checked_add(wait);
        }
    }

    /// Returns how often the last call has failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    fn owe(&mut self) {
        self.owed = Some(self.taken);
    }
}

// === impl Node ===

impl<R: Replica> Node<R> {
    /// Notes that an invalidation waits.
    pub(crate) fn queued(&mut self, now: Instant) {
        self.announce_soon(now);
        let own = &mut self.appending;
        own.queued = true;
        if own.due.is_none() {
            own.due = Some(own.end_of_gathering(now, self.timing.gather));
        }
    }

    /// Goes on if there is room for more.
    pub(super) fn append_more(&mut self, now: Instant) {
        let own = &mut self.appending;
        if own.is_waiting() && own.current.is_none() && own.due.is_none() {
            own.due = Some(own.end_of_gathering(now, self.timing.gather));
        }
    }

    pub(super) fn append_due(&mut self, now: Instant) {
        if self.appending.next().is_some_and(|due| now >= due) {
            self.appending.due = None;
            self.append_next(now);
        }
    }

    /// Appends the next record that has no position.
    fn append_next(&mut self, now: Instant) {
        if self.appending.current.is_some() {
            return;
        }
        let unseen = &self.appending.unseen;
        let mut next = unseen.iter().position(|own| own.at.is_none());
        if next.is_none() && unseen.len() < MAX_UNSEEN {
            match self.replica.take() {
                None => {
                    self.appending.queued = false;
                    self.nothing_owed(now);
                }
                Some(record) => {
                    self.appending.taken = record.through;
                    let nonce = self.random.u64(1..);
                    let at = None;
                    self.appending
                        .unseen
                        .push_back(Unseen { nonce, record, at });
                    next = Some(self.appending.unseen.len() - 1);
                }
            }
        }
        let Some(next) = next else {
            return;
        };
        let Unseen { nonce, record, .. } = &self.appending.unseen[next];
        self.appending.current = Some(*nonce);
        self.appending.sent = Some(now);
        self.actions.push(Action::Append {
            nonce: *nonce,
            bytes: record.bytes.clone(),
        });
    }

    /// Handles the answer to [`Action::Append`]: the head after it, or why there is none.
    pub(crate) fn appended(&mut self, now: Instant, outcome: Result<Head, NotAppended>) {
        let Some(nonce) = self.appending.current.take() else {
            return;
        };
        let head = match outcome {
            Ok(head) => head,
            Err(reason) => {
                let wait = self.timing.retry * (1 << self.appending.failures.min(10));
                self.appending.failures += 1;
                self.appending.due = now.checked_add(wait.min(self.timing.longest_retry));
                return match reason {
                    // Other nodes are told besides. So this one may call itself caught up.
                    NotAppended::Refused => self.refused(),
                    NotAppended::Unknown => self.appending.owe(),
                };
            }
        };
        self.appending.failures = 0;
        self.accepted();
        let follows = self.line.is_some_and(|line| line.log == head.log);
        // It is not there any more if its message came before the answer.
        let mut unseen = self.appending.unseen.iter_mut();
        let own = unseen.find(|own| own.nonce == nonce);
        if let Some(own) = own.filter(|_| follows || self.line.is_none()) {
            own.at = Some(head.last.at);
            let through = own.record.through;
            if self.appending.owed.is_some_and(|owed| through > owed) {
                self.nothing_owed(now);
            }
        }
        match follows {
            true => self.witness(head.last),
            false => self.interrupted(now),
        }
        self.append_more(now);
    }

    /// Notes that all that was queued at a failure is appended.
    fn nothing_owed(&mut self, now: Instant) {
        if self.appending.owed.take().is_some() && !self.is_caught_up() {
            self.start_reading(now);
        }
    }
}
