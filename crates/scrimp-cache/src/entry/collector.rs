//! Collecting a body while it is passed on.

use bytes::Bytes;
use http::HeaderMap;
use scrimp_core::{BodyEnd, Sink, extensions::Shared};

use crate::entry::Held;

/// Bytes of an announced body that are reserved at once.
const FIRST_STEP: usize = 64 << 10;

/// Collects a body. It is committed only if it ends cleanly and at the announced length. A body
/// above its limit is passed on without being stored.
pub(crate) struct BodyCollector(Option<Box<dyn Collect + Send>>);

/// An [`OwnCollector`] with any commit function: one allocation for both.
trait Collect {
    /// Takes a chunk. Returns false if there is no room.
    fn take(&mut self, chunk: &Bytes) -> bool;

    fn end(self: Box<Self>, end: BodyEnd);
}

struct OwnCollector<C> {
    buffer: Vec<u8>,
    held: Held,
    limit: u64,
    announced: Option<u64>,
    commit: C,
}

/// A collector without a buffer, which can store the body of a shared response.
struct SharedCollector<C> {
    answer: Shared,
    read: u64,
    held: Held,
    limit: u64,
    announced: Option<u64>,
    commit: C,
}

/// A complete body, with these trailers.
struct Whole(Option<HeaderMap>);

// === impl BodyCollector ===

impl BodyCollector {
    /// Starts collecting up to `limit` bytes, taken from `held`. A complete body goes to `commit`
    /// with its trailers.
    ///
    /// Its memory stays taken until it is stored, so that bodies do not pile up behind a slow
    /// store.
    pub(crate) fn new<C>(held: Held, limit: u64, announced: Option<u64>, commit: C) -> Self
    where
        C: FnOnce(Bytes, Option<HeaderMap>, Held) + Send + 'static,
    {
        Self(Some(Box::new(OwnCollector {
            buffer: Vec::new(),
            held,
            limit,
            announced,
            commit,
        })))
    }

    /// Waits for a shared body that another collector collects. If that one has not stored the
    /// body by its end, this one does.
    pub(crate) fn shared<C>(
        answer: Shared,
        held: Held,
        limit: u64,
        announced: Option<u64>,
        commit: C,
    ) -> Self
    where
        C: FnOnce(Bytes, Option<HeaderMap>, Held) + Send + 'static,
    {
        Self(Some(Box::new(SharedCollector {
            answer,
            read: 0,
            held,
            limit,
            announced,
            commit,
        })))
    }

    /// Reports whether it still collects.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

impl<C: FnOnce(Bytes, Option<HeaderMap>, Held)> Collect for OwnCollector<C> {
    fn take(&mut self, chunk: &Bytes) -> bool {
        let length = self.buffer.len() + chunk.len();
        if length as u64 > self.limit {
            return false;
        }
        if length > self.buffer.capacity() {
            // The announced length saves growing. Beyond a first step it counts only as far as
            // bytes have come: a reader that stalls must not hold the memory it announced.
            let doubled = length.max(self.buffer.capacity() * 2).max(FIRST_STEP);
            let announced = self.announced.and_then(|n| usize::try_from(n).ok());
            let generous = match announced {
                Some(announced) if announced >= length => announced.min(doubled),
                _ => length.max(self.buffer.capacity() * 2),
            };
            // If memory is short, the exact need may still be available.
            let granted = [generous, length]
                .into_iter()
                .find(|&capacity| self.held.grow_to(capacity as u64));
            let Some(capacity) = granted else {
                return false;
            };
            self.buffer.reserve_exact(capacity - self.buffer.len());
        }
        self.buffer.extend_from_slice(chunk);
        true
    }

    fn end(self: Box<Self>, end: BodyEnd) {
        let Some(Whole(trailers)) = whole(end, self.buffer.len() as u64, self.announced) else {
            return;
        };
        // The allocation is exact: a stored body takes no more memory than its weight.
        let body = Bytes::from(self.buffer.into_boxed_slice());
        (self.commit)(body, trailers, self.held);
    }
}

impl<C: FnOnce(Bytes, Option<HeaderMap>, Held)> Collect for SharedCollector<C> {
    fn take(&mut self, chunk: &Bytes) -> bool {
        self.read += chunk.len() as u64;
        self.read <= self.limit
    }

    fn end(self: Box<Self>, end: BodyEnd) {
        let mut this = *self;
        if let Some(Whole(trailers)) = whole(end, this.read, this.announced)
            && !this.answer.is_committed()
            && let Some(chunks) = this.answer.chunks()
            && this.held.grow_to(this.read)
            && this.answer.commit()
        {
            let body = Bytes::from(chunks.concat().into_boxed_slice());
            (this.commit)(body, trailers, this.held);
        }
    }
}

/// Returns the end of a complete body of the announced length.
fn whole(end: BodyEnd, read: u64, announced: Option<u64>) -> Option<Whole> {
    let trailers = match end {
        BodyEnd::Complete => None,
        BodyEnd::Trailers(trailers) => Some(trailers),
        // A server stops reading once it has sent the announced length.
        BodyEnd::Dropped if announced == Some(read) => None,
        BodyEnd::Failed | BodyEnd::Dropped => return None,
    };
    announced
        .is_none_or(|length| length == read)
        .then_some(Whole(trailers))
}

impl Sink for BodyCollector {
    fn data(&mut self, chunk: &Bytes) {
        if let Some(open) = &mut self.0
            && !open.take(chunk)
        {
            self.0 = None;
        }
    }

    fn end(self, end: BodyEnd) {
        if let Some(open) = self.0 {
            open.end(end);
        }
    }
}
