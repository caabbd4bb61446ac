//! A complete body.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use scrimp_core::{BoxError, SharedError};
use scrimp_flight::broadcast;

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
