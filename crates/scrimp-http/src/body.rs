//! Presence of a request body, and the length that a message announces.

use http::{HeaderMap, Request, Version, header};
use http_body::Body;

use crate::{list::digits, names::repeats_none};

/// Presence of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The request has no body, or an empty one.
    Absent,
    /// The request has a body.
    Present,
    /// Only the first frame tells: a chunked body, an HTTP/2 request whose header fields do not
    /// end the stream, or a stream of unknown length in a request made by this program.
    Unknown,
}

// === impl Presence ===

impl Presence {
    /// Determines the presence without reading the body: from its end, its length and the
    /// framing of the request.
    ///
    /// Layers that limit, time or decode bodies hide their end and their length. Framing still
    /// tells: a received HTTP/1.x request without Content-Length and without Transfer-Encoding
    /// has no body (RFC 9112 §6.3). A request was received if its URI is in origin form or if it
    /// has Host; a request made by this program has neither, and gets its framing fields only
    /// when it is sent. A `Presence` in the request's extensions, set by
    /// [`Peek`](crate::peek::Peek), takes precedence over the absence of framing.
    #[must_use]
    #[inline]
    pub fn of<B: Body>(request: &Request<B>) -> Self {
        if request.body().is_end_stream() {
            return Self::Absent;
        }
        Self::by_length(request)
    }

    fn by_length<B: Body>(request: &Request<B>) -> Self {
        let hint = request.body().size_hint();
        if hint.exact() == Some(0) {
            return Self::Absent;
        }
        if hint.lower() > 0 {
            return Self::Present;
        }
        let headers = request.headers();
        match announced_length(headers) {
            Some(0) => return Self::Absent,
            Some(_) => return Self::Present,
            None if headers.contains_key(header::CONTENT_LENGTH) => return Self::Present,
            None => {}
        }
        if let Some(found) = request.extensions().get() {
            return *found;
        }
        let framed = headers.contains_key(header::TRANSFER_ENCODING);
        match !framed && is_http1(request.version()) && is_received(request) {
            true => Self::Absent,
            false => Self::Unknown,
        }
    }
}

fn is_http1(version: Version) -> bool {
    matches!(
        version,
        Version::HTTP_09 | Version::HTTP_10 | Version::HTTP_11
    )
}

fn is_received<B>(request: &Request<B>) -> bool {
    request.uri().authority().is_none() || request.headers().contains_key(header::HOST)
}

/// Returns the length that Content-Length announces. `None` if the field is absent, is not a
/// number, or has different values (RFC 9110 §8.6).
#[must_use]
pub fn announced_length(headers: &HeaderMap) -> Option<u64> {
    if repeats_none(headers) {
        return digits(headers.get(header::CONTENT_LENGTH)?.as_bytes());
    }
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let line = lines.next()?;
    let same = lines.all(|other| other == line);
    digits(line.as_bytes()).filter(|_| same)
}

/// Reports whether Content-Length is repeated with different values.
#[must_use]
pub fn lengths_differ(headers: &HeaderMap) -> bool {
    if repeats_none(headers) {
        return false;
    }
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let first = lines.next();
    lines.any(|line| Some(line) != first)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use bytes::Bytes;
    use http_body::{Frame, SizeHint};
    use http_body_util::{Empty, Full};

    use super::*;

    /// A body that hides its end and its length, as wrappers do.
    struct Hidden(SizeHint);

    impl Body for Hidden {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(None)
        }

        fn size_hint(&self) -> SizeHint {
            self.0
        }
    }

    fn hidden(uri: &str, version: Version, fields: &[(&str, &str)]) -> Presence {
        let mut request = Request::get(uri).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Presence::of(&request.body(Hidden(SizeHint::default())).unwrap())
    }

    #[test]
    fn the_end_and_the_length_of_a_body_show_its_presence() {
        let of = |body: Full<Bytes>| Presence::of(&Request::new(body));
        assert_eq!(of(Full::default()), Presence::Absent);
        assert_eq!(of("x".into()), Presence::Present);
        assert_eq!(
            Presence::of(&Request::new(Empty::<Bytes>::new())),
            Presence::Absent
        );
        let exact = Request::new(Hidden(SizeHint::with_exact(0)));
        assert_eq!(Presence::of(&exact), Presence::Absent);
    }

    #[test]
    fn on_http_1_framing_shows_the_presence_in_a_received_request() {
        let host = ("host", "a");
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(hidden("/", version, &[host]), Presence::Absent);
            assert_eq!(hidden("http://a/", version, &[host]), Presence::Absent);
            assert_eq!(hidden("http://a/", version, &[]), Presence::Unknown);
        }
        let http1 = |field| hidden("/", Version::HTTP_11, &[host, field]);
        assert_eq!(http1(("content-length", "0")), Presence::Absent);
        for field in [("content-length", "3"), ("content-length", "x")] {
            assert_eq!(http1(field), Presence::Present, "{field:?}");
        }
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(http1(chunked), Presence::Unknown);
    }

    #[test]
    fn on_http_2_only_the_first_frame_tells_unless_a_length_is_announced() {
        let http2 = |fields: &[(&str, &str)]| hidden("http://a/", Version::HTTP_2, fields);
        assert_eq!(http2(&[]), Presence::Unknown);
        assert_eq!(http2(&[("content-length", "0")]), Presence::Absent);
        assert_eq!(http2(&[("content-length", "1")]), Presence::Present);
    }

    #[test]
    fn a_length_is_one_number() {
        let mut headers = HeaderMap::new();
        assert_eq!(announced_length(&headers), None);
        headers.append("content-length", "5".parse().unwrap());
        assert_eq!(announced_length(&headers), Some(5));
        headers.append("content-length", "5".parse().unwrap());
        assert!(announced_length(&headers) == Some(5) && !lengths_differ(&headers));
        headers.append("content-length", "6".parse().unwrap());
        assert!(announced_length(&headers).is_none() && lengths_differ(&headers));
        headers.insert("content-length", "+5".parse().unwrap());
        assert_eq!(announced_length(&headers), None);
    }
}
