//! The state of a purger: pure, without a runtime.

use std::collections::VecDeque;

use scrimp_core::Purge;
use tokio::time::Instant;

use super::{
    config::Config,
    queue::{Pushed, Queue},
    repeat::Repeats,
    stats::Counters,
};
use crate::{
    api::{CdnApi, PurgeVerdict},
    item::{Expressed, PurgeItem},
};

/// Number of failures in a row after which the items of a request no longer go first.
const LAST_IN_FRONT: u32 = 3;

/// The parts of a purger that its state uses.
pub(super) type Parts<'a> = (&'a dyn CdnApi, &'a Config, &'a Counters);

/// The purges that wait, and when the next request may be made.
#[derive(Debug)]
pub(super) struct State {
    queue: Queue,
    /// Items that are sent for the second time.
    second: Queue,
    repeats: Repeats,
    /// Halves of refused batches. Their items are no more than those of the batches under way.
    halves: VecDeque<Batch>,
    in_flight: usize,
    /// Failures in a row.
    failures: u32,
    /// Time before which no request is made after a failure.
    not_before: Option<Instant>,
    /// Time until which purges are gathered.
    gathers_until: Option<Instant>,
}

/// The items of one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) items: Vec<PurgeItem>,
    is_second: bool,
}

/// Next step of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There is something to send.
    Now,
    /// There will be at this time.
    At(Instant),
    /// There is nothing to send.
    Idle,
}

// === impl State ===

impl State {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            queue: Queue::new(config.capacity),
            second: Queue::new(config.capacity),
            repeats: Repeats::new(config.repeat_after, config.capacity),
            halves: VecDeque::new(),
            in_flight: 0,
            failures: 0,
            not_before: None,
            gathers_until: None,
        }
    }

    /// Returns the numbers of items that wait for their first acceptance and of requests under way.
    pub(super) fn present(&self) -> (usize, usize) {
        let halves: usize = self.halves.iter().map(|half| half.items.len()).sum();
        (self.queue.len() + halves, self.in_flight)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.present() == (0, 0)
    }

    /// Takes a purge.
    pub(super) fn add(&mut self, purge: &Purge, parts: Parts<'_>, now: Instant) {
        let (api, config, counters) = parts;
        counters.purges.increment();
        let items = express(purge, parts);
        if items.is_empty() {
            counters.skipped.increment();
            return;
        }
        if self.queue.is_empty() && self.failures == 0 {
            self.gathers_until = self.gathers_until.max(Some(now + config.gather));
        }
        for item in items {
            let pushed = self.queue.push(item.with_soft(purge.soft), api);
            count(pushed, api, counters);
        }
    }

    /// Returns the next step. After a failure there is one request at a time.
    pub(super) fn next(&mut self, api: &dyn CdnApi, now: Instant) -> Next {
        self.repeats.release(&mut self.second, api, now);
        let nothing = self.queue.is_empty() && self.second.is_empty() && self.halves.is_empty();
        if self.failures > 0 && self.in_flight > 0 {
            return Next::Idle;
        }
        let time = match nothing {
            true => self.repeats.due(),
            false => self
                .not_before
                .max(self.gathers_until)
                .filter(|time| *time > now),
        };
        match time {
            Some(time) => Next::At(time),
            None if nothing => Next::Idle,
            None => Next::Now,
        }
    }

    /// Takes the items of the next request, if there are any to send now.
    pub(super) fn take(&mut self, api: &dyn CdnApi, now: Instant) -> Option<Batch> {
        if self.next(api, now) != Next::Now {
            return None;
        }
        self.in_flight += 1;
        Some(self.halves.pop_front().unwrap_or_else(|| {
            let is_second = self.queue.is_empty();
            let queue = match is_second {
                true => &mut self.second,
                false => &mut self.queue,
            };
            let items = queue.take(|kind| api.batch(kind));
            Batch { items, is_second }
        }))
    }

    /// Puts back the items of a request that came to no end.
    pub(super) fn restore(&mut self, batch: Batch, api: &dyn CdnApi) {
        self.in_flight -= 1;
        match batch.is_second {
            true => self.second.put_back(batch.items, api),
            false => self.queue.put_back(batch.items, api),
        }
    }

    /// Takes the verdict on a request.
    pub(super) fn settle(
        &mut self,
        batch: Batch,
        verdict: PurgeVerdict,
        parts: Parts<'_>,
        now: Instant,
    ) {
        let (api, config, counters) = parts;
        let verdict = match verdict {
            PurgeVerdict::Refused if is_everything(&batch.items, api) => PurgeVerdict::Later(None),
            verdict => verdict,
        };
        match verdict {
            PurgeVerdict::Accepted => {
                self.in_flight -= 1;
                // Another request may have failed meanwhile, and its wait holds.
                if !self.is_paused(now) {
                    self.failures = 0;
                }
                counters.succeeded.increment();
                counters.delivered.add(batch.items.len() as u64);
                if !batch.is_second {
                    self.repeats.add(batch.items, api, now);
                }
            }
            PurgeVerdict::Refused => {
                self.in_flight -= 1;
                counters.failed.increment();
                self.divide(batch, api, counters);
            }
            PurgeVerdict::Later(wait) => {
                counters.failed.increment();
                // Requests that were under way together fail once.
                if !self.is_paused(now) {
                    self.failures = self.failures.saturating_add(1);
                }
                let own = config.retry(self.failures);
                let wait = wait.map_or(own, |wait| wait.max(own));
                self.not_before = self.not_before.max(Some(now + wait));
                match self.failures < LAST_IN_FRONT {
                    true => self.restore(batch, api),
                    false => self.send_to_the_end(batch, api, counters),
                }
            }
        }
    }

    /// Puts the items of a request behind all others, which may be accepted.
    fn send_to_the_end(&mut self, batch: Batch, api: &dyn CdnApi, counters: &Counters) {
        self.in_flight -= 1;
        let queue = match batch.is_second {
            true => &mut self.second,
            false => &mut self.queue,
        };
        for item in batch.items {
            count(queue.push(item, api), api, counters);
        }
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|time| time > now)
    }

    /// Divides refused items, so that one of them does not hold up the others. A single one is
    /// widened.
    fn divide(&mut self, batch: Batch, api: &dyn CdnApi, counters: &Counters) {
        let Batch {
            mut items,
            is_second,
        } = batch;
        if let [item] = &items[..] {
            count(self.queue.push_wider(item, api), api, counters);
        } else {
            let half = items.split_off(items.len() / 2);
            let halves = [items, half].map(|items| Batch { items, is_second });
            self.halves.extend(halves);
        }
    }
}

/// Returns a purge in terms of the CDN. It is empty if the purge is left out.
fn express(purge: &Purge, (api, config, counters): Parts<'_>) -> Vec<PurgeItem> {
    match api.express(purge) {
        Expressed::Exactly(items) if !items.is_empty() => items,
        Expressed::Wider(items) if !items.is_empty() => {
            counters.widened.increment();
            items
        }
        _ if config.skip_unsupported => Vec::new(),
        _ => {
            let items = api.everything();
            match items.is_empty() {
                false => counters.widened.increment(),
                true => {
                    let (cdn, kind) = (api.name(), purge.target.kind());
                    tracing::error!(cdn, kind, "a purge was left out: the CDN cannot do it");
                }
            }
            items
        }
    }
}

/// Reports whether there is no wider purge than these items.
fn is_everything(items: &[PurgeItem], api: &dyn CdnApi) -> bool {
    let everything = api.everything();
    let is_part = |item: &PurgeItem| {
        let mut parts = everything.iter();
        parts.any(|part| (part.kind, &part.value) == (item.kind, &item.value))
    };
    items.iter().all(is_part)
}

fn count(pushed: Pushed, api: &dyn CdnApi, counters: &Counters) {
    match pushed {
        Pushed::Added => {}
        Pushed::Covered => counters.duplicates.increment(),
        Pushed::Widened => counters.widened.increment(),
        Pushed::Lost => {
            counters.lost.increment();
            let cdn = api.name();
            tracing::error!(cdn, "a purge was lost: the CDN has no wider one");
        }
    }
}
