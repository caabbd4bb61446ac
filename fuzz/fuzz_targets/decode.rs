//! Bodies in content codings.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
use libfuzzer_sys::fuzz_target;
use scrimp_http::decode::{DecodeError, Decoder, PIECE, whole};

/// Decoded bytes at most.
const MOST: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [choice, cut, body @ ..] = data else {
        return;
    };
    let codings = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate"];
    let coding = codings[usize::from(*choice) % codings.len()];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    let at_once = whole(&headers, &Bytes::copy_from_slice(body), MOST);
    // The pieces in which a body comes change nothing.
    let pieces = piecewise(&headers, body, usize::from(*cut).max(1));
    assert_eq!(at_once.is_ok(), pieces.is_ok());
    if let (Ok(at_once), Ok(pieces)) = (at_once, pieces) {
        assert_eq!(at_once, pieces);
    }
});

fn piecewise(headers: &HeaderMap, body: &[u8], cut: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::of(headers, MOST as u64)?;
    let mut out = Vec::new();
    let mut sink = |piece: &[u8]| {
        assert!(piece.len() <= PIECE);
        out.extend_from_slice(piece);
    };
    for piece in body.chunks(cut) {
        decoder.push(piece, &mut sink)?;
    }
    decoder.end(&mut sink)?;
    assert!(out.len() <= MOST);
    Ok(out)
}
