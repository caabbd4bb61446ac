//! Items in line, in fair order between tenants.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use scrimp_core::{Key, KeyHashBuilder};
use tokio::time::Instant;

use super::{lane::Waiting, limits::Space, slot::Slot};

/// An item in line, and the slot of its caller.
pub(crate) struct Queued<I, A> {
    pub(crate) waiting: Waiting<I>,
    pub(crate) slot: Arc<Slot<A>>,
    pub(crate) since: Instant,
}

type Tenant = Option<Arc<str>>;

/// Reason why a tenant's line is found.
const LINE: &str = "a tenant in the round has a line";

/// One line per tenant, served by deficit round-robin over weights, oldest item first.
///
/// Ten thousand items of one tenant do not delay the one item of another. Duplicates of an item in line
/// take no room: they go with it, for any tenant.
pub(crate) struct Queue<I, A> {
    /// No line is empty.
    lines: HashMap<Tenant, Line<I, A>>,
    /// The tenants in `lines`, the next one first.
    round: VecDeque<Tenant>,
    /// Duplicates of each item in line that may have some.
    duplicates: HashMap<Key, Vec<Queued<I, A>>, KeyHashBuilder>,
    /// Items in line, without duplicates.
    items: usize,
    /// Items and duplicates.
    callers: usize,
    bytes: usize,
    weight: u64,
    /// The time at which the oldest item came. `None` if the queue is empty.
    oldest: Option<Instant>,
    /// The memory of the last line that was served whole, reused for the next: with one tenant,
    /// every batch empties its line.
    spare: VecDeque<Queued<I, A>>,
}

struct Line<I, A> {
    items: VecDeque<Queued<I, A>>,
    deficit: u64,
}

/// Room that is left in a batch.
struct Room {
    items: usize,
    bytes: usize,
    weight: u64,
    empty: bool,
}

// === impl Queue ===

impl<I, A> Default for Queue<I, A> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            round: VecDeque::new(),
            duplicates: HashMap::with_hasher(KeyHashBuilder),
            items: 0,
            callers: 0,
            bytes: 0,
            weight: 0,
            oldest: None,
            spare: VecDeque::new(),
        }
    }
}

impl<I, A> Queue<I, A> {
    /// Returns the number of callers in line.
    pub(crate) fn callers(&self) -> usize {
        self.callers
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Reports whether the items in line fill a batch.
    pub(crate) fn is_full(&self, space: Space) -> bool {
        self.items >= space.items || self.bytes >= space.bytes || self.weight >= space.weight
    }

    /// Returns the time at which the oldest item came; `None` if the queue is empty.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    fn find_oldest(&mut self) {
        let heads = self.lines.values().filter_map(|line| line.items.front());
        self.oldest = heads.map(|queued| queued.since).min();
    }

    /// Returns the time at which the first item must be sent, if a call takes this long.
    pub(crate) fn latest(&self, call: Duration, now: Instant) -> Option<Instant> {
        let lines = self.lines.values().flat_map(|line| &line.items);
        let all = lines.chain(self.duplicates.values().flatten());
        let starts = all.filter_map(|queued| match &queued.waiting {
            Waiting { urgent: true, .. } => Some(now),
            waiting => Some(waiting.due?.checked_sub(call).unwrap_or(now)),
        });
        starts.min()
    }

    pub(crate) fn push(&mut self, queued: Queued<I, A>) {
        self.oldest.get_or_insert(queued.since);
        self.callers += 1;
        if let Some(identity) = &queued.waiting.identity {
            if let Some(duplicates) = self.duplicates.get_mut(identity) {
                return duplicates.push(queued);
            }
            self.duplicates.insert(identity.clone(), Vec::new());
        }
        self.items += 1;
        self.bytes = self.bytes.saturating_add(queued.waiting.bytes);
        self.weight += u64::from(queued.waiting.weight);
        let tenant = queued.waiting.tenant.clone();
        let line = self.lines.entry(tenant).or_insert_with_key(|tenant| {
            self.round.push_back(tenant.clone());
            Line {
                items: std::mem::take(&mut self.spare),
                deficit: 0,
            }
        });
        line.items.push_back(queued);
    }

    /// Takes the next batch: as many items as there is room for, and at least one, each with its
    /// duplicates behind it.
    pub(crate) fn take(&mut self, space: Space) -> Vec<Queued<I, A>> {
        let mut room = Room::new(space);
        let mut taken = Vec::with_capacity(self.items.min(room.items));
        while !self.round.is_empty() {
            let quantum = self.quantum();
            for _ in 0..self.round.len() {
                let tenant = self.round.pop_front();
                let tenant = tenant.expect("a turn removes one tenant at most");
                let full = self.visit(&tenant, quantum, &mut room, &mut taken);
                if self.lines.contains_key(&tenant) {
                    self.round.push_back(tenant);
                }
                if full {
                    return self.taken(taken);
                }
            }
        }
        self.taken(taken)
    }

    /// Serves one tenant its share. Returns true if the batch is full.
    fn visit(
        &mut self,
        tenant: &Tenant,
        quantum: u64,
        room: &mut Room,
        taken: &mut Vec<Queued<I, A>>,
    ) -> bool {
        let alone = self.lines.len() == 1;
        let line = self.lines.get_mut(tenant).expect(LINE);
        line.deficit += quantum;
        while let Some(next) = line.items.front() {
            let weight = u64::from(next.waiting.weight);
            if weight > line.deficit && !alone {
                return false;
            }
            if !room.fits(&next.waiting) {
                return true;
            }
            line.deficit = line.deficit.saturating_sub(weight);
            self.items -= 1;
            self.bytes = self.bytes.saturating_sub(next.waiting.bytes);
            self.weight -= weight;
            let next = line.items.pop_front();
            let identity = next
                .as_ref()
                .and_then(|next| next.waiting.identity.as_ref());
            let duplicates = identity.and_then(|identity| self.duplicates.remove(identity));
            taken.extend(next);
            taken.extend(duplicates.into_iter().flatten());
        }
        self.spare = self.lines.remove(tenant).expect(LINE).items;
        room.items == 0
    }

    /// Returns the smallest weight at the head of a line, so that every round serves an item.
    fn quantum(&self) -> u64 {
        let heads = self.lines.values().filter_map(|line| line.items.front());
        let weights = heads.map(|queued| u64::from(queued.waiting.weight));
        // An item of a group may weigh nothing.
        weights.min().expect("a round has a line").max(1)
    }

    fn taken(&mut self, taken: Vec<Queued<I, A>>) -> Vec<Queued<I, A>> {
        self.callers -= taken.len();
        self.find_oldest();
        taken
    }

    /// Counts the items in line.
    fn count(&mut self) {
        (self.items, self.bytes, self.weight) = (0, 0, 0);
        for Queued { waiting, .. } in self.lines.values().flat_map(|line| &line.items) {
            self.items += 1;
            self.bytes = self.bytes.saturating_add(waiting.bytes);
            self.weight += u64::from(waiting.weight);
        }
        self.find_oldest();
    }

    /// Drops the items of callers that have left. The place of one with duplicates goes to the first
    /// of them that still waits.
    pub(crate) fn sweep(&mut self) {
        for waiting in self.duplicates.values_mut() {
            waiting.retain(|queued| !queued.slot.is_over());
        }
        let duplicates = &mut self.duplicates;
        self.lines.retain(|_, line| {
            line.items.retain_mut(|queued| {
                if !queued.slot.is_over() {
                    return true;
                }
                let Some(identity) = &queued.waiting.identity else {
                    return false;
                };
                let others = duplicates
                    .get_mut(identity)
                    .filter(|others| !others.is_empty());
                match others {
                    Some(others) => {
                        *queued = others.remove(0);
                        true
                    }
                    None => {
                        duplicates.remove(identity);
                        false
                    }
                }
            });
            !line.items.is_empty()
        });
        self.round.retain(|tenant| self.lines.contains_key(tenant));
        self.count();
        self.callers = self.items + self.duplicates.values().map(Vec::len).sum::<usize>();
    }

    /// Tells every caller in line that there is no answer.
    pub(crate) fn lose(self) {
        let lines = self.lines.into_values().flat_map(|line| line.items);
        let duplicates = self.duplicates.into_values().flatten();
        lines
            .chain(duplicates)
            .for_each(|queued| queued.slot.lose());
    }
}

// === impl Room ===

impl Room {
    fn new(space: Space) -> Self {
        Self {
            items: space.items,
            bytes: space.bytes,
            weight: space.weight,
            empty: true,
        }
    }

    /// Takes the room for an item. Returns false if there is none. The first item always fits:
    /// alone it is no batch.
    fn fits<I>(&mut self, waiting: &Waiting<I>) -> bool {
        let weight = u64::from(waiting.weight);
        let fits = self.items > 0 && waiting.bytes <= self.bytes && weight <= self.weight;
        if !fits && !self.empty {
            return false;
        }
        self.empty = false;
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(waiting.bytes);
        self.weight = self.weight.saturating_sub(weight);
        true
    }
}

#[cfg(test)]
mod tests;
