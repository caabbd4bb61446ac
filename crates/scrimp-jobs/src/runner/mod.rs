//! The background work: makes jobs, follows them, and sends requests that are due.

/// Repeats an operation of the queue until it succeeds. A macro, as the future is made anew each time.
macro_rules! persist {
    ($core:expr, $operation:expr) => {{
        let mut failures = $crate::runner::failures();
        loop {
            match $operation.await {
                Ok(value) => break value,
                Err(error) => $core.queue_failed(&error),
            }
            tokio::time::sleep(failures.pause(None)).await;
        }
    }};
}

mod calls;
mod collect;
mod drive;
mod own;
mod reconcile;
mod round;
mod submit;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    task::{self, JoinError, JoinSet},
    time::Instant,
};
use tracing::Instrument;

use crate::{
    engine::Backoff,
    queue::{DueRequest, JobId, StoredJob, millis},
    shared::Core,
};

/// Shortest time between two rounds, so that a crowd of callers does not make one each.
const PACE: Duration = Duration::from_millis(100);

/// Time after which a job is followed again whose task has panicked.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// Longest time between two rounds.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Tasks of the background work, which end with it.
struct Runner {
    core: Arc<Core>,
    tasks: JoinSet<()>,
    /// Jobs that are followed, and the tasks that do it.
    driven: HashSet<JobId>,
    followers: HashMap<task::Id, JobId>,
    /// Deadline for which open jobs were asked once more.
    alerted: u64,
    purged: Instant,
    failures: Backoff,
}

/// Does the background work of a layer, without an end.
pub(crate) async fn run(core: Arc<Core>) {
    let mut runner = Runner::new(core);
    runner.take_up().await;
    loop {
        // A request that is put during the round wakes the next one.
        runner.core.next_round.store(u64::MAX, Relaxed);
        let next = runner.round().await;
        let wait = next.saturating_duration_since(Instant::now());
        let at = runner.core.now() + millis(wait);
        runner.core.next_round.store(at, Relaxed);
        runner.pause(next).await;
    }
}

// === impl Runner ===

impl Runner {
    fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            tasks: JoinSet::new(),
            driven: HashSet::new(),
            followers: HashMap::new(),
            alerted: 0,
            purged: Instant::now(),
            failures: failures(),
        }
    }

    /// Takes up what an earlier process has left in the queue.
    async fn take_up(&mut self) {
        let core = Arc::clone(&self.core);
        let (requests, _) = persist!(core, core.queue().size());
        core.orphans.store(requests > 0, Relaxed);
        let taken = persist!(core, core.queue().taken());
        for request in taken {
            self.call(request);
        }
    }

    /// Waits for the next round: for its time, for someone who needs it, or for the end of a task.
    async fn pause(&mut self, next: Instant) {
        tokio::time::sleep(PACE).await;
        tokio::select! {
            () = self.core.wake.notified() => {}
            () = tokio::time::sleep_until(next) => {}
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
        }
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        match ended {
            Ok((id, ())) => {
                if let Some(job) = self.followers.remove(&id) {
                    self.driven.remove(&job);
                }
            }
            // A codec may be another crate's. Its job is followed again after a while.
            Err(error) => {
                tracing::error!(%error, "the task of a batch job has panicked");
                if let Some(job) = self.followers.remove(&error.id()) {
                    let task = self.tasks.spawn(tokio::time::sleep(AFTER_PANIC));
                    self.followers.insert(task.id(), job);
                }
            }
        }
    }

    /// Starts to follow a job.
    fn drive(&mut self, job: StoredJob) {
        if self.driven.insert(job.id) {
            let span = tracing::debug_span!("batch_job", tag = %job.tag);
            let core = Arc::clone(&self.core);
            let id = job.id;
            let work = async move { drive::drive(&core, job).await };
            let task = self.tasks.spawn(work.instrument(span));
            self.followers.insert(task.id(), id);
        }
    }

    /// Starts a call of its own for a request without a caller.
    fn call(&mut self, request: DueRequest) {
        let core = Arc::clone(&self.core);
        self.tasks
            .spawn(async move { own::call(&core, request).await });
    }
}

/// Returns the pauses after failures of the queue.
fn failures() -> Backoff {
    Backoff::new(Duration::from_secs(1), Duration::from_secs(60))
}
