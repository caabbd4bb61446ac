//! S3-FIFO (Yang and others, SOSP 2023): a small queue, a main queue, and a queue of keys that
//! were dropped.

use std::collections::VecDeque;

use super::{Policy, Request};

/// Uses that are counted at most.
const MOST: u8 = 3;

pub(crate) struct S3Fifo {
    capacity: u64,
    small: Queue,
    main: Queue,
    /// Weight of each key that is held; 0: it is not.
    held: Vec<u64>,
    uses: Vec<u8>,
    ghosts: VecDeque<(u32, u32)>,
    /// Number of the latest drop of each key that is a ghost; 0: it is none.
    dropped: Vec<u32>,
    drops: u32,
}

#[derive(Default)]
struct Queue {
    keys: VecDeque<u32>,
    used: u64,
}

impl S3Fifo {
    pub(crate) fn new(capacity: u64, keys: usize) -> Self {
        Self {
            capacity,
            small: Queue::default(),
            main: Queue::default(),
            held: vec![0; keys],
            uses: vec![0; keys],
            ghosts: VecDeque::new(),
            dropped: vec![0; keys],
            drops: 0,
        }
    }

    fn evict(&mut self) {
        if self.small.used > self.capacity / 10 || self.main.keys.is_empty() {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        while let Some(key) = self.small.keys.pop_front() {
            let weight = self.held[key as usize];
            self.small.used -= weight;
            if self.uses[key as usize] > 1 {
                self.uses[key as usize] = 0;
                self.main.push(key, weight);
                continue;
            }
            self.held[key as usize] = 0;
            self.remember(key);
            return;
        }
    }

    fn evict_main(&mut self) {
        while let Some(key) = self.main.keys.pop_front() {
            let weight = self.held[key as usize];
            self.main.used -= weight;
            if self.uses[key as usize] > 0 {
                self.uses[key as usize] -= 1;
                self.main.push(key, weight);
                continue;
            }
            self.held[key as usize] = 0;
            return;
        }
    }

    /// Notes a key that the small queue dropped. As many are known as the main queue holds.
    fn remember(&mut self, key: u32) {
        self.drops += 1;
        self.dropped[key as usize] = self.drops;
        self.ghosts.push_back((key, self.drops));
        let most = (self.main.keys.len() + self.small.keys.len()).max(1);
        while self.ghosts.len() > most {
            let Some((key, drop)) = self.ghosts.pop_front() else {
                break;
            };
            if self.dropped[key as usize] == drop {
                self.dropped[key as usize] = 0;
            }
        }
    }
}

impl Queue {
    fn push(&mut self, key: u32, weight: u64) {
        self.keys.push_back(key);
        self.used += weight;
    }
}

impl Policy for S3Fifo {
    fn request(&mut self, request: Request) -> bool {
        let Request { key, weight, .. } = request;
        let place = key as usize;
        if self.held[place] > 0 {
            self.uses[place] = (self.uses[place] + 1).min(MOST);
            return true;
        }
        if weight > self.capacity {
            return false;
        }
        while self.small.used + self.main.used + weight > self.capacity {
            self.evict();
        }
        self.held[place] = weight;
        self.uses[place] = 0;
        if std::mem::take(&mut self.dropped[place]) > 0 {
            self.main.push(key, weight);
        } else {
            self.small.push(key, weight);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::hits;
    use super::*;

    #[test]
    fn what_comes_back_soon_after_it_was_dropped_goes_to_the_main_queue() {
        // With room for ten, 0 is dropped when 10 comes, and comes back to the main queue. A scan
        // of twenty keys passes through the small queue, and 0 is still there.
        let mut requests: Vec<u32> = (0..11).collect();
        requests.push(0);
        requests.extend(11..31);
        requests.push(0);
        assert_eq!(hits(S3Fifo::new(10, 31), &requests), [32]);
    }
}
