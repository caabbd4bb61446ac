//! Heaps of places by priority, in which each place can be found.

use super::grow;

/// A priority queue over the places `0..len` of a list, least priority first.
///
/// It follows the list: [`push`](Self::push) and [`swap_remove`](Self::swap_remove) do to the
/// places what `Vec` does to the items.
#[derive(Debug)]
pub(super) struct Heap<N> {
    nodes: Vec<N>,
    /// Index in `nodes` of each place.
    index: Vec<u32>,
    /// Number of priorities set so far. It may wrap around: then only the order of equals suffers.
    set: u32,
}

/// A place with its priority.
pub(super) trait Node: Copy {
    /// Makes a node. `order` is a number that grows with each.
    fn new(priority: f64, order: u32, place: u32) -> Self;

    fn priority(&self) -> f64;

    fn place(&self) -> u32;

    fn move_to(&mut self, place: u32);

    fn is_before(&self, other: &Self) -> bool;
}

/// A place by what its entry is worth; of equals the one that was set last comes first. In a loop
/// through more than there is room for, all are equal, and what is held has to stay to be hit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    priority: f64,
    /// Order among equal priorities.
    order: u32,
    place: u32,
}

/// A place by the end of its entry's time, in seconds. It is rounded up, by at most 2⁻²³ of the time
/// since the table was made: an entry is not removed early.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    end: f32,
    place: u32,
}

// === impl Heap ===

impl<N: Node> Heap<N> {
    /// Returns the place with the least priority, and this priority.
    pub(super) fn least(&self) -> Option<(u32, f64)> {
        let first = self.nodes.first();
        first.map(|node| (node.place(), node.priority()))
    }

    /// Adds the next place.
    pub(super) fn push(&mut self, priority: f64) {
        grow(&mut self.index);
        grow(&mut self.nodes);
        // A shard cannot reach 2³² entries.
        let at = self.nodes.len() as u32;
        self.index.push(at);
        let order = self.next();
        self.nodes.push(N::new(priority, order, at));
        self.rise(at as usize);
    }

    /// Changes the priority of a place.
    pub(super) fn set(&mut self, place: u32, priority: f64) {
        let at = self.index[place as usize] as usize;
        let order = self.next();
        self.nodes[at] = N::new(priority, order, place);
        self.sink(at);
        self.rise(self.index[place as usize] as usize);
    }

    /// Removes a place. The last place takes its number.
    pub(super) fn swap_remove(&mut self, place: u32) {
        let at = self.index[place as usize] as usize;
        self.nodes.swap_remove(at);
        if let Some(moved) = self.nodes.get(at) {
            let moved = moved.place();
            self.index[moved as usize] = at as u32;
            self.sink(at);
            self.rise(self.index[moved as usize] as usize);
        }
        let last = self.index.len() - 1;
        self.index.swap_remove(place as usize);
        if place as usize != last {
            self.nodes[self.index[place as usize] as usize].move_to(place);
        }
    }

    /// Gives memory back, except for this many places.
    pub(super) fn shrink_to(&mut self, places: usize) {
        self.nodes.shrink_to(places);
        self.index.shrink_to(places);
    }

    #[cfg(test)]
    pub(super) fn priority(&self, place: u32) -> f64 {
        self.nodes[self.index[place as usize] as usize].priority()
    }

    fn next(&mut self) -> u32 {
        self.set = self.set.wrapping_add(1);
        self.set
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.nodes[at].is_before(&self.nodes[parent]) {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.nodes.len() && self.nodes[child].is_before(&self.nodes[least]) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.nodes.swap(a, b);
        self.index[self.nodes[a].place() as usize] = a as u32;
        self.index[self.nodes[b].place() as usize] = b as u32;
    }
}

impl<N> Default for Heap<N> {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            index: Vec::new(),
            set: 0,
        }
    }
}

// === impl Rank ===

impl Node for Rank {
    fn new(priority: f64, order: u32, place: u32) -> Self {
        Self {
            priority,
            order,
            place,
        }
    }

    fn priority(&self) -> f64 {
        self.priority
    }

    fn place(&self) -> u32 {
        self.place
    }

    fn move_to(&mut self, place: u32) {
        self.place = place;
    }

    fn is_before(&self, other: &Self) -> bool {
        let later = || (self.order.wrapping_sub(other.order) as i32) > 0;
        self.priority < other.priority || (self.priority == other.priority && later())
    }
}

// === impl End ===

impl Node for End {
    fn new(priority: f64, _: u32, place: u32) -> Self {
        let near = priority as f32;
        let end = match f64::from(near) < priority {
            true => near.next_up(),
            false => near,
        };
        Self { end, place }
    }

    fn priority(&self) -> f64 {
        self.end.into()
    }

    fn place(&self) -> u32 {
        self.place
    }

    fn move_to(&mut self, place: u32) {
        self.place = place;
    }

    fn is_before(&self, other: &Self) -> bool {
        self.end < other.end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_least_priority_comes_first_and_of_equals_the_latest(
            acts in prop::collection::vec((0..3_u8, any::<prop::sample::Index>(), 0..5_u8), 1..200),
        ) {
            let mut heap = Heap::<Rank>::default();
            // Priority and order of each place, as a plain list.
            let mut list: Vec<(f64, usize)> = Vec::new();
            for (turn, (act, which, priority)) in acts.into_iter().enumerate() {
                let priority = f64::from(priority);
                if list.is_empty() || act == 0 {
                    heap.push(priority);
                    list.push((priority, turn));
                } else {
                    let place = which.index(list.len());
                    if act == 1 {
                        heap.set(place as u32, priority);
                        list[place] = (priority, turn);
                    } else {
                        heap.swap_remove(place as u32);
                        list.swap_remove(place);
                    }
                }
                let places = list.iter().enumerate();
                let least = places.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
                let least = least.map(|(place, &(priority, _))| (place as u32, priority));
                prop_assert_eq!(heap.least(), least);
            }
        }
    }

    #[test]
    fn memory_is_given_back() {
        let mut heap = Heap::<Rank>::default();
        for _ in 0..1_000 {
            heap.push(1.0);
        }
        for place in (10..1_000).rev() {
            heap.swap_remove(place);
        }
        heap.shrink_to(20);
        assert!(heap.nodes.capacity() < 100 && heap.index.capacity() < 100);
    }

    #[test]
    fn an_end_is_never_early_and_at_most_a_second_late_after_some_months() {
        for end in [0.1, 12_345.678_9, 1e7 + 0.001] {
            let kept = End::new(end, 0, 0).priority();
            assert!((end..=end + 1.0).contains(&kept), "{end}: {kept}");
        }
        assert_eq!(End::new(f64::INFINITY, 0, 0).priority(), f64::INFINITY);
    }
}
