//! The queue of what is to be purged: bounded, without duplicates, and without loss.

use std::hash::RandomState;

use hashlink::LinkedHashMap;

use crate::{
    api::{BatchLimits, CdnApi},
    item::{ItemKind, PurgeItem},
};

/// Maximum length of a value in bytes. A longer one is widened.
const MAX_VALUE: usize = 8_192;

/// Items of one kind, all soft or all hard, each with its turn.
type Lane = LinkedHashMap<Box<str>, u64, RandomState>;

/// Items that wait, in the order in which they came.
///
/// If there is no room for one, all that wait become wider purges, such as one of their hosts. If
/// these are more than half of the capacity, they become one purge of everything.
#[derive(Debug)]
pub(super) struct Queue {
    /// Lanes of hard and of soft items, by kind.
    hard: [Lane; ItemKind::ALL.len()],
    soft: [Lane; ItemKind::ALL.len()],
    capacity: usize,
    len: usize,
    turn: u64,
}

/// Outcome of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The item waits.
    Added,
    /// Another item hits what this one hits.
    Covered,
    /// The item was widened, or others were to make room.
    Widened,
    /// The item, or an older one to make room, was removed, as the CDN has no wider purge.
    Lost,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            hard: Default::default(),
            soft: Default::default(),
            capacity,
            len: 0,
            turn: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts an item at the end.
    pub(super) fn push(&mut self, item: PurgeItem, api: &dyn CdnApi) -> Pushed {
        if item.value.len() > MAX_VALUE {
            return self.push_wider(&item, api);
        }
        let full = self.len >= self.capacity;
        match self.insert(item) {
            false => Pushed::Covered,
            true if full && api.everything().is_empty() => {
                self.take(|_| BatchLimits::ONE);
                Pushed::Lost
            }
            true if full => {
                self.collapse(api);
                Pushed::Widened
            }
            true => Pushed::Added,
        }
    }

    /// Inserts the next wider purge of an item.
    pub(super) fn push_wider(&mut self, item: &PurgeItem, api: &dyn CdnApi) -> Pushed {
        let wider = wider(item, api);
        if wider.is_empty() {
            return Pushed::Lost;
        }
        for wider in wider {
            self.insert(wider.with_soft(item.soft));
        }
        Pushed::Widened
    }

    /// Puts back items that were taken, before all others.
    pub(super) fn put_back(&mut self, items: Vec<PurgeItem>, api: &dyn CdnApi) {
        for item in items.into_iter().rev() {
            let (kind, soft, value) = (item.kind, item.soft, item.value.clone());
            if self.insert(item) {
                let lane = self.lane(kind, soft);
                lane.insert(value.clone(), 0);
                lane.to_front(&value);
            }
        }
        if self.len > self.capacity && !api.everything().is_empty() {
            self.collapse(api);
        }
    }

    /// Takes the items of the next request: those of the kind that has waited longest.
    pub(super) fn take(&mut self, limits: impl Fn(ItemKind) -> BatchLimits) -> Vec<PurgeItem> {
        let of = |soft: bool| ItemKind::ALL.into_iter().map(move |kind| (kind, soft));
        let lanes = of(false).chain(of(true));
        let first = |(kind, soft)| {
            let (_, turn) = self.lane_ref(kind, soft).front()?;
            Some((*turn, kind, soft))
        };
        let Some((_, kind, soft)) = lanes.filter_map(first).min() else {
            return Vec::new();
        };
        let (limits, mut bytes) = (limits(kind), 0_usize);
        let mut taken = Vec::new();
        let lane = self.lane(kind, soft);
        while let Some((value, _)) = lane.front() {
            bytes = bytes.saturating_add(value.len());
            let fits = taken.len() < limits.items.max(1) && bytes <= limits.bytes;
            if !fits && !taken.is_empty() {
                break;
            }
            let (value, _) = lane.pop_front().expect("it has a front");
            taken.push(PurgeItem { kind, value, soft });
        }
        self.len -= taken.len();
        taken
    }

    /// Inserts an item, whatever the capacity, unless another one covers it.
    fn insert(&mut self, item: PurgeItem) -> bool {
        let PurgeItem { kind, value, soft } = item;
        let all = ItemKind::Everything;
        let covers = |kind, value: &str| {
            self.lane_ref(kind, false).contains_key(value)
                || soft && self.lane_ref(kind, true).contains_key(value)
        };
        if covers(all, "") || covers(kind, &value) {
            return false;
        }
        if kind == all {
            self.clear(soft);
        } else if !soft && self.lane(kind, true).remove(&value).is_some() {
            self.len -= 1;
        }
        self.turn += 1;
        let turn = self.turn;
        self.lane(kind, soft).insert(value, turn);
        self.len += 1;
        true
    }

    /// Removes what a purge of everything covers.
    fn clear(&mut self, soft_only: bool) {
        let hard = self.hard.iter_mut().filter(|_| !soft_only);
        for lane in hard.chain(&mut self.soft) {
            self.len -= lane.len();
            lane.clear();
        }
    }

    /// Makes all items wider, so that fewer remain.
    fn collapse(&mut self, api: &dyn CdnApi) {
        let mut items = Vec::with_capacity(self.len);
        while !self.is_empty() {
            items.append(&mut self.take(|_| BatchLimits::items(usize::MAX)));
        }
        for item in &items {
            for wider in wider(item, api) {
                self.insert(wider.with_soft(item.soft));
            }
        }
        if self.len > self.capacity / 2 {
            self.clear(false);
            api.everything().into_iter().for_each(|item| {
                self.insert(item);
            });
        }
    }

    fn lane(&mut self, kind: ItemKind, soft: bool) -> &mut Lane {
        let lanes = if soft { &mut self.soft } else { &mut self.hard };
        &mut lanes[kind as usize]
    }

    fn lane_ref(&self, kind: ItemKind, soft: bool) -> &Lane {
        let lanes = if soft { &self.soft } else { &self.hard };
        &lanes[kind as usize]
    }
}

/// Returns the next wider purge of an item.
fn wider(item: &PurgeItem, api: &dyn CdnApi) -> Vec<PurgeItem> {
    let wider = api.widen(item);
    wider.map_or_else(|| api.everything(), |wider| vec![wider])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Cloudflare, Fastly};

    fn api() -> Cloudflare {
        Cloudflare::new("z", "t")
    }

    fn key(name: impl std::fmt::Display) -> PurgeItem {
        PurgeItem::new(ItemKind::Key, name.to_string())
    }

    fn all(queue: &mut Queue) -> Vec<PurgeItem> {
        let mut items = Vec::new();
        while !queue.is_empty() {
            items.append(&mut queue.take(|_| BatchLimits::items(3)));
        }
        items
    }

    #[test]
    fn duplicates_collapse_and_hard_covers_soft() {
        let mut queue = Queue::new(10);
        let soft = key("a").with_soft(true);
        assert_eq!(queue.push(soft.clone(), &api()), Pushed::Added);
        assert_eq!(queue.push(soft.clone(), &api()), Pushed::Covered);
        assert_eq!(queue.push(key("a"), &api()), Pushed::Added);
        assert_eq!(queue.push(soft, &api()), Pushed::Covered);
        assert_eq!(queue.len(), 1);
        assert_eq!(all(&mut queue), [key("a")]);
    }

    #[test]
    fn everything_covers_all_others_that_are_not_harder() {
        let mut queue = Queue::new(10);
        queue.push(key("a"), &api());
        queue.push(key("b").with_soft(true), &api());
        queue.push(PurgeItem::everything().with_soft(true), &api());
        assert_eq!(queue.len(), 2, "the hard one stays");
        assert_eq!(
            queue.push(key("c").with_soft(true), &api()),
            Pushed::Covered
        );
        queue.push(PurgeItem::everything(), &api());
        assert_eq!(queue.push(key("c"), &api()), Pushed::Covered);
        assert_eq!(all(&mut queue), [PurgeItem::everything()]);
    }

    #[test]
    fn a_full_queue_becomes_hosts_and_then_everything() {
        let url = |host: usize, n: usize| {
            PurgeItem::new(ItemKind::Url, format!("https://h{host}.test/{n}"))
        };
        let mut queue = Queue::new(100);
        for n in 0..101 {
            queue.push(url(n % 2, n), &api());
        }
        let hosts = ["h0.test", "h1.test"].map(|host| PurgeItem::new(ItemKind::Host, host));
        assert_eq!(all(&mut queue), hosts);
        for n in 0..10_000 {
            queue.push(url(n, n), &api());
            assert!(queue.len() <= 101);
        }
        assert_eq!(all(&mut queue), [PurgeItem::everything()]);
    }

    #[test]
    fn a_hundredfold_of_keys_is_one_purge_of_everything() {
        let fastly = Fastly::new("s", "t");
        let mut queue = Queue::new(100);
        for n in 0..10_000 {
            queue.push(key(n), &fastly);
        }
        assert_eq!(all(&mut queue), [PurgeItem::everything()]);
    }

    #[test]
    fn a_value_that_is_too_long_is_widened() {
        let mut queue = Queue::new(10);
        let url = format!("https://a.test/{}", "x".repeat(MAX_VALUE));
        let pushed = queue.push(PurgeItem::new(ItemKind::Url, url), &api());
        assert_eq!(pushed, Pushed::Widened);
        assert_eq!(all(&mut queue), [PurgeItem::new(ItemKind::Host, "a.test")]);
    }

    #[test]
    fn what_is_put_back_is_taken_first_and_a_batch_keeps_its_limits() {
        let mut queue = Queue::new(10);
        for name in ["a", "b", "c"] {
            queue.push(key(name), &api());
        }
        queue.push(PurgeItem::new(ItemKind::Url, "u"), &api());
        let taken = queue.take(|_| BatchLimits::items(2));
        assert_eq!(taken, [key("a"), key("b")]);
        queue.push(key("a"), &api());
        queue.put_back(taken, &api());
        assert_eq!(queue.len(), 4);
        let two = |_| BatchLimits { items: 9, bytes: 2 };
        assert_eq!(queue.take(two), [key("b"), key("c")]);
    }
}
