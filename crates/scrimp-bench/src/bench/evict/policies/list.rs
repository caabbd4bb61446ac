//! A doubly linked list of keys.

const NONE: u32 = u32::MAX;

/// Keys in order, with constant time for every change.
#[derive(Debug)]
pub(super) struct List {
    /// Neighbours of each key: towards the front, towards the back.
    links: Vec<(u32, u32)>,
    front: u32,
    back: u32,
}

impl List {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            links: vec![(NONE, NONE); keys],
            front: NONE,
            back: NONE,
        }
    }

    /// Adds a key that is not in the list.
    pub(super) fn push_front(&mut self, key: u32) {
        self.links[key as usize] = (NONE, self.front);
        match self.front {
            NONE => self.back = key,
            front => self.links[front as usize].0 = key,
        }
        self.front = key;
    }

    /// Removes a key that is in the list.
    pub(super) fn remove(&mut self, key: u32) {
        let (before, after) = self.links[key as usize];
        match before {
            NONE => self.front = after,
            before => self.links[before as usize].1 = after,
        }
        match after {
            NONE => self.back = before,
            after => self.links[after as usize].0 = before,
        }
    }

    pub(super) fn back(&self) -> Option<u32> {
        (self.back != NONE).then_some(self.back)
    }

    /// Returns the neighbour towards the front.
    pub(super) fn before(&self, key: u32) -> Option<u32> {
        let (before, _) = self.links[key as usize];
        (before != NONE).then_some(before)
    }
}
