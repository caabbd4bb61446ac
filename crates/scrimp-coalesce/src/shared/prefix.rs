//! The part of a body that is available with its head.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, SizeHint};
use scrimp_core::{BoxError, SharedError};
use scrimp_http::body::{announced_length, lengths_differ};

use crate::shared::whole::{End, Whole};

/// Maximum number of available bytes that are read before the head is delivered. A short
/// response then needs no log, and no reader waits for its end.
const READ_AHEAD: usize = 64 << 10;

/// Maximum number of chunks in these bytes.
const CHUNKS_AHEAD: usize = 16;

/// The part of a body that has arrived when its head is delivered.
pub(crate) struct Prefix {
    first: Bytes,
    more: Vec<Bytes>,
    pub(crate) end: Option<End>,
    /// The size hint of the body before its first poll.
    pub(crate) hint: SizeHint,
}

// === impl Prefix ===

impl Prefix {
    /// Returns the empty prefix of a body that was not polled yet.
    pub(crate) fn new(body: &impl Body) -> Self {
        Self {
            first: Bytes::new(),
            more: Vec::new(),
            end: body.is_end_stream().then_some(End::Clean),
            hint: body.size_hint(),
        }
    }

    /// Reads the available chunks without waiting.
    pub(crate) fn read<B>(&mut self, mut body: Pin<&mut B>, cx: &mut Context<'_>)
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let mut ahead = 0;
        while self.end.is_none() && ahead < READ_AHEAD && self.more.len() < CHUNKS_AHEAD {
            let Poll::Ready((chunk, end)) = poll_chunk(body.as_mut(), cx) else {
                return;
            };
            ahead += chunk.len().max(1);
            self.push(chunk);
            self.end = end;
        }
    }

    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() {
            self.first = chunk;
        } else if !chunk.is_empty() {
            self.more.push(chunk);
        }
    }

    /// Reports whether the body has ended cleanly, at the length that its head announced.
    pub(crate) fn is_sound(&self, headers: &HeaderMap) -> bool {
        let clean = matches!(self.end, Some(End::Clean | End::Trailers(_)));
        let more = self.more.iter().map(Bytes::len).sum::<usize>();
        // A response to HEAD announces the length of a body that it does not have.
        let bodiless = self.hint.exact() == Some(0);
        clean && (bodiless || is_as_long_as_announced(headers, self.first.len() + more))
    }

    /// Takes the complete body, if it has ended.
    pub(crate) fn whole(&mut self) -> Option<Whole> {
        let end = self.end.take()?;
        let first = std::mem::take(&mut self.first);
        Some(Whole::new(first, std::mem::take(&mut self.more), end))
    }

    /// Moves the prefix out, and leaves an empty one.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            first: std::mem::take(&mut self.first),
            more: std::mem::take(&mut self.more),
            end: self.end.take(),
            hint: std::mem::take(&mut self.hint),
        }
    }

    pub(crate) fn into_chunks(self) -> VecDeque<Bytes> {
        let first = (!self.first.is_empty()).then_some(self.first);
        first.into_iter().chain(self.more).collect()
    }
}

/// Polls a body for a chunk, and for its end if the chunk is known to be the last.
pub(crate) fn poll_chunk<B>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<(Bytes, Option<End>)>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    Poll::Ready(match ready!(body.as_mut().poll_frame(cx)) {
        None => (Bytes::new(), Some(End::Clean)),
        Some(Err(error)) => (Bytes::new(), Some(End::Failed(SharedError::new(error)))),
        Some(Ok(frame)) => match frame.into_data() {
            Ok(chunk) => (chunk, body.is_end_stream().then_some(End::Clean)),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                (Bytes::new(), Some(End::Trailers(Box::new(trailers))))
            }
        },
    })
}

/// Reports whether the length of a body agrees with Content-Length, if that is present.
pub(crate) fn is_as_long_as_announced(headers: &HeaderMap, length: usize) -> bool {
    let announced = announced_length(headers);
    !lengths_differ(headers) && announced.is_none_or(|announced| announced == length as u64)
}
