//! SIEVE (Zhang and others, NSDI 2024): a queue, and a hand that spares what was used.

use super::{Policy, Request, list::List};

pub(crate) struct Sieve {
    capacity: u64,
    used: u64,
    /// Weight of each key that is held; 0: it is not.
    held: Vec<u64>,
    visited: Vec<bool>,
    order: List,
    hand: Option<u32>,
}

impl Sieve {
    pub(crate) fn new(capacity: u64, keys: usize) -> Self {
        Self {
            capacity,
            used: 0,
            held: vec![0; keys],
            visited: vec![false; keys],
            order: List::new(keys),
            hand: None,
        }
    }

    fn evict(&mut self) {
        let mut at = self.hand.or(self.order.back());
        while let Some(key) = at {
            if !std::mem::take(&mut self.visited[key as usize]) {
                self.hand = self.order.before(key);
                self.order.remove(key);
                self.used -= std::mem::take(&mut self.held[key as usize]);
                return;
            }
            at = self.order.before(key).or(self.order.back());
        }
    }
}

impl Policy for Sieve {
    fn request(&mut self, request: Request) -> bool {
        let Request { key, weight, .. } = request;
        if self.held[key as usize] > 0 {
            self.visited[key as usize] = true;
            return true;
        }
        if weight > self.capacity {
            return false;
        }
        while self.used + weight > self.capacity {
            self.evict();
        }
        self.held[key as usize] = weight;
        self.used += weight;
        self.order.push_front(key);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::hits;
    use super::*;

    #[test]
    fn the_hand_spares_what_was_used_and_goes_on_from_where_it_stood() {
        // 3 comes: the hand spares 0, takes 1, and stands at 2. 4 comes: 2 goes. 0 is still there.
        let requests = [0, 1, 2, 0, 3, 4, 0, 2, 1];
        assert_eq!(hits(Sieve::new(3, 5), &requests), [3, 6]);
    }
}
