//! Room in a log: what may be forgotten, and who has to be waited for before it is.

use std::time::Duration;

use tokio::time::Instant;

use super::{Channel, Log, Woken};

/// Tells whether there is room for another chunk.
pub(in crate::broadcast) enum Room {
    Free,
    /// Not before those who are furthest behind have read on, or for this long.
    Wait(Duration),
}

// === impl Log ===

impl<C: Channel> Log<C> {
    /// Takes those who can go on now because a reader has read on, or has left.
    pub(in crate::broadcast) fn relieved(&mut self, limit: usize) -> Option<Woken> {
        self.full_since?;
        self.forget_read();
        if self.held >= limit {
            return None;
        }
        self.full_since = None;
        Some(self.waiting())
    }

    /// Makes room for another chunk. Where it takes cutting readers off, they are given
    /// `patience` first, once in their lives: one that is merely not its turn yet reads on, and
    /// one that is slow does not hold the others up for longer than that.
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

    /// Forgets what all have read who are not cut off yet.
    fn forget_read(&mut self) {
        if self.is_awaited() {
            return;
        }
        let reading = self.places.iter().flatten().map(|place| place.at);
        let slowest = reading.filter(|&at| at >= self.base).min();
        let read = slowest.unwrap_or(self.base) - self.base;
        self.forget(usize::try_from(read).unwrap_or(usize::MAX));
    }

    /// Returns whether some may still come who need the first byte.
    fn is_awaited(&self) -> bool {
        self.awaited && self.base == 0
    }

    /// Closes the log at the limit: its beginning may be forgotten from now on.
    pub(in crate::broadcast) fn close_from(&mut self, limit: usize) {
        self.open &= self.held < limit;
        self.forget_at_once();
    }

    /// Forgets what the only reader of a closed log has read. Where there are several, they are
    /// looked through when there has to be room.
    pub(super) fn forget_at_once(&mut self) {
        if !self.open && self.readers() == 1 && !self.awaited {
            self.forget_read();
        }
    }

    /// Forgets all there is.
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
