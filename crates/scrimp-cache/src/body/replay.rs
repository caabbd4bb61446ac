//! A stored stream, sent again as a stream.

use bytes::Bytes;
use http::{HeaderMap, header};
use scrimp_http::stream::Pieces;

use crate::entry::{Entry, Extras};

/// The division of a stored stream. Each piece is sent as one frame, so that a reader gets events and
/// not one lump.
pub(crate) struct Replay {
    pieces: Pieces,
    trailers: Option<HeaderMap>,
    /// The response has a Content-Length.
    announced: bool,
}

// === impl Replay ===

impl Replay {
    pub(crate) fn of(entry: &Entry, extras: &Extras) -> Option<Self> {
        Some(Self {
            pieces: extras.pieces.clone()?,
            trailers: extras.trailers.clone(),
            announced: entry.headers.get(&header::CONTENT_LENGTH).is_some(),
        })
    }

    /// Removes the next piece from the rest of the body, and returns it.
    pub(crate) fn next(&self, rest: &mut Bytes) -> Bytes {
        self.pieces.split_off(rest)
    }

    /// Reports whether the length of the body was announced, and can be.
    pub(crate) fn is_announced(&self) -> bool {
        self.announced && !self.has_trailers()
    }

    pub(crate) fn has_trailers(&self) -> bool {
        self.trailers.is_some()
    }

    pub(crate) fn into_trailers(self) -> Option<HeaderMap> {
        self.trailers
    }
}
