//! One round of the background work.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::{LONGEST, Runner, failures};
use crate::{
    engine::{Calls, due_now},
    queue::{Due, DueRequest, JobPlan, QueueError, WaitingGroup, millis},
    waiters::Told,
};

/// Time before requests in jobs are due, at which their jobs are asked once more.
const ALERT: u64 = 30_000;

/// Requests that are taken in one transaction.
const AT_ONCE: usize = 1_000;

impl Runner {
    /// Does what is to be done now. Returns the time of the next round.
    pub(super) async fn round(&mut self) -> Instant {
        match self.steps().await {
            Ok(next) => {
                self.failures = failures();
                let core = &self.core;
                core.instant(next).min(Instant::now() + LONGEST)
            }
            Err(error) => {
                self.core.queue_failed(&error);
                Instant::now() + self.failures.pause(None)
            }
        }
    }

    async fn steps(&mut self) -> Result<u64, QueueError> {
        self.tidy().await?;
        for job in self.core.queue().jobs().await? {
            self.drive(job);
        }
        let due = self.send_due().await?;
        let planned = self.plan().await?;
        let purge = self.purge().await?;
        Ok(due.min(planned).min(purge))
    }

    /// Tells the queue which callers are gone.
    async fn tidy(&self) -> Result<(), QueueError> {
        let gone = std::mem::take(&mut *self.core.gone.lock());
        if !gone.answered.is_empty() {
            self.core.queue().remove(gone.answered).await?;
        }
        if !gone.left.is_empty() {
            self.core.queue().abandon(gone.left).await?;
            self.core.orphans.store(true, Relaxed);
        }
        Ok(())
    }

    /// Sends requests that cannot wait for a job. Returns the time at which the next ones are due.
    async fn send_due(&mut self) -> Result<u64, QueueError> {
        let core = Arc::clone(&self.core);
        let deadlines = core.queue().deadlines().await?;
        let calls = Calls {
            time: core.learned.lock().call(),
            at_once: core.config.bounds.calls_at_once,
            busy: core.busy.load(Relaxed),
            margin: core.config.timings.margin,
        };
        let now = core.now();
        let due = due_now(&deadlines, calls, now);
        let soon = due_now(&deadlines, calls, now + ALERT).until;
        if soon.is_some_and(|soon| soon > self.alerted) && due.until.is_none() {
            self.alerted = soon.unwrap_or_default();
            core.poll_now.notify_waiters();
        }
        // A request that waits, and has no time for a job any more, does not get any by waiting.
        let from = now + millis(core.job_from_now());
        let due_until = Due {
            // Deadlines were rounded down to a second.
            in_job: due.until.map_or(0, |until| until + 999),
            waiting: from.saturating_sub(1),
        };
        loop {
            let taken = core.queue().take_due(due_until, AT_ONCE).await?;
            let count = taken.len();
            self.dispatch(taken);
            if count < AT_ONCE {
                break;
            }
        }
        let alert = due.next.map(|next| match next.saturating_sub(ALERT) {
            alert if alert > now => alert,
            _ => next,
        });
        Ok(alert.unwrap_or(u64::MAX))
    }

    fn dispatch(&mut self, taken: Vec<DueRequest>) {
        for request in taken {
            if request.submitted {
                self.call(request);
            } else if self.core.waiters.tell(request.id, Told::Call).is_err() {
                self.core.gone.lock().left.push(request.id);
            }
        }
    }

    /// Makes jobs of requests that have waited for their window. Returns the time at which the next ones have.
    async fn plan(&mut self) -> Result<u64, QueueError> {
        let core = Arc::clone(&self.core);
        let (timings, bounds) = (&core.config.timings, &core.config.bounds);
        let limits = core.config.codec.limits();
        let plan = |group: &WaitingGroup| JobPlan {
            tag: tag(),
            account: group.account.clone(),
            group: group.group.clone(),
            items: limits.items.min(bounds.job_items),
            bytes: limits.bytes.min(bounds.job_bytes),
            overhead: core.config.codec.overhead(),
            from_deadline: core.now() + millis(core.job_from_now()),
            now: core.now(),
        };
        let mut next = u64::MAX;
        for group in core.queue().groups().await? {
            // Those that are not in a job until then get calls of their own.
            let needs = millis(core.job_from_now());
            next = next.min(group.deadline.saturating_sub(needs).max(core.now() + 1_000));
            let ready = group.oldest + millis(timings.window);
            let is_full =
                group.count >= plan(&group).items as u64 || group.bytes >= bounds.job_bytes;
            if ready > core.now() && !is_full {
                next = next.min(ready);
                continue;
            }
            if core.is_refused(&group.account) {
                next = next.min(core.now() + 60_000);
                continue;
            }
            // With as many jobs as there may be, the end of one makes the next round.
            while self.driven.len() < bounds.max_jobs {
                let Some(job) = core.queue().plan(plan(&group)).await? else {
                    break;
                };
                tracing::debug!(tag = %job.tag, items = job.items, "a batch job is planned");
                self.drive(job);
            }
        }
        Ok(next)
    }

    /// Removes what was kept long enough. Returns the time of the next removal.
    async fn purge(&mut self) -> Result<u64, QueueError> {
        let retention = self.core.config.timings.retention;
        let every = (retention / 10).clamp(Duration::from_secs(60), LONGEST);
        if self.purged.elapsed() >= every {
            self.purged = Instant::now();
            let before = self.core.now().saturating_sub(millis(retention));
            let removed = self.core.queue().purge(before).await?;
            if removed > 0 {
                tracing::debug!(removed, "old answers were removed from the queue");
            }
        }
        let next = every.saturating_sub(self.purged.elapsed());
        Ok(self.core.now() + millis(next))
    }
}

/// Returns a name that no other job has.
pub(super) fn tag() -> String {
    format!("scrimp-{:024x}", fastrand::u128(..) >> 32)
}
