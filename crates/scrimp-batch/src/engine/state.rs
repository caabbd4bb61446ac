//! The state of a lane, and the time at which its next batch is due.

use tokio::time::Instant;

use super::{
    limits::{Limits, Space},
    queue::Queue,
    rate::Rate,
    size::Learned,
    window::Due,
};

/// State behind the lane's lock.
pub(super) struct State<I, A> {
    pub(super) queue: Queue<I, A>,
    /// Queued callers that have left since the queue was last swept.
    pub(super) gone: usize,
    /// Calls whose answer has not come to its end.
    pub(super) in_flight: usize,
    /// Those of them whose answer has not begun.
    pub(super) unanswered: usize,
    pub(super) collecting: bool,
    pub(super) rate: Rate,
    /// The time at which the first item must be sent: its deadline, less the time of a call.
    pub(super) latest: Option<Instant>,
    /// The time at which the collecting task looks again; `None` if it waits for a notice.
    pub(super) planned: Option<Instant>,
    pub(super) silent_until: Option<Instant>,
    pub(super) failures: u32,
    pub(super) used: Instant,
    /// Sizes that the upstream accepts.
    pub(super) learned: Learned,
}

// === impl State ===

impl<I, A> State<I, A> {
    pub(super) fn new() -> Self {
        Self {
            queue: Queue::default(),
            gone: 0,
            in_flight: 0,
            unanswered: 0,
            collecting: false,
            rate: Rate::default(),
            latest: None,
            planned: None,
            silent_until: None,
            failures: 0,
            used: Instant::now(),
            learned: Learned::default(),
        }
    }

    /// Returns the time at which the next batch is sent if nothing changes; `None` if a call must
    /// end first. The queue must not be empty.
    pub(super) fn due(&self, limits: &Limits, now: Instant) -> Option<Instant> {
        if limits
            .concurrency
            .is_some_and(|most| self.in_flight >= most)
        {
            return None;
        }
        let due = match self.window(limits, now) {
            _ if self.queue.is_full(self.space(limits, now)) => now,
            Due::WhenIdle(_) if self.unanswered == 0 => now,
            Due::At(due) | Due::WhenIdle(due) => due,
        };
        let due = self.latest.map_or(due, |latest| latest.min(due));
        Some(self.silent_until.map_or(due, |until| until.max(due)))
    }

    /// Returns the room that the next batch has.
    pub(super) fn space(&self, limits: &Limits, now: Instant) -> Space {
        limits.space(&self.learned, now)
    }

    fn window(&self, limits: &Limits, now: Instant) -> Due {
        let since = self.queue.oldest().expect("an item is in line");
        let rate = self.rate.per_second(now);
        limits.window.due(
            since,
            self.queue.callers(),
            rate,
            self.space(limits, now).items,
        )
    }

    /// Reports whether the collecting task must look again before its planned time. The queue
    /// must not be empty.
    pub(super) fn look_earlier(&mut self, limits: &Limits, now: Instant) -> bool {
        if self.planned.is_some_and(|planned| planned <= now) {
            return false; // It looks as soon as it runs.
        }
        let due = self.due(limits, now);
        let earlier = match (due, self.planned) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(due), Some(planned)) => due < planned,
        };
        if earlier {
            self.planned = due;
        }
        earlier
    }

    pub(super) fn sweep(&mut self) {
        if std::mem::take(&mut self.gone) > 0 {
            self.queue.sweep();
        }
    }
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
