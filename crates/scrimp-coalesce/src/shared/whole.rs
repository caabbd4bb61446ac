//! A complete body, and the part of one that is available with its head.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, response::Parts};
use http_body::{Body, Frame, SizeHint};
use scrimp_core::{BoxError, SharedError};
use scrimp_flight::broadcast;
use scrimp_http::body::{announced_length, lengths_differ};

use super::answer::{Answer, Content};

/// Maximum number of available bytes that are read before the head is delivered. A short
/// response then needs no log, and no reader waits for its end.
const READ_AHEAD: usize = 64 << 10;

/// Maximum number of chunks in these bytes.
const CHUNKS_AHEAD: usize = 16;

/// The end of a body.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Clean,
    /// Trailers, boxed because they are rare and large.
    Trailers(Box<HeaderMap>),
    Failed(SharedError),
}

/// A complete body. Most bodies have one chunk, so that a copy of them is cheap.
#[derive(Clone)]
pub(crate) struct Whole {
    first: Bytes,
    /// Further chunks, and an end other than a clean one.
    rest: Option<Arc<Rest>>,
}

struct Rest {
    chunks: Box<[Bytes]>,
    end: End,
}

/// One reader of a complete body.
pub(crate) struct WholeBody {
    left: Whole,
    /// Number of chunks of `rest` that were read.
    read: usize,
}

/// The part of a body that has arrived when its head is delivered.
pub(crate) struct Prefix {
    first: Bytes,
    more: Vec<Bytes>,
    pub(crate) end: Option<End>,
    /// The size hint of the body before its first poll.
    pub(crate) hint: SizeHint,
}

/// A response whose body may still arrive.
pub(crate) struct Arriving {
    pub(crate) head: Parts,
    pub(crate) prefix: Prefix,
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// Time for which the response may be reused once it is complete.
    pub(crate) window: Option<Duration>,
}

// === impl End ===

impl End {
    /// Returns the last frame of a reader.
    pub(crate) fn frame(self) -> Option<Result<Frame<Bytes>, BoxError>> {
        match self {
            Self::Clean => None,
            Self::Trailers(trailers) => Some(Ok(Frame::trailers(*trailers))),
            Self::Failed(error) => Some(Err(error.into())),
        }
    }
}

impl broadcast::End for End {
    fn is_silent(&self) -> bool {
        matches!(self, Self::Clean)
    }

    fn is_sound(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    fn tell(&mut self) -> Self {
        self.clone()
    }
}

// === impl Whole ===

impl Whole {
    pub(crate) fn new(first: Bytes, more: Vec<Bytes>, end: End) -> Self {
        let simple = more.is_empty() && matches!(end, End::Clean);
        let rest = (!simple).then(|| {
            Arc::new(Rest {
                chunks: more.into(),
                end,
            })
        });
        Self { first, rest }
    }

    /// Returns the chunks in order. The first may be empty.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        let rest = self.rest.iter().flat_map(|rest| &rest.chunks);
        std::iter::once(&self.first).chain(rest)
    }

    /// Returns the number of bytes.
    pub(crate) fn length(&self) -> usize {
        self.chunks().map(Bytes::len).sum()
    }

    /// Reports whether the body ended without an error.
    pub(crate) fn is_sound(&self) -> bool {
        !matches!(self.end(), End::Failed(_))
    }

    fn end(&self) -> &End {
        self.rest.as_ref().map_or(&End::Clean, |rest| &rest.end)
    }
}

// === impl WholeBody ===

impl WholeBody {
    pub(crate) fn new(whole: Whole) -> Self {
        Self {
            left: whole,
            read: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        if !self.left.first.is_empty() {
            return Some(Ok(Frame::data(std::mem::take(&mut self.left.first))));
        }
        let rest = self.left.rest.as_ref()?;
        if let Some(chunk) = rest.chunks.get(self.read) {
            self.read += 1;
            return Some(Ok(Frame::data(chunk.clone())));
        }
        let end = rest.end.clone().frame();
        self.left.rest = None;
        end
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let over =
            |rest: &Arc<Rest>| self.read >= rest.chunks.len() && matches!(rest.end, End::Clean);
        self.left.first.is_empty() && self.left.rest.as_ref().is_none_or(over)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let rest = self.left.chunks().skip(1 + self.read);
        let left = self.left.first.len() + rest.map(Bytes::len).sum::<usize>();
        // A failed body may have been longer, and servers omit trailers after an exact length.
        if let End::Failed(_) | End::Trailers(_) = self.left.end() {
            let mut hint = SizeHint::new();
            hint.set_lower(left as u64);
            return hint;
        }
        SizeHint::with_exact(left as u64)
    }
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

    /// Returns the complete body, if it has ended.
    pub(crate) fn whole(self) -> Option<Whole> {
        Some(Whole::new(self.first, self.more, self.end?))
    }

    pub(crate) fn into_chunks(self) -> VecDeque<Bytes> {
        let first = (!self.first.is_empty()).then_some(self.first);
        first.into_iter().chain(self.more).collect()
    }
}

// === impl Arriving ===

impl Arriving {
    pub(crate) fn is_whole(&self) -> bool {
        self.prefix.end.is_some()
    }

    /// Returns the time for which a complete response may be reused from now on.
    pub(crate) fn is_kept(&self, keep: bool) -> Option<Duration> {
        self.window
            .filter(|_| keep && self.prefix.is_sound(&self.head.headers))
    }

    /// Returns the response, if it is complete.
    pub(crate) fn whole(self) -> Option<Arc<Answer>> {
        let content = Content::Whole(self.prefix.whole()?);
        Some(Answer::new(self.head, self.fields, content))
    }
}

/// Polls a body for a chunk, and for its end if the chunk is known to be the last.
pub(crate) fn poll_chunk<B>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<(Bytes, Option<End>)>
where
    B: Body<Data = Bytes> + ?Sized,
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
