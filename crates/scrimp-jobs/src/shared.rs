//! State that services, handles and the background work of a layer share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

use crate::{
    DryRunBill,
    config::Config,
    engine::Learned,
    queue::{JobQueue, QueueBounds, QueueError, RequestId, millis},
    stats::Counters,
    waiters::Waiters,
};

/// The time in milliseconds within which the queue is told of callers that are gone.
const TIDY: u64 = 1_000;

#[derive(Debug)]
pub(crate) struct Core {
    /// Bill of a dry run.
    pub(crate) tried: Arc<Mutex<DryRunBill>>,
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) waiters: Waiters,
    pub(crate) learned: Mutex<Learned>,
    /// Places for calls of their own.
    pub(crate) calls: Semaphore,
    /// Requests that have such a call, or wait for a place.
    pub(crate) busy: AtomicUsize,
    /// Requests that the queue need no longer keep.
    pub(crate) gone: Mutex<Gone>,
    /// Wakes the background work.
    pub(crate) wake: Notify,
    /// The time of its next round, in milliseconds since 1970.
    pub(crate) next_round: AtomicU64,
    /// Wakes tasks that wait to ask for the state of their job.
    pub(crate) poll_now: Notify,
    /// The queue may have requests without a caller.
    pub(crate) orphans: AtomicBool,
    /// Accounts that the provider has refused, and until when they make no jobs. As many as the operator has set.
    pub(crate) refused: Mutex<HashMap<Arc<str>, Instant>>,
    /// Counts changes of submissions.
    pub(crate) changed: watch::Sender<u64>,
}

/// Requests whose callers need nothing of the queue any more.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// They have their answers.
    pub(crate) answered: Vec<RequestId>,
    /// They have left.
    pub(crate) left: Vec<RequestId>,
}

// === impl Core ===

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        let learned = Learned::new(config.timings.job_time, config.timings.call_time);
        Self {
            counters: Counters::default(),
            waiters: Waiters::default(),
            learned: Mutex::new(learned),
            calls: Semaphore::new(config.bounds.calls_at_once),
            busy: AtomicUsize::new(0),
            gone: Mutex::default(),
            wake: Notify::new(),
            next_round: AtomicU64::new(0),
            poll_now: Notify::new(),
            orphans: AtomicBool::new(true),
            refused: Mutex::default(),
            changed: watch::Sender::new(0),
            tried: Arc::default(),
            config,
        }
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> &Arc<dyn JobQueue> {
        &self.config.queue
    }

    /// Returns the time in milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        millis(self.config.clock.unix())
    }

    pub(crate) fn queue_bounds(&self) -> QueueBounds {
        QueueBounds {
            requests: self.config.bounds.max_requests,
            bytes: self.config.bounds.max_bytes,
        }
    }

    /// Returns the time that a job needs, from a request on: to be collected, to run, and for calls of their own
    /// after it if it fails.
    ///
    /// The window counts twice: the first request of a job waits for the others, and then for its turn.
    pub(crate) fn job_needs(&self) -> Duration {
        2 * self.config.timings.window + Duration::from_secs(1) + self.job_from_now()
    }

    /// Returns the time that a job needs which is planned now.
    pub(crate) fn job_from_now(&self) -> Duration {
        let learned = self.learned.lock();
        learned.job() + learned.call() + self.config.timings.margin
    }

    /// Wakes the background work if its next round is later than this time.
    pub(crate) fn wake_at(&self, time: u64) {
        if self.next_round.load(Relaxed) > time {
            self.wake.notify_one();
        }
    }

    /// Notes a failure of the queue.
    pub(crate) fn queue_failed(&self, error: &QueueError) {
        self.counters.queue_failures.increment();
        tracing::warn!(%error, "an operation of the queue of batch jobs failed");
    }

    /// Notes that a caller has its answer, so that its request is removed.
    pub(crate) fn answered(&self, id: RequestId) {
        self.gone.lock().answered.push(id);
        self.wake_at(self.now() + TIDY);
    }

    /// Notes that a caller has left.
    pub(crate) fn leave(&self, id: RequestId) {
        self.gone.lock().left.push(id);
        self.wake_at(self.now() + TIDY);
    }

    /// Reports whether the provider has refused jobs of this account a short time ago.
    pub(crate) fn is_refused(&self, account: &str) -> bool {
        let refused = self.refused.lock();
        refused
            .get(account)
            .is_some_and(|until| *until > Instant::now())
    }

    /// Returns the moment of a time in milliseconds since 1970, by the clock's present time.
    pub(crate) fn instant(&self, time: u64) -> Instant {
        Instant::now() + Duration::from_millis(time.saturating_sub(self.now()))
    }

    pub(crate) fn submissions_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// A call of its own, counted from the wait for its place on.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Core>);

impl Busy {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        core.busy.fetch_add(1, Relaxed);
        Self(Arc::clone(core))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
    }
}
