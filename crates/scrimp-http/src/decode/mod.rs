//! Decoding of bodies in content codings (RFC 9110 §8.4.1): gzip, deflate, br (RFC 7932) and zstd
//! (RFC 8878).
//!
//! A layer that reads a body needs the bytes of its media type. It asks the upstream for no coding
//! ([`ask_for_identity`](crate::coding::ask_for_identity)) where it writes the request itself, and
//! decodes a copy where it passes the body on.
//!
//! A few bytes can stand for gigabytes, so every function has a limit on the decoded bytes. At most
//! [`PIECE`] of them are in memory at a time, beside the window of each coding: 32 KiB for gzip and
//! deflate, 16 MiB for br, 8 MiB for zstd (RFC 9659).

mod error;
mod stage;
#[cfg(test)]
mod tests;
mod zstd;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};

pub use error::DecodeError;
use stage::Stage;

use crate::{coding, etag};

/// The largest piece of decoded bytes that a [`Decoder`] hands out at once.
pub const PIECE: usize = 8 << 10;

/// Largest number of codings of one body that are decoded.
const MOST: usize = 3;

/// Decodes a body piece by piece, as it comes.
///
/// ```
/// # use std::io::Write;
/// use http::HeaderMap;
/// use scrimp_http::decode::{DecodeError, Decoder};
///
/// # let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
/// # gzip.write_all(b"hello").unwrap();
/// # let frames = [gzip.finish().unwrap()];
/// let mut headers = HeaderMap::new();
/// headers.insert("content-encoding", "gzip".parse().unwrap());
///
/// let mut text = Vec::new();
/// let mut decoder = Decoder::of(&headers, 1 << 20)?;
/// for frame in frames {
///     decoder.push(&frame, |piece| text.extend_from_slice(piece))?;
/// }
/// decoder.end(|piece| text.extend_from_slice(piece))?;
/// assert_eq!(text, b"hello");
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// In the order of decoding: the coding that was applied last comes first.
    stages: Vec<Stage>,
    /// Decoded bytes that are still allowed.
    left: u64,
    most: u64,
    begun: bool,
    /// The first error. It stays.
    failed: Option<DecodeError>,
}

// === impl Decoder ===

impl Decoder {
    /// Returns a decoder of the codings that Content-Encoding names, for up to `most` decoded bytes.
    /// Without a coding it hands out the bytes as they are.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unknown`] if a coding is not known, or if there are more than three.
    pub fn of(headers: &HeaderMap, most: u64) -> Result<Self, DecodeError> {
        let codings: Vec<_> = coding::codings(headers).take(MOST + 1).collect();
        if codings.len() > MOST {
            return Err(DecodeError::Unknown);
        }
        let stages = codings.into_iter().rev().map(Stage::of);
        Ok(Self {
            stages: stages.collect::<Option<_>>().ok_or(DecodeError::Unknown)?,
            left: most,
            most,
            begun: false,
            failed: None,
        })
    }

    /// Decodes the next bytes, and hands the result to `sink` in pieces of up to [`PIECE`] bytes.
    ///
    /// # Errors
    ///
    /// If the bytes are malformed, or decode to more than the limit. The same error is returned by
    /// all later calls.
    pub fn push(&mut self, data: &[u8], sink: impl FnMut(&[u8])) -> Result<(), DecodeError> {
        self.begun |= !data.is_empty();
        self.run(data, false, sink)
    }

    /// Ends the body. An empty body is valid in every coding: a response to HEAD has none.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if the body is incomplete, or the error of an earlier call.
    pub fn end(&mut self, sink: impl FnMut(&[u8])) -> Result<(), DecodeError> {
        match self.begun {
            true => self.run(&[], true, sink),
            false => Ok(()),
        }
    }

    fn run(
        &mut self,
        data: &[u8],
        over: bool,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let (left, most) = (&mut self.left, self.most);
        let mut count = |piece: &[u8]| {
            let rest = left.checked_sub(piece.len() as u64);
            *left = rest.ok_or(DecodeError::TooLong(most))?;
            sink(piece);
            Ok(())
        };
        let result = through(&mut self.stages, data, over, &mut count);
        self.failed = result.err();
        result
    }
}

/// Takes the decoded bytes of a stage.
type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), DecodeError>;

/// Sends bytes through all stages, and the end of the body behind them if it is `over`.
fn through(
    stages: &mut [Stage],
    data: &[u8],
    over: bool,
    sink: Sink<'_>,
) -> Result<(), DecodeError> {
    let Some((first, rest)) = stages.split_first_mut() else {
        return data.chunks(PIECE).try_for_each(sink);
    };
    first.push(data, &mut |piece| through(rest, piece, false, sink))?;
    if over {
        first.end(&mut |piece| through(rest, piece, false, sink))?;
        through(rest, &[], true, sink)?;
    }
    Ok(())
}

/// Returns a whole body without its codings, up to `most` bytes. A body without a coding is returned
/// as it is, whatever its length.
///
/// # Errors
///
/// If a coding is unknown, or if the body is malformed, incomplete or above the limit.
pub fn whole(headers: &HeaderMap, body: &Bytes, most: usize) -> Result<Bytes, DecodeError> {
    if !coding::is_coded(headers) {
        return Ok(body.clone());
    }
    let mut decoder = Decoder::of(headers, most as u64)?;
    let mut decoded = Vec::new();
    decoder.push(body, |piece| decoded.extend_from_slice(piece))?;
    decoder.end(|piece| decoded.extend_from_slice(piece))?;
    Ok(decoded.into())
}

/// Returns a response whose body has no coding, with fields that fit it: see [`strip`].
///
/// # Errors
///
/// Those of [`whole`].
pub fn response(response: Response<Bytes>, most: usize) -> Result<Response<Bytes>, DecodeError> {
    if !coding::is_coded(response.headers()) {
        return Ok(response);
    }
    let (mut head, body) = response.into_parts();
    let body = whole(&head.headers, &body, most)?;
    strip(&mut head.headers);
    Ok(Response::from_parts(head, body))
}

/// Removes the fields that are true of the coded bytes only: Content-Encoding, Content-Length,
/// Accept-Ranges and digests (RFC 9530). A strong entity tag becomes a weak one, since it names these
/// bytes (RFC 9110 §8.8.3.3).
pub fn strip(headers: &mut HeaderMap) {
    const OF_BYTES: [&str; 7] = [
        "accept-ranges",
        "content-digest",
        "content-encoding",
        "content-length",
        "content-md5",
        "digest",
        "repr-digest",
    ];
    for name in OF_BYTES {
        headers.remove(name);
    }
    if let Some(tag) = headers.get(header::ETAG).filter(|tag| etag::is_strong(tag)) {
        let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
        if let Ok(weak) = weak {
            headers.insert(header::ETAG, weak);
        }
    }
}
