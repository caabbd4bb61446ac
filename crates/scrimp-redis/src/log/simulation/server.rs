//! The server's side of the protocol as a model: what the scripts do.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::log::protocol::{Entry, Head, Id, Message, Page};

/// A log on a server.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) head: Option<Head>,
    pub(crate) entries: VecDeque<Entry>,
    elected: Option<(usize, Instant)>,
    /// Identifier of the next log, where scripts have random ones.
    pub(crate) next_log: u64,
}

// === impl Server ===

impl Server {
    fn head(&mut self) -> Head {
        if self.head.is_none() {
            self.next_log += 1;
            self.entries.clear();
            self.head = Some(Head {
                log: self.next_log,
                last: Id::default(),
            });
        }
        self.head.expect("made above")
    }

    pub(crate) fn append(&mut self, nonce: u64, bytes: Bytes) -> (Head, Message) {
        let Head { log, last: after } = self.head();
        let at = after.at + 1;
        let entry = Entry {
            id: Id { at, nonce },
            bytes,
        };
        let head = Head {
            log,
            last: entry.id,
        };
        self.head = Some(head);
        self.entries.push_back(entry.clone());
        (head, Message::Appended { log, after, entry })
    }

    pub(crate) fn read(&mut self, from: Option<u64>, limit: usize) -> Page {
        let head = self.head();
        let entries = self.entries.iter();
        let mut rest = entries.filter(|entry| from.is_none_or(|from| entry.id.at >= from));
        let entries = rest.by_ref().take(limit).cloned().collect();
        Page {
            head,
            entries,
            more: rest.next().is_some(),
        }
    }

    /// Elects a node, or keeps it elected. Returns whether it is, and its beat.
    pub(crate) fn beat(
        &mut self,
        node: usize,
        now: Instant,
        lease: Duration,
    ) -> (bool, Option<Message>) {
        let vacant = self.elected.is_none_or(|(_, until)| now >= until);
        if !vacant && self.elected.is_none_or(|(elected, _)| elected != node) {
            return (false, None);
        }
        self.elected = Some((node, now + lease));
        (true, Some(Message::Beat(self.head())))
    }

    pub(crate) fn distrust(&mut self, log: u64) -> Option<Message> {
        let head = self.head();
        (head.log == log).then(|| {
            self.head = None;
            Message::Beat(self.head())
        })
    }

    /// Loses everything, as a server without a disk that starts again.
    pub(crate) fn wipe(&mut self) {
        self.head = None;
        self.entries.clear();
        self.elected = None;
    }

    /// Loses the last records, as a replica that lags and becomes the primary.
    pub(crate) fn roll_back(&mut self, records: usize) -> Vec<Entry> {
        let Some(head) = &mut self.head else {
            return Vec::new();
        };
        let kept = self.entries.len().saturating_sub(records);
        let lost: Vec<_> = self.entries.drain(kept..).collect();
        if let Some(first) = lost.first() {
            head.last = match self.entries.back() {
                Some(last) => last.id,
                // The record before it was trimmed. A replica would know its name.
                None => Id {
                    at: first.id.at - 1,
                    nonce: 0,
                },
            };
        }
        lost
    }

    pub(crate) fn trim(&mut self, kept: usize) {
        let surplus = self.entries.len().saturating_sub(kept);
        self.entries.drain(..surplus);
    }
}
