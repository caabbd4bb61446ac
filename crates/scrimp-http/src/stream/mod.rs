//! Streams: contents that come in pieces, each of use before the next one is there.
//!
//! | media type | a piece | a clean end |
//! |---|---|---|
//! | `text/event-stream` (WHATWG HTML §9.2) | an event, or a comment, up to its blank line | a blank line, and no event that reports an error |
//! | lines of JSON | a line with its line feed | a line feed |
//! | `application/json-seq` (RFC 7464) | a text with its record separator and line feed | a line feed |
//! | `multipart/*` (RFC 2046 §5.1) | a part with the delimiter behind it | the close delimiter |
//! | `application/grpc` | a message with its prefix | a whole message, and the trailer `grpc-status: 0` |
//! | `application/vnd.amazon.eventstream` | a message with its prelude | a whole message |
//! | other types, and any with a content coding | none | unknown |
//!
//! [`is_stream`](crate::media_type::is_stream) tells which media types are streams.

mod pieces;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::{
    coding::is_coded,
    list::{parameter, unquote, with_parameters},
    media_type,
};

/// The way in which a content is divided into pieces.
///
/// ```
/// use bytes::Bytes;
/// use http::HeaderMap;
/// use scrimp_http::stream::Pieces;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("content-type", "text/event-stream".parse().unwrap());
/// let pieces = Pieces::of(&headers).expect("a stream");
///
/// let mut body = Bytes::from("data: one\n\ndata: two\n\n");
/// assert!(pieces.is_clean(&body, None));
/// assert_eq!(pieces.split_off(&mut body), "data: one\n\n");
/// assert_eq!(pieces.split_off(&mut body), "data: two\n\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Events,
    Lines,
    Sequence,
    /// Parts between lines that begin with this delimiter.
    Parts(Box<[u8]>),
    Grpc,
    /// Messages that begin with their length.
    Messages,
    /// Content that only its reader can divide.
    Opaque,
}

/// The first piece of a content.
struct Cut {
    length: usize,
    /// No piece may follow it.
    last: bool,
}

// === impl Pieces ===

impl Pieces {
    /// Returns the pieces of a message's content. `None` if it is no
    /// [stream](crate::media_type::is_stream).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::of_type(headers.get(header::CONTENT_TYPE)?, headers)
    }

    /// Returns the same, for the first line of Content-Type, which the caller has read.
    #[must_use]
    #[inline]
    pub fn of_type(kind: &HeaderValue, headers: &HeaderMap) -> Option<Self> {
        media_type::is_stream_type(kind).then(|| Self::of_stream(kind, headers))
    }

    fn of_stream(kind: &HeaderValue, headers: &HeaderMap) -> Self {
        Self(match () {
            () if is_coded(headers) => Kind::Opaque,
            () if media_type::is_event_stream(headers) => Kind::Events,
            () if media_type::is_json_lines(headers) => Kind::Lines,
            () if media_type::is_json_sequence(headers) => Kind::Sequence,
            () if media_type::is_grpc(headers) => Kind::Grpc,
            () if media_type::is_multipart(headers) => {
                let mut parameters = with_parameters(kind.as_bytes()).1;
                let delimiter = parameters.find_map(delimiter);
                delimiter.map_or(Kind::Opaque, Kind::Parts)
            }
            () if media_type::is_framed(headers) => Kind::Messages,
            () => Kind::Opaque,
        })
    }

    /// Reports whether the pieces and the end of the content can be found.
    #[must_use]
    pub fn are_known(&self) -> bool {
        self.0 != Kind::Opaque
    }

    /// Removes the first piece from a content that is there as a whole, and returns it. What is no
    /// piece, such as the rest of a content that was cut short, is returned as one.
    #[must_use]
    pub fn split_off(&self, content: &mut Bytes) -> Bytes {
        let length = self.first(content).map_or(content.len(), |cut| cut.length);
        content.split_to(length)
    }

    /// Reports whether a content that was read to its end has ended between two pieces, and reports
    /// no failure. A stream that was cut short may look complete to HTTP.
    #[must_use]
    pub fn is_clean(&self, content: &[u8], trailers: Option<&HeaderMap>) -> bool {
        if self.0 == Kind::Grpc && !trailers.is_some_and(is_ok) {
            return false;
        }
        let mut last = None;
        let mut rest = content;
        while !rest.is_empty() {
            let Some(cut) = self.first(rest) else {
                return false;
            };
            let (piece, behind) = rest.split_at(cut.length);
            if self.0 == Kind::Events && pieces::is_error(piece) {
                return false;
            }
            (last, rest) = (Some(cut), behind);
        }
        match self.0 {
            Kind::Events => last.is_some(),
            Kind::Parts(_) => last.is_some_and(|cut| cut.last),
            Kind::Lines | Kind::Sequence | Kind::Grpc | Kind::Messages => true,
            Kind::Opaque => false,
        }
    }

    /// Reports whether the last piece of a content says that none follows, though the content has
    /// not ended: `data: [DONE]`, which APIs of language models send last. Their clients read no
    /// further.
    #[must_use]
    pub fn is_done(&self, content: &[u8]) -> bool {
        self.0 == Kind::Events && pieces::is_done(content)
    }

    fn first(&self, content: &[u8]) -> Option<Cut> {
        let length = match &self.0 {
            Kind::Events => pieces::event(content),
            Kind::Lines => pieces::line(content),
            Kind::Sequence => pieces::record(content),
            Kind::Parts(delimiter) => return pieces::part(content, delimiter),
            Kind::Grpc => pieces::message(content),
            Kind::Messages => pieces::frame(content),
            Kind::Opaque => None,
        };
        length.map(|length| Cut {
            length,
            last: false,
        })
    }
}

/// Returns the beginning of the lines between parts, if this parameter gives the boundary.
fn delimiter(text: &[u8]) -> Option<Box<[u8]>> {
    let (name, value) = parameter(text);
    let value = unquote(value?);
    let is_boundary = name.eq_ignore_ascii_case(b"boundary") && !value.is_empty();
    is_boundary.then(|| [b"--", &*value].concat().into())
}

/// Reports whether trailers say that a call of gRPC has succeeded.
fn is_ok(trailers: &HeaderMap) -> bool {
    let mut status = trailers.get_all("grpc-status").iter();
    status.next().is_some_and(|status| status == "0") && status.next().is_none()
}

#[cfg(test)]
mod tests;
