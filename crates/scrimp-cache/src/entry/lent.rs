//! Stored bodies, counted for as long as a client reads them.

use bytes::Bytes;

use super::{Held, MemoryBudget};

/// Length from which a body counts, in bytes. A connection takes as much for its buffers, and so the
/// readers of long bodies cannot keep short ones from being stored.
const LONG: usize = 64 << 10;

/// A body, and its part of a budget, which it returns when nothing refers to it any more.
struct Lent {
    body: Bytes,
    _held: Held,
}

// === impl Lent ===

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// Takes the memory of a long body from a budget until its last copy is dropped: an eviction does
/// not free a body that clients read. `None` if there is not enough.
pub(crate) fn lend(body: Bytes, budget: Option<&MemoryBudget>) -> Option<Bytes> {
    let Some(budget) = budget.filter(|_| body.len() >= LONG) else {
        return Some(body);
    };
    let mut held = budget.hold();
    held.grow_to(body.len() as u64)
        .then(|| Bytes::from_owner(Lent { body, _held: held }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_counts_until_its_last_slice_is_gone() {
        let long = LONG as u64;
        let budget = MemoryBudget::new(2 * long + 1);
        let lend = |length| lend(Bytes::from(vec![b'x'; length]), Some(&budget));
        let body = lend(LONG + 2).expect("there is room");
        let slice = body.slice(2..4);
        drop(body);
        assert!(lend(LONG).is_none() && lend(LONG - 1).is_some());
        assert_eq!((&slice[..], budget.used()), (&b"xx"[..], long + 2));
        drop(slice);
        assert_eq!(budget.used(), 0);
    }
}
