//! Greedy-dual size frequency (Cherkasova, 1998).

use std::collections::BTreeSet;

use super::{Policy, Request};

pub(crate) struct Gdsf {
    capacity: u64,
    used: u64,
    /// Weight of each key that is held; 0: it is not.
    held: Vec<u64>,
    uses: Vec<f64>,
    priority: Vec<f64>,
    /// Keys by priority. It is never negative, so its bits are in the same order.
    order: BTreeSet<(u64, u32)>,
    /// Priority of the last key that went.
    inflation: f64,
}

impl Gdsf {
    pub(crate) fn new(capacity: u64, keys: usize) -> Self {
        Self {
            capacity,
            used: 0,
            held: vec![0; keys],
            uses: vec![0.0; keys],
            priority: vec![0.0; keys],
            order: BTreeSet::new(),
            inflation: 0.0,
        }
    }

    fn place(&mut self, request: Request) {
        let key = request.key as usize;
        self.uses[key] += 1.0;
        let worth = self.uses[key] * request.cost / request.weight as f64;
        self.priority[key] = self.inflation + worth;
        self.order
            .insert((self.priority[key].to_bits(), request.key));
    }
}

impl Policy for Gdsf {
    fn request(&mut self, request: Request) -> bool {
        let key = request.key as usize;
        if self.held[key] > 0 {
            self.order
                .remove(&(self.priority[key].to_bits(), request.key));
            self.place(request);
            return true;
        }
        if request.weight > self.capacity {
            return false;
        }
        while self.used + request.weight > self.capacity {
            let Some((priority, least)) = self.order.pop_first() else {
                break;
            };
            self.inflation = f64::from_bits(priority);
            self.used -= std::mem::take(&mut self.held[least as usize]);
            self.uses[least as usize] = 0.0;
        }
        self.held[key] = request.weight;
        self.used += request.weight;
        self.place(request);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::hits;
    use super::*;

    #[test]
    fn the_key_with_the_lowest_sum_of_age_and_worth_goes() {
        // Worth 2 and 1: 1 goes for 2, which has 1 + 1. Then 0 and 2 are equal, and 0 goes.
        assert_eq!(hits(Gdsf::new(2, 4), &[0, 0, 1, 2, 0]), [1, 4]);
        assert_eq!(hits(Gdsf::new(2, 4), &[0, 0, 1, 2, 3, 2]), [1, 5]);
    }

    #[test]
    fn a_small_key_outlives_a_large_one() {
        let request = |key, weight| Request {
            key,
            weight,
            cost: 1.0,
        };
        let mut cache = Gdsf::new(10, 3);
        for (key, weight) in [(0, 2), (1, 8), (2, 4)] {
            assert!(!cache.request(request(key, weight)));
        }
        assert!(cache.request(request(0, 2)));
        assert!(!cache.request(request(1, 8)));
    }
}
