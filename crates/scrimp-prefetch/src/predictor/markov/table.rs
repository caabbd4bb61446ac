//! Counts of what followed a context, in a fixed amount of memory.

/// Items that are counted for one context.
pub(super) const WIDTH: usize = 24;

/// Items that are compared at a time.
const EIGHT: usize = 8;

/// Contexts that share a place in the table.
const WAYS: usize = 4;

/// Total at which the counts of a context are halved: what is new counts more than what was long ago.
const MOST: u16 = 16_384;

/// Counts by context. A new context takes the place of the least used one of its set, so it costs the same
/// however many there are.
pub(super) struct Table {
    /// Apart from the nodes, as they fit into a processor's cache: most contexts of a flood are found, or replaced,
    /// at one access to memory.
    sets: Box<[Set]>,
    nodes: Box<[[Node; WAYS]]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Set {
    tags: [u32; WAYS],
    totals: [u16; WAYS],
}

/// A context's place in the table, or the one that it would take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    set: u32,
    tag: u32,
    /// `WAYS`: it is not there.
    way: u8,
}

/// The items that followed a context. In this order, a new one touches one line of a processor's cache.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Node {
    total: u16,
    different: u8,
    counts: [u16; WIDTH],
    items: [u32; WIDTH],
}

/// The counts of a context that was never seen.
pub(super) static NOTHING: Node = Node::new();

// === impl Table ===

impl Table {
    /// Makes a table for about this many contexts.
    pub(super) fn new(contexts: usize) -> Self {
        let sets = (contexts / WAYS).next_power_of_two();
        let nodes = [const { Node::new() }; WAYS];
        Self {
            sets: vec![Set::default(); sets].into(),
            nodes: vec![nodes; sets].into(),
        }
    }

    /// Returns the size in bytes, which never changes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets) + size_of_val(&*self.nodes)
    }

    /// Returns what followed a context.
    pub(super) fn get(&self, context: u64) -> &Node {
        self.node(self.find(context))
    }

    /// Returns the place of a context, or the one that it would take.
    pub(super) fn find(&self, context: u64) -> Slot {
        let (set, tag) = self.place(context);
        let way = self.sets[set as usize].way(tag);
        Slot { set, tag, way }
    }

    /// Finds contexts that are used next, but 0, and reads the beginnings of their counts. A processor waits for several
    /// places of memory at once, if nothing is done in between.
    pub(super) fn find_all<const N: usize>(&self, contexts: &[u64; N]) -> [Slot; N] {
        let (mut slots, mut sum) = ([Slot::NONE; N], 0);
        for (slot, context) in slots.iter_mut().zip(contexts) {
            if *context == 0 {
                continue;
            }
            *slot = self.find(*context);
            let (set, nodes) = (&self.sets[slot.set()], &self.nodes[slot.set()]);
            let node = nodes.get(slot.way()).unwrap_or_else(|| &nodes[set.least()]);
            sum ^= node.total;
        }
        std::hint::black_box(sum);
        slots
    }

    /// Returns what followed the context that was found at a place.
    pub(super) fn node(&self, slot: Slot) -> &Node {
        match self.sets[slot.set()].has(slot) {
            true => &self.nodes[slot.set()][slot.way()],
            false => &NOTHING,
        }
    }

    /// Counts an item that followed a context.
    pub(super) fn add(&mut self, context: u64, item: u32) {
        self.count(self.find(context), item);
    }

    /// Counts an item that followed the context that was found at a place. Others may have been counted meanwhile, and
    /// have taken it.
    pub(super) fn count(&mut self, slot: Slot, item: u32) {
        let (set, nodes) = (&mut self.sets[slot.set()], &mut self.nodes[slot.set()]);
        let way = match set.has(slot) {
            true => slot.way(),
            false => usize::from(set.way(slot.tag)),
        };
        let way = if way < WAYS {
            way
        } else {
            set.replace(nodes, slot.tag)
        };
        nodes[way].add(item);
        set.totals[way] = nodes[way].total;
    }

    /// Returns the set of a context, and its tag there, which is not 0.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    #[inline]
    fn place(&self, context: u64) -> (u32, u32) {
        let place = context as u32 & (self.sets.len() - 1) as u32;
        (place, (context >> 32) as u32 | 1)
    }
}

// === impl Slot ===

impl Slot {
    const NONE: Self = Self {
        set: 0,
        tag: 0,
        way: WAYS as u8,
    };

    fn set(self) -> usize {
        self.set as usize
    }

    fn way(self) -> usize {
        usize::from(self.way)
    }
}

// === impl Set ===

impl Set {
    /// Returns the way of a context, by its tag. `WAYS`: it is not there.
    fn way(&self, tag: u32) -> u8 {
        let ways = (0_u8..).zip(&self.tags);
        let mut own = ways.filter(|(_, own)| **own == tag);
        own.next().map_or(WAYS as u8, |(way, _)| way)
    }

    /// Reports whether a context is still where it was found.
    fn has(&self, slot: Slot) -> bool {
        self.tags.get(slot.way()) == Some(&slot.tag)
    }

    fn least(&self) -> usize {
        let mut way = 0;
        for other in 1..WAYS {
            if self.totals[other] < self.totals[way] {
                way = other;
            }
        }
        way
    }

    /// Makes room for a context: in place of the one with the least counts. The others grow older, so that
    /// none stays only because it was once used a lot.
    #[cold]
    fn replace(&mut self, nodes: &mut [Node; WAYS], tag: u32) -> usize {
        let way = self.least();
        // Slowly, as each of them is worth more than the one that goes.
        if tag & 0xf0 == 0 {
            for (node, total) in nodes.iter_mut().zip(&mut self.totals) {
                if *total > 1 {
                    node.halve();
                    *total = node.total;
                }
            }
        }
        self.tags[way] = tag;
        nodes[way].clear();
        way
    }
}

// === impl Node ===

impl Node {
    const fn new() -> Self {
        Self {
            total: 0,
            different: 0,
            counts: [0; WIDTH],
            items: [0; WIDTH],
        }
    }

    /// Forgets all. What is behind the used places is never read.
    fn clear(&mut self) {
        (self.total, self.different) = (0, 0);
    }

    /// Returns the number of times that something followed.
    pub(super) fn total(&self) -> u16 {
        self.total
    }

    /// Returns the number of different items that followed, up to 24.
    pub(super) fn different(&self) -> u8 {
        self.different
    }

    /// Returns the items that followed, with their counts.
    pub(super) fn items(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        let (items, counts) = self.slices();
        let all = items.iter().zip(counts);
        all.map(|(item, count)| (*item, *count))
    }

    /// Returns the items that followed, and their counts.
    pub(super) fn slices(&self) -> (&[u32], &[u16]) {
        let used = ..usize::from(self.different);
        (&self.items[used], &self.counts[used])
    }

    /// Returns how often an item followed.
    pub(super) fn times(&self, item: u32) -> u16 {
        self.find(item).map_or(0, |place| self.counts[place])
    }

    /// Returns the place of an item. Eight are compared without a branch, which a processor does several at a time.
    fn find(&self, item: u32) -> Option<usize> {
        let used = usize::from(self.different);
        let eights = self.items.chunks_exact(EIGHT).take(used.div_ceil(EIGHT));
        for (at, eight) in eights.enumerate() {
            if eight.iter().fold(false, |any, own| any | (*own == item)) {
                let place = eight.iter().position(|own| *own == item)? + at * EIGHT;
                return (place < used).then_some(place);
            }
        }
        None
    }

    /// Returns the place with the lowest count, where all are used. Counts above 2,047 are as good as each other.
    fn least(&self) -> usize {
        let mut least = u16::MAX;
        for (count, place) in self.counts.iter().zip(0_u16..) {
            least = least.min((*count).min(2_047) << 5 | place);
        }
        usize::from(least & 31)
    }

    fn add(&mut self, item: u32) {
        if self.total >= MOST {
            self.halve();
        }
        self.total += 1;
        let used = usize::from(self.different);
        if let Some(place) = self.find(item) {
            self.counts[place] += 1;
            return;
        }
        if used < WIDTH {
            (self.items[used], self.counts[used]) = (item, 1);
            self.different += 1;
            return;
        }
        let place = self.least();
        if self.counts[place] > 1 {
            // There is no room. The least frequent item grows older, until it makes room.
            self.counts[place] -= 1;
        } else {
            (self.items[place], self.counts[place]) = (item, 1);
        }
    }

    /// Halves all counts, and forgets items whose count is then 0.
    #[cold]
    fn halve(&mut self) {
        let mut left = 0;
        for place in 0..usize::from(self.different) {
            let count = self.counts[place] / 2;
            if count > 0 {
                (self.items[left], self.counts[left]) = (self.items[place], count);
                left += 1;
            }
        }
        self.different = u8::try_from(left).expect("a node has few places");
        self.total = self.total.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }

    #[test]
    fn a_hundred_times_as_many_contexts_take_no_more_memory_and_leave_the_used_ones() {
        let mut table = Table::new(1_024);
        let bytes = table.bytes();
        for number in 0..102_400 {
            table.add(hash(number), 7);
            for _ in 0..2 {
                table.add(hash(1_000_000), 9);
            }
        }
        assert_eq!(table.bytes(), bytes);
        let (item, count) = table
            .get(hash(1_000_000))
            .items()
            .next()
            .expect("it is used");
        assert!(item == 9 && count > 100, "{count}");
        assert_eq!(table.get(hash(0)).total(), 0);
    }

    #[test]
    fn a_hundred_times_as_many_items_leave_the_frequent_ones_of_a_context() {
        let mut table = Table::new(64);
        for number in 0..100 * WIDTH as u32 {
            table.add(1, 5);
            table.add(1, 1_000 + number);
        }
        let node = table.get(1);
        let (item, _) = node
            .items()
            .max_by_key(|(_, count)| *count)
            .expect("an item");
        assert_eq!((item, usize::from(node.different())), (5, WIDTH));
    }
}
