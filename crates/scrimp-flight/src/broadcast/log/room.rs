//! Room in a log: which chunks may be dropped, and which readers are waited for first.

use std::time::Duration;

use tokio::time::Instant;

use super::{Channel, Log, Woken};

/// Room for another chunk.
pub(in crate::broadcast) enum Room {
    Free,
    /// None until the readers furthest behind have read on, or this time has passed.
    Wait(Duration),
}

// === impl Log ===

impl<C: Channel> Log<C> {
    /// Takes the wakers of readers that can go on because a reader has read on, or has left.
    pub(in crate::broadcast) fn relieved(&mut self, limit: usize) -> Option<Woken> {
        self.full_since?;
        self.forget_read();
        if self.held >= limit {
            return None;
        }
        self.full_since = None;
        Some(self.waiting())
    }

    /// Makes room for another chunk. Readers that would be cut off are given `patience` first,
    /// once in their lives. A reader that only waits for its turn reads on in that time. A slow
    /// reader delays the others for no longer than that.
    pub(in crate::broadcast) fn room(&mut self, limit: usize, patience: Duration) -> Room {
        if self.held < limit {
            return Room::Free;
        }
        self.forget_read();
        if self.held < limit {
            self.full_since = None;
            return Room::Free;
        }
        let waited = self.full_since.get_or_insert_with(Instant::now).elapsed();
        let base = self.base;
        let behind = self
            .places
            .iter()
            .flatten()
            .filter(|place| place.at == base);
        let debts = behind.map(|place| place.debt);
        let debts = debts.chain(self.is_awaited().then_some(Duration::ZERO));
        let left = debts
            .map(|debt| patience.saturating_sub(debt + waited))
            .max();
        match left {
            Some(left) if !left.is_zero() => Room::Wait(left),
            _ => {
                self.full_since = None;
                while self.held >= limit {
                    self.forget(1);
                }
                Room::Free
            }
        }
    }

    /// Drops the chunks that all remaining readers have read.
    fn forget_read(&mut self) {
        if self.is_awaited() {
            return;
        }
        let reading = self.places.iter().flatten().map(|place| place.at);
        let slowest = reading.filter(|&at| at >= self.base).min();
        let read = slowest.unwrap_or(self.base) - self.base;
        self.forget(usize::try_from(read).unwrap_or(usize::MAX));
    }

    /// Returns whether readers may still come that need the first byte.
    fn is_awaited(&self) -> bool {
        self.awaited && self.base == 0
    }

    /// Closes the log at the limit: its beginning may be dropped from now on.
    pub(in crate::broadcast) fn close_from(&mut self, limit: usize) {
        self.open &= self.held < limit;
        self.forget_at_once();
    }

    /// Drops the chunks that the only reader of a closed log has read. With several readers this
    /// is done when room is needed.
    pub(super) fn forget_at_once(&mut self) {
        if !self.open && self.readers() == 1 && !self.awaited {
            self.forget_read();
        }
    }

    /// Drops all chunks.
    pub(in crate::broadcast) fn clear(&mut self) {
        self.forget(usize::MAX);
    }

    fn forget(&mut self, count: usize) {
        let count = count.min(self.chunks.len());
        let forgotten = self.chunks.drain(..count);
        self.held -= forgotten.map(|chunk| chunk.len()).sum::<usize>();
        self.base += count as u64;
    }
}
