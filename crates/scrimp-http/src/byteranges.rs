//! The framing of `multipart/byteranges` bodies (RFC 9110 §14.6).

use std::hash::{BuildHasher, RandomState};

use http::HeaderValue;

use crate::range::{Span, content_range};

/// Text between the parts of a `multipart/byteranges` body, which a sender writes around slices of
/// the representation.
///
/// The boundary has 128 random bits. So no author of a representation can put it there, and the
/// parts need not be searched for it.
///
/// ```
/// use http::HeaderValue;
/// use scrimp_http::byteranges::Framing;
///
/// let text = b"0123456789";
/// let framing = Framing::new(10, Some(HeaderValue::from_static("text/plain")));
/// let mut body = framing.head((0, 2));
/// body.extend(&text[0..2]);
/// body.extend(framing.head((8, 10)));
/// body.extend(&text[8..10]);
/// body.extend(framing.end());
/// assert_eq!(framing.length(&[(0, 2), (8, 10)]), body.len() as u64);
/// ```
#[derive(Debug, Clone)]
pub struct Framing {
    /// Length of the whole representation, in bytes.
    whole: u64,
    kind: Option<HeaderValue>,
    boundary: u128,
}

// === impl Framing ===

impl Framing {
    /// Returns the framing for parts of a representation of `whole` bytes, with this Content-Type.
    #[must_use]
    pub fn new(whole: u64, kind: Option<HeaderValue>) -> Self {
        let random = || RandomState::new().hash_one(whole);
        Self {
            whole,
            kind,
            boundary: u128::from(random()) << 64 | u128::from(random()),
        }
    }

    /// Returns the Content-Type of the multipart body.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        let text = format!("multipart/byteranges; boundary={}", self.boundary());
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("multipart/byteranges"))
    }

    /// Returns the text before the bytes of a part: delimiter and fields.
    #[must_use]
    pub fn head(&self, span: Span) -> Vec<u8> {
        let mut text = format!("\r\n--{}\r\n", self.boundary()).into_bytes();
        if let Some(kind) = &self.kind {
            text.extend_from_slice(b"Content-Type: ");
            text.extend_from_slice(kind.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let range = content_range(span, self.whole);
        text.extend_from_slice(format!("Content-Range: {range}\r\n\r\n").as_bytes());
        text
    }

    /// Returns the text after the last part.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary()).into_bytes()
    }

    /// Returns the length of the multipart body with these parts, in bytes.
    #[must_use]
    pub fn length(&self, parts: &[Span]) -> u64 {
        let end = self.end().len() as u64;
        parts.iter().fold(end, |length, &span| {
            let text = self.head(span).len() as u64;
            length
                .saturating_add(text)
                .saturating_add(span.1.saturating_sub(span.0))
        })
    }

    fn boundary(&self) -> String {
        format!("scrimp-{:032x}", self.boundary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_another_one_for_each_body_and_long_enough_not_to_be_guessed() {
        let boundaries: std::collections::HashSet<_> =
            (0..1000).map(|_| Framing::new(10, None).boundary).collect();
        assert_eq!(boundaries.len(), 1000);
        let differing = |bit: u32| {
            let set = boundaries.iter().filter(|&&one| one >> bit & 1 == 1);
            (300..700).contains(&set.count())
        };
        assert!((0..128).all(differing), "every bit is random");
    }

    #[test]
    fn a_content_type_of_any_bytes_is_repeated_as_it_is() {
        let kind = HeaderValue::from_bytes(b"a/b; x=\xff").expect("a field value");
        let framing = Framing::new(4, Some(kind));
        let head = framing.head((1, 3));
        let field = b"\r\nContent-Type: a/b; x=\xff\r\nContent-Range: bytes 1-2/4\r\n\r\n";
        assert!(head.starts_with(b"\r\n--") && head.ends_with(field));
        let boundary = framing.boundary();
        assert!(
            framing
                .content_type()
                .as_bytes()
                .ends_with(boundary.as_bytes())
        );
        assert_eq!(framing.end(), format!("\r\n--{boundary}--\r\n").as_bytes());
    }
}
