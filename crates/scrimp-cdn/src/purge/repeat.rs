//! Purges that are sent a second time.
//!
//! A server may have begun a response before a change, and the CDN may store it after the purge. A
//! second purge, later than any such response can take, removes it.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::queue::Queue;
use crate::{
    api::{BatchLimits, CdnApi},
    item::PurgeItem,
};

/// Items that were accepted once, gathered by time. An item is due once the time has passed, and
/// before twice the time has: no more than two gatherings are kept, each as bounded as the queue.
#[derive(Debug)]
pub(super) struct Repeats {
    after: Option<Duration>,
    capacity: usize,
    gatherings: VecDeque<Gathering>,
}

#[derive(Debug)]
struct Gathering {
    since: Instant,
    items: Queue,
}

// === impl Repeats ===

impl Repeats {
    pub(super) fn new(after: Option<Duration>, capacity: usize) -> Self {
        Self {
            after,
            capacity,
            gatherings: VecDeque::new(),
        }
    }

    /// Takes items that were accepted.
    pub(super) fn add(&mut self, items: Vec<PurgeItem>, api: &dyn CdnApi, now: Instant) {
        let Some(after) = self.after else {
            return;
        };
        let last = self.gatherings.back();
        if last.is_none_or(|last| last.since + after <= now) {
            let items = Queue::new(self.capacity);
            self.gatherings.push_back(Gathering { since: now, items });
        }
        let last = self.gatherings.back_mut().expect("it was just added");
        for item in items {
            last.items.push(item, api);
        }
    }

    /// Moves the items that are due to a queue.
    pub(super) fn release(&mut self, queue: &mut Queue, api: &dyn CdnApi, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            let due = self.gatherings.pop_front();
            let mut items = due.expect("it is due").items;
            while !items.is_empty() {
                for item in items.take(|_| BatchLimits::items(usize::MAX)) {
                    queue.push(item, api);
                }
            }
        }
    }

    /// Returns the time at which the next items are due.
    pub(super) fn due(&self) -> Option<Instant> {
        let first = self.gatherings.front()?;
        Some(first.since + 2 * self.after?)
    }
}
