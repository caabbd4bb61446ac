//! A queue of items that may share a batch, and the task that collects them.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use scrimp_core::Key;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use tracing::Span;

use super::{
    dispatch::{Dispatch, Entry, InFlightGuard, Responder},
    drive::Collecting,
    latency::Latency,
    limits::Limits,
    queue::Queued,
    size::{Learned, Sizes},
    slot::{Slot, Waiters},
    state::{State, earlier},
};

/// The longest pause of a lane, whatever the upstream asked for: its callers wait.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// A queue of items that may share a batch.
pub(crate) struct Lane<I, A> {
    state: Mutex<State<I, A>>,
    /// Tells the collecting task to look again. At most one task collects.
    look: Notify,
    latency: Latency,
    limits: Arc<Limits>,
}

/// An item in line.
pub(crate) struct Waiting<I> {
    /// The request.
    pub(crate) item: I,
    /// Equal for requests that one item answers. `None`: it is unlike any other.
    pub(crate) identity: Option<Key>,
    /// The tenant it is for, where tenants share a lane.
    pub(crate) tenant: Option<Arc<str>>,
    /// Its part of the limit on weight.
    pub(crate) weight: u32,
    /// Its part of the limit on bytes.
    pub(crate) bytes: usize,
    /// The time at which its caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// The time by which a caller wants the answer: it is sent early enough for one call.
    pub(crate) due: Option<Instant>,
    /// True if it must not wait to save money.
    pub(crate) urgent: bool,
}

/// Next step of a collecting task.
enum Step<I, A> {
    Go(Vec<Queued<I, A>>, bool),
    Wait(Option<Instant>),
    Done,
}

// === impl Lane ===

impl<I, A> Lane<I, A> {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self {
            state: Mutex::new(State::new()),
            look: Notify::new(),
            latency: Latency::default(),
            limits,
        }
    }

    /// Puts an item in line. Returns true if the caller must start a task that collects.
    pub(crate) fn push(&self, waiting: Waiting<I>, slot: Arc<Slot<A>>) -> bool {
        let now = Instant::now();
        let latest = self.latest_start(&waiting, now);
        let mut state = self.state.lock();
        state.used = now;
        state.rate.arrival(now);
        state.latest = earlier(state.latest, latest);
        state.queue.push(Queued {
            waiting,
            slot,
            since: now,
        });
        if !std::mem::replace(&mut state.collecting, true) {
            state.planned = Some(now); // The task looks as soon as it runs.
            return true;
        }
        let look = state.look_earlier(&self.limits, now);
        drop(state);
        if look {
            self.look.notify_one();
        }
        false
    }

    fn latest_start(&self, waiting: &Waiting<I>, now: Instant) -> Option<Instant> {
        if waiting.urgent {
            return Some(now);
        }
        let due = waiting.due?;
        Some(due.checked_sub(self.latency.p95()).unwrap_or(now))
    }

    /// Waits for the window to close, and takes the items in line. The current span follows from those
    /// of their callers. Returns `None` if all callers have left. The flag is true if items are left,
    /// for which the caller must start another task.
    pub(crate) async fn collect(
        self: &Arc<Self>,
        task: Collecting<I, A>,
    ) -> Option<(Dispatch<I, A>, bool)> {
        loop {
            match self.step(Instant::now()) {
                Step::Go(entries, more) => {
                    task.done();
                    return Some((self.dispatch(entries), more));
                }
                Step::Done => {
                    task.done();
                    return None;
                }
                Step::Wait(Some(until)) => {
                    let _ = timeout_at(until, self.look.notified()).await;
                }
                Step::Wait(None) => self.look.notified().await,
            }
        }
    }

    fn step(&self, now: Instant) -> Step<I, A> {
        let mut state = self.state.lock();
        state.sweep();
        if state.queue.is_empty() {
            state.collecting = false;
            return Step::Done;
        }
        let until = state.due(&self.limits, now);
        if until.is_some_and(|until| until <= now) {
            let space = state.space(&self.limits, now);
            let entries = state.queue.take(space);
            state.in_flight += 1;
            state.unanswered += 1;
            if state.latest.is_some() {
                state.latest = state.queue.latest(self.latency.p95(), now);
            }
            state.collecting = !state.queue.is_empty();
            state.planned = Some(now);
            return Step::Go(entries, state.collecting);
        }
        state.planned = until;
        Step::Wait(until)
    }

    fn dispatch(self: &Arc<Self>, queued: Vec<Queued<I, A>>) -> Dispatch<I, A> {
        let (waiters, guard) = (Waiters::new(), InFlightGuard::new(Arc::clone(self)));
        let span = Span::current();
        let mut before: Option<Key> = None;
        let entries = queued.into_iter().filter_map(|queued| {
            let Queued {
                waiting,
                slot,
                since,
            } = queued;
            let waits = slot.join(&waiters, &span);
            let Waiting {
                item,
                identity,
                deadline,
                ..
            } = waiting;
            // Duplicates stand behind their item, whose caller may have left.
            waits.then(|| Entry {
                item,
                duplicate: {
                    let equal = identity.is_some() && identity == before;
                    before = identity;
                    equal
                },
                deadline,
                since,
                responder: Responder::new(slot),
            })
        });
        Dispatch {
            entries: entries.collect(),
            waiters,
            guard,
        }
    }

    /// Records that the collecting task ended before it was done. The callers in line get
    /// [`Lost`](super::Lost), and the next item starts another task.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.collecting = false;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        queue.lose();
    }

    /// Records that a caller in line has left. Its item is removed at once or later: at most
    /// half of a queue belongs to callers that have left.
    pub(crate) fn left(&self) {
        let mut state = self.state.lock();
        state.gone += 1;
        if state.gone * 2 >= state.queue.callers() {
            state.sweep();
        }
        if state.queue.is_empty() && state.collecting {
            drop(state);
            self.look.notify_one();
        }
    }

    /// Records that the answer to a call has begun, so that requests need not wait for it to
    /// share a call.
    pub(crate) fn call_answered(&self) {
        let mut state = self.state.lock();
        state.unanswered -= 1;
        if state.collecting {
            drop(state);
            self.look.notify_one();
        }
    }

    /// Records that a call has ended.
    pub(crate) fn call_ended(&self, answered: bool) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        state.unanswered -= usize::from(!answered);
        state.used = Instant::now();
        if state.collecting {
            drop(state);
            self.look.notify_one();
        }
    }

    /// Stops sending for a time. A longer pause that was set before stays.
    pub(crate) fn back_off(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST_BACK_OFF);
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.silent_until = state.silent_until.max(Some(until));
    }

    pub(crate) fn all_clear(&self) {
        self.state.lock().failures = 0;
    }

    pub(crate) fn failures(&self) -> u32 {
        self.state.lock().failures
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Records that a batch was refused as too large. Returns what was known before.
    pub(crate) fn refused(&self, size: Sizes) -> Learned {
        let learned = &mut self.state.lock().learned;
        let before = learned.clone();
        learned.refused(size, Instant::now());
        before
    }

    /// Records that the upstream takes this number of items at most, and says so if `told`.
    pub(crate) fn limited(&self, items: usize, told: bool) {
        let now = Instant::now();
        self.state.lock().learned.limited(items, told, now);
    }

    /// Reports whether the upstream takes batches, as far as is known.
    pub(crate) fn takes_batches(&self) -> bool {
        let limits = self.state.lock().learned.limits(Instant::now());
        limits.is_none_or(|limits| limits.items > 1)
    }

    /// Takes a refusal back: one item caused it, not the size of the batch.
    pub(crate) fn restore(&self, before: Learned) {
        self.state.lock().learned = before;
    }

    /// Records that a batch passed.
    pub(crate) fn accepted(&self, size: Sizes) {
        self.state.lock().learned.accepted(size, Instant::now());
    }

    /// Reports whether no item is in line or in flight.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.queue.is_empty() && state.in_flight == 0
    }

    /// Reports whether the lane has been empty for a time.
    pub(crate) fn is_idle(&self, now: Instant, time: Duration) -> bool {
        let state = self.state.lock();
        let unused = now.saturating_duration_since(state.used) >= time;
        unused && state.queue.is_empty() && state.in_flight == 0
    }

    /// Reports whether the lane remembers a refusal.
    pub(crate) fn has_learned(&self, now: Instant) -> bool {
        self.state.lock().learned.is_remembered(now)
    }
}
