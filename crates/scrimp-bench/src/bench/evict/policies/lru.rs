//! Least recently used.

use super::{Policy, Request, list::List};

pub(crate) struct Lru {
    capacity: u64,
    used: u64,
    /// Weight of each key that is held; 0: it is not.
    held: Vec<u64>,
    order: List,
}

impl Lru {
    pub(crate) fn new(capacity: u64, keys: usize) -> Self {
        Self {
            capacity,
            used: 0,
            held: vec![0; keys],
            order: List::new(keys),
        }
    }
}

impl Policy for Lru {
    fn request(&mut self, request: Request) -> bool {
        let Request { key, weight, .. } = request;
        if self.held[key as usize] > 0 {
            self.order.remove(key);
            self.order.push_front(key);
            return true;
        }
        if weight > self.capacity {
            return false;
        }
        while self.used + weight > self.capacity {
            let Some(last) = self.order.back() else { break };
            self.order.remove(last);
            self.used -= std::mem::take(&mut self.held[last as usize]);
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
    fn the_least_recently_used_key_goes() {
        // 0 is used again before 2 comes, so 1 goes.
        assert_eq!(hits(Lru::new(2, 4), &[0, 1, 0, 2, 0, 1]), [2, 4]);
    }
}
