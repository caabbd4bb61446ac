//! Limits of a batch.

use tokio::time::Instant;

use super::{
    size::{Learned, Sizes},
    window::BatchWindow,
};

/// The limits of the lanes of one layer, as configured.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Items in a batch. 1 or more.
    pub(crate) items: usize,
    /// Bytes of all items' bodies.
    pub(crate) bytes: usize,
    /// Sum of the items' weights.
    pub(crate) weight: u64,
    /// Calls of one lane in flight. `None`: any number.
    pub(crate) concurrency: Option<usize>,
    /// Time to collect.
    pub(crate) window: BatchWindow,
}

/// The room of the next batch: the limits as configured, and as learned from the upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space {
    /// 1 or more.
    pub(crate) items: usize,
    pub(crate) bytes: usize,
    pub(crate) weight: u64,
}

// === impl Limits ===

impl Limits {
    /// Returns the room that the next batch has.
    pub(crate) fn space(&self, learned: &Learned, now: Instant) -> Space {
        let Sizes { items, bytes } = learned.limits(now).unwrap_or(Sizes {
            items: usize::MAX,
            bytes: usize::MAX,
        });
        Space {
            items: items.min(self.items),
            bytes: bytes.min(self.bytes),
            weight: self.weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_never_larger_than_configured_whatever_is_learned() {
        let limits = Limits {
            items: 20,
            bytes: 5_000,
            weight: 7,
            concurrency: None,
            window: BatchWindow::fixed(Duration::ZERO),
        };
        let room = |learned: &Learned| {
            let space = limits.space(learned, Instant::now());
            (space.items, space.bytes, space.weight)
        };
        let (mut learned, now) = (Learned::default(), Instant::now());
        assert_eq!(room(&learned), (20, 5_000, 7));
        learned.limited(10, false, now);
        assert_eq!(room(&learned), (10, 5_000, 7));
        for items in 10..100 {
            let size = Sizes {
                items,
                bytes: 100 * items,
            };
            (0..20).for_each(|_| learned.accepted(size, now));
        }
        assert_eq!(room(&learned), (20, 5_000, 7));
    }
}
