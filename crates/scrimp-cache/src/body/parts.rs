//! Several parts of a stored body in one body (RFC 9110 §14.6).

use std::vec;

use bytes::Bytes;
use http::HeaderValue;
use scrimp_http::{
    byteranges::Framing,
    range::{Span, slice},
};

/// The pieces of a `multipart/byteranges` body: slices of the stored body, and the text between
/// them.
///
/// Each piece is made when it is sent. So a reader holds the text of one part, however slowly it
/// reads and however much it asked for.
pub(crate) struct Parts {
    whole: Bytes,
    framing: Framing,
    spans: vec::IntoIter<Span>,
    /// The part whose text was sent last.
    open: Option<Span>,
    /// Length of the pieces that are left.
    left: u64,
}

// === impl Parts ===

impl Parts {
    /// Returns the pieces of a body with these parts, whose Content-Type is `kind`.
    pub(crate) fn new(whole: Bytes, kind: Option<HeaderValue>, spans: Vec<Span>) -> Self {
        let framing = Framing::new(whole.len() as u64, kind);
        Self {
            left: framing.length(&spans),
            whole,
            framing,
            spans: spans.into_iter(),
            open: None,
        }
    }

    /// Returns the Content-Type of the whole body.
    pub(crate) fn content_type(&self) -> HeaderValue {
        self.framing.content_type()
    }

    /// Returns the length of the pieces that are left, in bytes.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Returns the next piece.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let piece = match self.open.take() {
            Some(span) => slice(&self.whole, span),
            None => {
                self.open = self.spans.next();
                let text = self.open.map(|span| self.framing.head(span));
                text.unwrap_or_else(|| self.framing.end()).into()
            }
        };
        self.left = self.left.saturating_sub(piece.len() as u64);
        Some(piece)
    }
}
