//! The end of a body that is collected.

use http::HeaderMap;
use scrimp_core::BodyEnd;
use scrimp_http::stream::Pieces;

/// Evidence that a body is complete, if its reader leaves.
#[derive(Default)]
pub(crate) struct Ends {
    /// The length that was announced, which the body must have.
    pub(crate) announced: Option<u64>,
    /// The division of a stream, whose last piece may say that none follows.
    pub(crate) pieces: Option<Pieces>,
}

/// A complete body, with these trailers.
pub(super) struct Whole(pub(super) Option<HeaderMap>);

// === impl Ends ===

impl Ends {
    /// Returns the end of a complete body of the announced length, of which `read` bytes were read.
    /// `own` are those bytes, as far as they were collected.
    pub(super) fn whole(&self, end: BodyEnd, own: &[u8], read: u64) -> Option<Whole> {
        let is_done = || self.pieces.as_ref().is_some_and(|one| one.is_done(own));
        let trailers = match end {
            BodyEnd::Complete => None,
            BodyEnd::Trailers(trailers) => Some(trailers),
            // A server stops reading once it has sent the announced length.
            BodyEnd::Dropped if self.announced == Some(read) || is_done() => None,
            BodyEnd::Failed | BodyEnd::Dropped => return None,
        };
        self.announced
            .is_none_or(|length| length == read)
            .then_some(Whole(trailers))
    }
}
