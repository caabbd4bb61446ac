//! The records that wait for the thread.

use std::{collections::VecDeque, time::Duration};

use parking_lot::{Condvar, Mutex};
use scrimp_core::Counter;
use tokio::sync::oneshot;

use crate::{chain::Anchor, event::AuditEvent};

/// Records that wait, at most the number that the queue was made for.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Told when there is something to take.
    filled: Condvar,
    capacity: usize,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) recorded: Counter,
    pub(crate) dropped: Counter,
    pub(crate) failures: Counter,
    pub(crate) lost: Counter,
}

struct State {
    items: VecDeque<Item>,
    /// Number of events among them.
    events: usize,
    /// Events that were dropped since the last one that was taken.
    gap: Option<Gap>,
    closed: bool,
    head: Anchor,
}

/// Something to write.
#[derive(Debug)]
pub(crate) enum Item {
    Event {
        event: Box<AuditEvent>,
        time: u64,
    },
    Gap(Gap),
    /// Tells when everything before it is on the disk.
    Flush(oneshot::Sender<Anchor>),
}

/// Events that found no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) dropped: u64,
    /// Times of the first and the last of them.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Result of waiting for something to write.
pub(crate) enum Taken {
    Items(Vec<Item>),
    /// The last ones.
    Closed(Vec<Item>),
    /// Nothing came in time.
    Late,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(capacity: usize, head: Anchor) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                events: 0,
                gap: None,
                closed: false,
                head,
            }),
            filled: Condvar::new(),
            capacity,
            counts: Counts::default(),
        }
    }

    /// Adds an event. False if there is no room.
    pub(crate) fn push(&self, event: AuditEvent, time: u64) -> bool {
        let mut state = self.state.lock();
        if state.closed || state.events >= self.capacity {
            let gap = state.gap.get_or_insert(Gap {
                dropped: 0,
                from: time,
                to: time,
            });
            gap.dropped += 1;
            gap.to = time;
            self.counts.dropped.increment();
            return false;
        }
        state.close_gap();
        state.events += 1;
        let event = Box::new(event);
        state.items.push_back(Item::Event { event, time });
        drop(state);
        self.counts.recorded.increment();
        self.filled.notify_one();
        true
    }

    /// Adds a mark that is told once everything before it is on the disk.
    pub(crate) fn flush(&self) -> oneshot::Receiver<Anchor> {
        let (done, wait) = oneshot::channel();
        let mut state = self.state.lock();
        if !state.closed {
            state.close_gap();
            state.items.push_back(Item::Flush(done));
            self.filled.notify_one();
        }
        wait
    }

    /// Waits for something to take, for at most `time` if there is one.
    pub(crate) fn take(&self, time: Option<Duration>) -> Taken {
        let mut state = self.state.lock();
        while state.items.is_empty() && state.gap.is_none() && !state.closed {
            match time {
                None => self.filled.wait(&mut state),
                Some(time) => {
                    if self.filled.wait_for(&mut state, time).timed_out() {
                        return Taken::Late;
                    }
                }
            }
        }
        state.close_gap();
        state.events = 0;
        let items = state.items.drain(..).collect();
        match state.closed {
            true => Taken::Closed(items),
            false => Taken::Items(items),
        }
    }

    /// Waits for a time, or until the queue is closed. Returns whether it is.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let mut state = self.state.lock();
        self.filled
            .wait_while_for(&mut state, |state| !state.closed, time);
        state.closed
    }

    /// Closes the queue: what waits is written, and nothing else.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_one();
    }

    /// Gives up what waits, at the end of the thread.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        self.counts.lost.add(state.events as u64);
        state.events = 0;
        state.closed = true;
        state.items.clear();
    }

    pub(crate) fn wrote(&self, head: Anchor) {
        self.state.lock().head = head;
    }

    /// Returns the last record that was written.
    pub(crate) fn head(&self) -> Anchor {
        self.state.lock().head
    }

    /// Returns the number of events that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().events
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    /// Puts the record of a gap behind what was there before it.
    fn close_gap(&mut self) {
        if let Some(gap) = self.gap.take() {
            self.items.push_back(Item::Gap(gap));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AuditKind;

    #[test]
    fn a_hundred_times_the_room_is_counted_and_leaves_one_gap_where_it_was() {
        const ROOM: usize = 8;
        let queue = Queue::new(ROOM, Anchor::START);
        let event = || AuditEvent::new(AuditKind::Key);
        for time in 0..100 * ROOM as u64 {
            assert_eq!(queue.push(event(), time), time < ROOM as u64);
        }
        let Taken::Items(items) = queue.take(None) else {
            panic!("the queue is open");
        };
        assert_eq!(items.len(), ROOM + 1);
        let gap = Gap {
            dropped: 99 * ROOM as u64,
            from: ROOM as u64,
            to: 100 * ROOM as u64 - 1,
        };
        assert!(matches!(items[ROOM], Item::Gap(found) if found == gap));
        assert_eq!(queue.counts.dropped.get(), gap.dropped);
        assert!(queue.push(event(), 1_000) && queue.waiting() == 1);
    }
}
