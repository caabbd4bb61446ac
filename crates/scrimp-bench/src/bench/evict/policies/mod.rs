//! Policies that are compared on traces: simulators, and stores of other crates.

pub(crate) mod bound;
pub(crate) mod gdsf;
pub(crate) mod list;
pub(crate) mod lru;
pub(crate) mod peers;
pub(crate) mod s3fifo;
pub(crate) mod scrimp;
pub(crate) mod sieve;

/// One request of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Request {
    /// The key: distinct keys of a trace are numbered from zero.
    pub(crate) key: u32,
    /// Bytes of the entry, with what a store keeps beside the body.
    pub(crate) weight: u64,
    /// Money, or any other good, that a hit saves.
    pub(crate) cost: f64,
}

/// A cache that receives the requests of a trace.
pub(crate) trait Policy {
    /// Answers a request, and returns whether it was a hit. On a miss the entry is offered to the
    /// cache.
    fn request(&mut self, request: Request) -> bool;
}

/// Returns the turns that were hits, for keys of weight 1.
#[cfg(test)]
fn hits(mut policy: impl Policy, keys: &[u32]) -> Vec<usize> {
    let request = |key| Request {
        key,
        weight: 1,
        cost: 1.0,
    };
    let turns = keys.iter().enumerate();
    let hit = turns.filter(|&(_, &key)| policy.request(request(key)));
    hit.map(|(turn, _)| turn).collect()
}
