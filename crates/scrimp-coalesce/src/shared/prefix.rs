//! What is there of a body when its head comes.

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

/// So much of a body is read before its head is handed over, as far as it is there already:
/// a short answer then needs no log, and no reader waits for its end.
const READ_AHEAD: usize = 64 << 10;

/// Chunks of that at most.
const CHUNKS_AHEAD: usize = 16;

/// What has come of a body by the time its head is handed over.
pub(crate) struct Prefix {
    first: Bytes,
    more: Vec<Bytes>,
    pub(crate) end: Option<End>,
    /// What the body said of its length before it was polled.
    pub(crate) hint: SizeHint,
}

// === impl Prefix ===

impl Prefix {
    /// What a body that was not polled yet says of itself.
    pub(crate) fn new(body: &impl Body) -> Self {
        Self {
            first: Bytes::new(),
            more: Vec::new(),
            end: body.is_end_stream().then_some(End::Clean),
            hint: body.size_hint(),
        }
    }

    /// Reads what is there without waiting.
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

    /// Whether it has ended cleanly, at the length its head announced.
    pub(crate) fn is_sound(&self, headers: &HeaderMap) -> bool {
        let clean = matches!(self.end, Some(End::Clean | End::Trailers(_)));
        let more = self.more.iter().map(Bytes::len).sum::<usize>();
        // An answer to HEAD announces the length of a body that it does not have.
        let bodiless = self.hint.exact() == Some(0);
        clean && (bodiless || is_as_long_as_announced(headers, self.first.len() + more))
    }

    /// All of it, if it has ended.
    pub(crate) fn whole(&mut self) -> Option<Whole> {
        let end = self.end.take()?;
        let first = std::mem::take(&mut self.first);
        Some(Whole::new(first, std::mem::take(&mut self.more), end))
    }

    /// The same, in another place.
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

/// Polls a body for a chunk, and for its end if that is known with the chunk.
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

/// Returns whether a body is as long as Content-Length says, if it says so.
pub(crate) fn is_as_long_as_announced(headers: &HeaderMap, length: usize) -> bool {
    let announced = announced_length(headers);
    !lengths_differ(headers) && announced.is_none_or(|announced| announced == length as u64)
}
