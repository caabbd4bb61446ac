//! Keeping a body while it passes.

use bytes::Bytes;
use http::HeaderMap;
use scrimp_core::{BodyEnd, Sink, extensions::Shared};

use crate::entry::Held;

/// Bytes of an announced body that are taken at once.
const FIRST_STEP: usize = 64 << 10;

/// Collects a body. Only one that ends cleanly, and at the length that was announced, is
/// committed; one that grows past its limit passes on without being kept.
pub(crate) struct BodyCollector(Option<Box<dyn Collect + Send>>);

/// An [`OwnCollector`] whatever it is committed to: one allocation for both.
trait Collect {
    /// Takes a chunk. False if there is no room to be had.
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

/// Holds nothing but the right to store what a shared answer holds.
struct SharedCollector<C> {
    answer: Shared,
    read: u64,
    held: Held,
    limit: u64,
    announced: Option<u64>,
    commit: C,
}

/// A body came in whole, with these trailers.
struct Whole(Option<HeaderMap>);

// === impl BodyCollector ===

impl BodyCollector {
    /// Starts collecting up to `limit` bytes, paid for from `held`. A body that has come in
    /// whole goes to `commit` with its trailers.
    ///
    /// Its memory stays taken until it is stored: a store that takes its time must not let
    /// bodies pile up.
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

    /// Waits for a body that others read too, which is collected elsewhere already: if it is
    /// not stored by the time it has come in whole, this one does.
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

    /// Whether it still collects.
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
            // The announced length saves growing, but beyond a first step it is believed only
            // as far as bytes have come: a reader that stalls must not hold what it announced.
            let doubled = length.max(self.buffer.capacity() * 2).max(FIRST_STEP);
            let announced = self.announced.and_then(|n| usize::try_from(n).ok());
            let generous = match announced {
                Some(announced) if announced >= length => announced.min(doubled),
                _ => length.max(self.buffer.capacity() * 2),
            };
            // Where memory is short, just what is needed may still be had.
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
        // An exact allocation: a stored body holds no more than it weighs.
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

/// Returns the end of a body that has come in whole, of as many bytes as were announced.
fn whole(end: BodyEnd, read: u64, announced: Option<u64>) -> Option<Whole> {
    let trailers = match end {
        BodyEnd::Complete => None,
        BodyEnd::Trailers(trailers) => Some(trailers),
        // A server stops reading once it has sent the length that was announced.
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
