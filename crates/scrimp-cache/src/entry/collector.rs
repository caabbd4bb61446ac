//! Collecting a body while it is passed on, and the memory for it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::HeaderMap;
use scrimp_core::{BodyEnd, Sink, extensions::Shared};

use super::ends::{Ends, Whole};
use crate::policy::refusal::Refusal;

/// Bytes of an announced body that are reserved at once.
const FIRST_STEP: usize = 64 << 10;

/// A limit on memory, in bytes, shared by many fills.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Used>);

#[derive(Debug)]
struct Used {
    bytes: AtomicU64,
    limit: u64,
    /// Memory that the budget borrows from, if it is not all its own.
    room: Option<Borrowed>,
}

#[derive(Debug)]
struct Borrowed {
    room: Weak<dyn Room>,
    /// Bytes in use that are the budget's own, and the number of all of those.
    own: AtomicU64,
    all_own: u64,
}

/// The place that bytes were taken from.
enum Source {
    Own,
    Room,
}

/// Memory that a budget shares with others.
pub(super) trait Room: Send + Sync {
    /// Takes bytes for a borrower that holds this many in all. Returns false, and takes nothing, if
    /// there is not enough.
    fn take(&self, bytes: u64, in_all: u64) -> bool;

    /// Gives bytes back.
    fn give_back(&self, bytes: u64);
}

/// Bytes taken from a [`MemoryBudget`]. Dropping it returns them.
#[derive(Debug)]
pub struct Held {
    budget: MemoryBudget,
    bytes: u64,
    /// Part of `bytes` that is not the budget's own.
    borrowed: u64,
}

/// Collects a body. It is committed only if it ends cleanly and at the announced length. A body
/// above its limit is passed on without being stored.
pub(crate) struct BodyCollector(Option<Box<dyn Collect + Send>>);

/// A [`Collector`] with any commit function: one allocation for both.
trait Collect {
    /// Takes a chunk, if there is room.
    fn take(&mut self, chunk: &Bytes) -> Result<(), Refusal>;

    /// Ends without a body.
    fn refuse(self: Box<Self>, refusal: Refusal);

    fn end(self: Box<Self>, end: BodyEnd);
}

struct Collector<C> {
    chunks: Chunks,
    held: Held,
    limit: u64,
    ends: Ends,
    commit: C,
}

/// The chunks read so far.
enum Chunks {
    Own(Vec<u8>),
    /// The body of a shared response, which has the chunks. This is how many bytes were read.
    Shared(Shared, u64),
}

/// A body that was collected, and the memory that it takes until it is stored.
pub(crate) struct Collected {
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) held: Held,
}

// === impl MemoryBudget ===

impl MemoryBudget {
    /// Returns a budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Used {
            bytes: AtomicU64::new(0),
            limit,
            room: None,
        }))
    }

    /// Returns a budget of at most `limit` bytes. `own` of them are its own, and others are borrowed
    /// when they are needed.
    pub(super) fn within(limit: u64, own: u64, room: Weak<dyn Room>) -> Self {
        Self(Arc::new(Used {
            bytes: AtomicU64::new(0),
            limit,
            room: Some(Borrowed {
                room,
                own: AtomicU64::new(0),
                all_own: own,
            }),
        }))
    }

    /// Returns how many bytes are taken now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
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
            borrowed: 0,
        }
    }
}

// === impl Held ===

impl Held {
    /// Grows the share to `bytes`. Returns false, and takes nothing, if that exceeds the limit.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let used = &self.budget.0;
        // Nothing is borrowed for what is over the limit.
        if more > 0 && !add(&used.bytes, more, used.limit) {
            return false;
        }
        match used
            .room
            .as_ref()
            .map(|room| room.take(more, self.bytes + more))
        {
            Some(None) => {
                used.bytes.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
            Some(Some(Source::Room)) => self.borrowed += more,
            Some(Some(Source::Own)) | None => {}
        }
        self.bytes += more;
        true
    }
}

/// Adds to a count of bytes, if it is then at most `limit`.
fn add(count: &AtomicU64, bytes: u64, limit: u64) -> bool {
    let sum = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= limit);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum)
        .is_ok()
}

// === impl Borrowed ===

impl Borrowed {
    fn take(&self, bytes: u64, in_all: u64) -> Option<Source> {
        if add(&self.own, bytes, self.all_own) {
            return Some(Source::Own);
        }
        // Without its store, the memory has no other users.
        let room = self.room.upgrade();
        let taken = room.is_none_or(|room| room.take(bytes, in_all));
        taken.then_some(Source::Room)
    }

    fn give_back(&self, own: u64, borrowed: u64) {
        self.own.fetch_sub(own, Ordering::Relaxed);
        if let Some(room) = self.room.upgrade().filter(|_| borrowed > 0) {
            room.give_back(borrowed);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let used = &self.budget.0;
        used.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(room) = &used.room {
            room.give_back(self.bytes - self.borrowed, self.borrowed);
        }
    }
}

// === impl BodyCollector ===

impl BodyCollector {
    /// Starts collecting up to `limit` bytes, taken from `held`. A complete body goes to `commit`
    /// with its trailers, or the reason why there is none.
    ///
    /// Its memory stays taken until it is stored, so that bodies do not pile up behind a slow
    /// store. With `shared`, another collector collects the body of that shared response. If that
    /// one has not stored the body by its end, this one does.
    pub(crate) fn new<C>(
        shared: Option<Shared>,
        held: Held,
        limit: u64,
        ends: Ends,
        commit: C,
    ) -> Self
    where
        C: FnOnce(Result<Collected, Refusal>) + Send + 'static,
    {
        let own = Chunks::Own(Vec::new());
        Self(Some(Box::new(Collector {
            chunks: shared.map_or(own, |answer| Chunks::Shared(answer, 0)),
            held,
            limit,
            ends,
            commit,
        })))
    }

    /// Reports whether it still collects.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl Sink for BodyCollector {
    fn data(&mut self, chunk: &Bytes) {
        if let Some(open) = &mut self.0
            && let Err(refusal) = open.take(chunk)
            && let Some(open) = self.0.take()
        {
            open.refuse(refusal);
        }
    }

    fn end(self, end: BodyEnd) {
        if let Some(open) = self.0 {
            open.end(end);
        }
    }
}

// === impl Collector ===

impl<C: FnOnce(Result<Collected, Refusal>)> Collect for Collector<C> {
    fn take(&mut self, chunk: &Bytes) -> Result<(), Refusal> {
        let buffer = match &mut self.chunks {
            Chunks::Own(buffer) => buffer,
            Chunks::Shared(_, read) => {
                *read += chunk.len() as u64;
                return match *read <= self.limit {
                    true => Ok(()),
                    false => Err(Refusal::TooLarge),
                };
            }
        };
        let length = buffer.len() + chunk.len();
        if length as u64 > self.limit {
            return Err(Refusal::TooLarge);
        }
        if length > buffer.capacity() {
            // The announced length saves growing. Beyond a first step it counts only as far as
            // bytes have come: a reader that stalls must not hold the memory it announced.
            let doubled = length.max(buffer.capacity() * 2).max(FIRST_STEP);
            let announced = self.ends.announced.and_then(|n| usize::try_from(n).ok());
            let generous = match announced {
                Some(announced) if announced >= length => announced.min(doubled),
                _ => length.max(buffer.capacity() * 2),
            };
            // If memory is short, the exact need may still be available.
            let granted = [generous, length]
                .into_iter()
                .find(|&capacity| self.held.grow_to(capacity as u64));
            let capacity = granted.ok_or(Refusal::NoMemory)?;
            buffer.reserve_exact(capacity - buffer.len());
        }
        buffer.extend_from_slice(chunk);
        Ok(())
    }

    fn refuse(self: Box<Self>, refusal: Refusal) {
        // The body of a shared response is the business of the collector that has it.
        if matches!(self.chunks, Chunks::Own(_)) {
            (self.commit)(Err(refusal));
        }
    }

    fn end(mut self: Box<Self>, end: BodyEnd) {
        let (own, read) = match &self.chunks {
            Chunks::Own(buffer) => (&buffer[..], buffer.len() as u64),
            Chunks::Shared(_, read) => (&[][..], *read),
        };
        let Some(Whole(trailers)) = self.ends.whole(end, own, read) else {
            return self.refuse(Refusal::Incomplete);
        };
        // The allocation is exact: a stored body takes no more memory than its weight.
        let body = match self.chunks {
            Chunks::Own(buffer) => buffer.into_boxed_slice(),
            Chunks::Shared(answer, read) => {
                if !answer.is_committed()
                    && let Some(chunks) = answer.chunks()
                    && self.held.grow_to(read)
                    && answer.commit()
                {
                    chunks.concat().into_boxed_slice()
                } else {
                    return;
                }
            }
        };
        (self.commit)(Ok(Collected {
            body: Bytes::from(body),
            trailers,
            held: self.held,
        }));
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
