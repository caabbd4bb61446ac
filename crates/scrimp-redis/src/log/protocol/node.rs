//! A node: its place in the log, and what messages make of it.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    Action, Entry, Head, Id, Message, Replica, Timing, appending::Appending, beating::Beating,
    reading::Reading, refusal::Refusal,
};

/// Number of applied records whose names are remembered, to tell a message that comes late from one
/// of a log that was rolled back.
const RECENT: usize = 256;

/// The state of one node.
#[derive(Debug)]
pub(crate) struct Node<R> {
    /// Name of the node in its own messages.
    pub(super) name: u64,
    pub(super) replica: R,
    pub(super) timing: Timing,
    pub(super) random: fastrand::Rng,
    /// The log that the node follows, and the last record it has applied.
    pub(super) line: Option<Head>,
    /// The last record that the log is known to have had.
    pub(super) witnessed: Id,
    recent: VecDeque<Id>,
    /// A log that has lost records, and has to be replaced.
    pub(super) distrusted: Option<u64>,
    pub(super) reading: Reading,
    pub(super) appending: Appending,
    pub(super) refusal: Refusal,
    pub(super) beating: Beating,
    /// Time at which the log was last known to be complete, and the last message in order came.
    heard: Option<Instant>,
    /// Flag that records are missing or may be.
    behind: bool,
    /// Last state that the replica was told.
    complete: bool,
    pub(super) actions: Vec<Action>,
}

// === impl Node ===

impl<R: Replica> Node<R> {
    /// Returns a node that begins to follow the log now.
    pub(crate) fn new(replica: R, timing: Timing, seed: u64, now: Instant) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut node = Self {
            name: random.u64(1..),
            replica,
            timing,
            random,
            line: None,
            witnessed: Id::default(),
            recent: VecDeque::new(),
            distrusted: None,
            reading: Reading::default(),
            appending: Appending::default(),
            refusal: Refusal::default(),
            beating: Beating::new(now),
            heard: None,
            behind: true,
            complete: false,
            actions: Vec::new(),
        };
        node.put_off_election(now);
        node.start_reading(now);
        node
    }

    /// Takes what is to be done.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Returns the marks.
    pub(crate) fn replica(&mut self) -> &mut R {
        &mut self.replica
    }

    /// Reports whether everything appended up to now is applied, as far as can be known.
    pub(crate) fn is_caught_up(&self) -> bool {
        !self.behind
    }

    /// Reports whether all own invalidations have come back with their positions.
    pub(crate) fn is_settled(&self) -> bool {
        self.appending.is_empty()
    }

    /// Returns the log and the last record that is applied.
    pub(crate) fn position(&self) -> Option<Head> {
        self.line
    }

    /// Notes that messages may have been lost.
    pub(crate) fn interrupted(&mut self, now: Instant) {
        self.replica.forget_adopted();
        self.fall_behind(now);
        self.start_reading(now);
    }

    /// Handles a message.
    pub(crate) fn message(&mut self, now: Instant, message: Message) {
        match message {
            Message::Appended { log, after, entry } => self.rung(now, log, after, &entry),
            Message::Beat(head) => self.beat_heard(now, head),
            Message::Unlisted { by, again, bytes } => self.told(now, by, again, &bytes),
        }
        self.append_more(now);
        self.settle(now);
    }

    fn rung(&mut self, now: Instant, log: u64, after: Id, entry: &Entry) {
        let Some(line) = self.line.filter(|line| line.log == log) else {
            return self.gap(now);
        };
        if after == line.last {
            self.accept(entry);
            self.heard = Some(now);
        } else if !self.recent.contains(&entry.id) {
            self.witness(entry.id);
            self.gap(now);
        }
    }

    fn beat_heard(&mut self, now: Instant, head: Head) {
        self.put_off_election(now);
        match self.line {
            Some(line) if line == head => self.heard = Some(now),
            Some(line) if line.log == head.log && self.recent.contains(&head.last) => {}
            Some(line) if line.log == head.log => {
                self.witness(head.last);
                self.gap(now);
            }
            _ => self.gap(now),
        }
    }

    /// Applies the record that follows the last one.
    pub(super) fn accept(&mut self, entry: &Entry) {
        let line = self.line.as_mut().expect("only a node with a line accepts");
        line.last = entry.id;
        let log = line.log;
        let own = self.appending.seen(entry.id);
        self.replica.apply(entry, own);
        self.recent.push_back(entry.id);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let contradicts = entry.id.at == self.witnessed.at && entry.id != self.witnessed
            || self.appending.contradicts(entry.id);
        if contradicts {
            self.distrust(log);
        }
        self.witness(entry.id);
    }

    /// Notes that the log has had this record.
    pub(super) fn witness(&mut self, id: Id) {
        if id.at > self.witnessed.at {
            self.witnessed = id;
        }
    }

    /// Begins a log, or goes on after records that were missed.
    pub(super) fn begin(&mut self, log: u64, last: Id) {
        let is_new = self.line.is_none_or(|line| line.log != log);
        self.line = Some(Head { log, last });
        self.replica.begin(log, last);
        if is_new {
            self.witnessed = Id::default();
            self.recent.clear();
            // They may never reach a node that has begun this log already.
            self.appending.repeat_all();
        }
    }

    /// Gives up a log that has lost records: what others have missed is unknown.
    pub(super) fn distrust(&mut self, log: u64) {
        if self.distrusted != Some(log) {
            tracing::warn!("the log of invalidations has lost records, and is replaced");
        }
        self.line = None;
        self.behind = true;
        self.distrusted = Some(log);
        self.actions.push(Action::Distrust { log });
    }

    /// Handles the answer to [`Action::Distrust`].
    pub(crate) fn distrusted(&mut self, now: Instant, done: bool) {
        match done {
            true => self.start_reading(now),
            false => self.read_later(now),
        }
    }

    /// Handles a gap: something was missed.
    fn gap(&mut self, now: Instant) {
        self.fall_behind(now);
        self.start_reading(now);
    }

    pub(super) fn fall_behind(&mut self, now: Instant) {
        self.behind = true;
        self.settle(now);
    }

    /// Notes that the log was complete at a moment.
    pub(super) fn caught_up(&mut self, now: Instant, at: Instant) {
        self.heard = self.heard.max(Some(at));
        // What was queued during a failure goes out first.
        self.behind = self.behind && self.appending.owes();
        self.settle(now);
    }

    /// Tells the replica whether what is stored may be used.
    pub(super) fn settle(&mut self, now: Instant) {
        let complete =
            !self.behind || self.line.is_some() && self.grace_end().is_some_and(|end| now < end);
        if complete != self.complete {
            self.complete = complete;
            self.replica.set_complete(complete);
        }
    }

    fn grace_end(&self) -> Option<Instant> {
        self.heard?.checked_add(self.timing.when_behind.grace())
    }

    /// Returns the time of the next [`tick`](Self::tick).
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let grace = self.grace_end().filter(|_| self.behind && self.complete);
        let (reading, appending) = (self.reading.next(), self.appending.next());
        let times = [
            grace,
            self.silence_end(),
            reading,
            appending,
            self.refusal.next(),
            self.beating.next(),
        ];
        times.into_iter().flatten().min()
    }

    fn silence_end(&self) -> Option<Instant> {
        let idle = self.reading.is_idle() && !self.behind;
        let heard = self.heard.filter(|_| idle)?;
        heard.checked_add(self.timing.missed)
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.silence_end().is_some_and(|end| now >= end) {
            // Only the answer shows whether something was missed.
            self.start_reading(now);
        }
        self.retry_reading(now);
        self.append_due(now);
        self.announce_due(now);
        self.beat_due(now);
        self.settle(now);
    }
}
