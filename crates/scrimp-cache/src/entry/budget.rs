//! Memory for responses that are still being received.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A limit on memory, in bytes, shared by many fills.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    used: AtomicU64,
    limit: u64,
}

/// Bytes taken from a [`MemoryBudget`]. Dropping it returns them.
#[derive(Debug)]
pub struct Held {
    budget: MemoryBudget,
    bytes: u64,
}

// === impl MemoryBudget ===

impl MemoryBudget {
    /// Returns a budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Shared {
            used: AtomicU64::new(0),
            limit,
        }))
    }

    /// Returns how many bytes are taken now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns the limit, in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns a share of the budget that is empty at first.
    #[must_use]
    pub fn hold(&self) -> Held {
        Held {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

// === impl Held ===

impl Held {
    /// Grows the share to `bytes`. Returns false, and takes nothing, if that exceeds the limit.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let shared = &self.budget.0;
        let taken = shared
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more).filter(|&sum| sum <= shared.limit)
            });
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back_and_the_limit_holds() {
        let budget = MemoryBudget::new(10);
        let (mut a, mut b) = (budget.hold(), budget.hold());
        assert!(a.grow_to(6) && !b.grow_to(5) && b.grow_to(4) && !a.grow_to(7));
        assert_eq!(budget.used(), 10);
        drop(a);
        assert!(b.grow_to(10));
        drop(b);
        assert_eq!(budget.used(), 0);
    }
}
