//! Bills of a trace, by what the accounts' caches really hold.

use std::{collections::HashMap, time::Duration};

use crate::trace::{Request, Trace};

/// Seconds for which a block is held after its last use.
pub(crate) const LIFETIME: f64 = 300.0;
/// Prices to write and read, as multiples of a token's price, and that price in dollars.
pub(crate) const WRITE: f64 = 1.25;
pub(crate) const READ: f64 = 0.1;
const TOKEN: f64 = 3e-6;

#[derive(Default)]
pub(crate) struct Bill {
    pub(crate) dollars: f64,
    /// Time of all work per request, and of the part before the choice.
    pub(crate) decisions: (Duration, Duration),
    pub(crate) hashing: Duration,
    /// Runs of blocks per prompt.
    pub(crate) runs: f64,
}

/// Cache of one account.
#[derive(Default, Clone)]
pub(crate) struct Cache(HashMap<u64, f64>);

// === impl Cache ===

impl Cache {
    /// Returns the cost of a prompt of which `write` first blocks are written.
    pub(crate) fn charge(&mut self, request: &Request, write: usize) -> f64 {
        let (mut cost, mut is_hit) = (0.0, true);
        for (n, (block, tokens)) in request.blocks().enumerate() {
            let held = self.0.get(&block);
            is_hit &= held.is_some_and(|used| request.at - used <= LIFETIME);
            cost += tokens
                * match (is_hit, n < write) {
                    (true, _) => READ,
                    (false, true) => WRITE,
                    (false, false) => 1.0,
                };
            if is_hit || n < write {
                self.0.insert(block, request.at);
            }
        }
        cost * TOKEN
    }

    pub(crate) fn held(&self, request: &Request) -> usize {
        let held = |block: &&u64| {
            let used = self.0.get(*block);
            used.is_some_and(|used| request.at - used <= LIFETIME)
        };
        request.blocks.iter().take_while(held).count()
    }
}

/// Returns the least bill: with one account, and with each block written just if it returns in time.
pub(crate) fn oracle(trace: &Trace) -> f64 {
    let mut uses: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
    for request in &trace.requests {
        for (block, tokens) in request.blocks() {
            uses.entry(block).or_default().push((request.at, tokens));
        }
    }
    let mut sum = 0.0;
    for uses in uses.values() {
        let mut was_held = false;
        for (n, (at, tokens)) in uses.iter().enumerate() {
            let returns = uses
                .get(n + 1)
                .is_some_and(|(next, _)| next - at <= LIFETIME);
            sum += tokens
                * match (was_held, returns) {
                    (true, _) => READ,
                    (false, true) => WRITE,
                    (false, false) => 1.0,
                };
            was_held = returns;
        }
    }
    sum * TOKEN
}
