//! Counts of what followed a context, in a fixed amount of memory.

/// Items that are counted for one context.
pub(super) const WIDTH: usize = 24;

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
        let (place, tag) = self.place(context);
        let way = self.sets[place].way(tag);
        way.map_or(&NOTHING, |way| &self.nodes[place][way])
    }

    /// Reads the counts of contexts that are used next. A processor waits for several places of memory at once, if
    /// nothing is done in between.
    pub(super) fn touch(&self, contexts: &[u64]) {
        let mut sum = 0;
        for context in contexts {
            let (place, tag) = self.place(*context);
            let set = &self.sets[place];
            let way = set.way(tag).unwrap_or_else(|| set.least());
            sum ^= self.nodes[place][way].total;
        }
        std::hint::black_box(sum);
    }

    /// Counts an item that followed a context.
    pub(super) fn add(&mut self, context: u64, item: u32) {
        let (place, tag) = self.place(context);
        let (set, nodes) = (&mut self.sets[place], &mut self.nodes[place]);
        let way = set.way(tag).unwrap_or_else(|| set.replace(nodes, tag));
        nodes[way].add(item);
        set.totals[way] = nodes[way].total;
    }

    /// Returns the set of a context, and its tag there, which is not 0.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    fn place(&self, context: u64) -> (usize, u32) {
        let place = context as usize & (self.sets.len() - 1);
        (place, (context >> 32) as u32 | 1)
    }
}

// === impl Set ===

impl Set {
    fn way(&self, tag: u32) -> Option<usize> {
        (0..WAYS).find(|&way| self.tags[way] == tag)
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

    /// Returns the place of an item. All places are looked at, which a processor does several at a time.
    fn find(&self, item: u32) -> Option<usize> {
        let mut found = WIDTH;
        for place in (0..WIDTH).rev() {
            if self.items[place] == item {
                found = place;
            }
        }
        (found < usize::from(self.different)).then_some(found)
    }

    /// Returns the place with the lowest count, where all are used.
    fn least(&self) -> usize {
        let ranked = |place: usize| usize::from(self.counts[place]) << 8 | place;
        let mut least = ranked(0);
        for place in 1..WIDTH {
            least = least.min(ranked(place));
        }
        least & 0xff
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
