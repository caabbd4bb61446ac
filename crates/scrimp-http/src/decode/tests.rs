use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use http::{HeaderValue, header::CONTENT_ENCODING};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

/// `{"data":[1,2,3]}` forty times, by the reference encoder of br.
const BR: &[u8] = &[
    27, 127, 2, 248, 29, 7, 110, 172, 120, 243, 235, 108, 80, 139, 196, 232, 236, 105, 153, 153,
    173, 62, 197, 210, 85, 146, 20, 88, 3, 96, 96, 70, 5, 37, 120,
];
/// The same by the reference encoder of zstd, with a checksum.
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 0xbd, 0x00, 0x00, 0x80, 0x7b, 0x22, 0x64, 0x61, 0x74, 0x61,
    0x22, 0x3a, 0x5b, 0x31, 0x2c, 0x32, 0x2c, 0x33, 0x5d, 0x7d, 0x01, 0x00, 0xda, 0x4c, 0x35, 0x97,
    0x55, 0x52, 0x7c, 0xac,
];
/// A hundred MiB of zeros in br.
const BR_BOMB: &[u8] = &[
    203, 255, 255, 63, 248, 39, 0, 226, 177, 64, 32, 247, 254, 143, 255, 255, 127, 240, 79, 0, 196,
    97, 17, 128, 238, 253, 31, 255, 255, 255, 224, 159, 0, 136, 195, 2, 0, 221, 251, 63, 254, 255,
    255, 193, 63, 1, 16, 135, 5, 0, 186, 247, 127, 252, 255, 255, 131, 127, 2, 32, 14, 11, 0, 116,
    239, 255, 248, 255, 255, 7, 255, 4, 64, 28, 22, 0, 232, 222, 255, 241, 255, 255, 15, 254, 9,
    128, 56, 44, 0, 208, 189, 255, 227, 255, 255, 31, 252, 19, 0, 113, 88, 0, 160, 123, 255, 199,
    255, 255, 63, 248, 39, 0, 226, 176, 0, 64, 247, 254, 143, 255, 255, 127, 240, 79, 0, 196, 97,
    1, 128, 238, 253, 31, 255, 255, 255, 224, 159, 0, 136, 195, 2, 0, 221, 251, 63, 254, 255, 255,
    193, 63, 1, 16, 135, 5, 0, 186, 247, 127, 249, 255, 255, 131, 127, 2, 32, 14, 11, 0, 116, 239,
    127, 0,
];

fn text() -> Vec<u8> {
    b"{\"data\":[1,2,3]}".repeat(40)
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    compress_to_vec(data, CompressionLevel::Fastest)
}

/// A hundred MiB of zeros in zstd: 800 blocks of one repeated byte.
fn zstd_bomb() -> Vec<u8> {
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x68];
    for n in 1..=800_u32 {
        let head = u32::from(n == 800) | 1 << 1 | (128 << 10) << 3;
        bomb.extend_from_slice(&head.to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

fn coded(coding: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    headers
}

/// Decodes a body that comes in pieces of this length.
fn piecewise(coding: &'static str, body: &[u8], length: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::of(&coded(coding), 1 << 20)?;
    let mut out = Vec::new();
    let mut sink = |piece: &[u8]| {
        assert!(piece.len() <= PIECE);
        out.extend_from_slice(piece);
    };
    for piece in body.chunks(length) {
        decoder.push(piece, &mut sink)?;
    }
    decoder.end(&mut sink)?;
    Ok(out)
}

#[test]
fn each_coding_is_decoded_however_its_bytes_are_cut() {
    let two = [gzip(&text()[..100]), gzip(&text()[100..])].concat();
    let skipped = [b"\x5f\x2a\x4d\x18\x02\0\0\0ab", ZSTD].concat();
    let bodies = [
        ("gzip", gzip(&text())),
        ("X-Gzip", two),
        ("deflate", zlib(&text())),
        ("deflate", raw_deflate(&text())),
        ("br", BR.to_vec()),
        ("zstd", ZSTD.to_vec()),
        ("zstd", skipped),
        ("zstd", zstd(&text())),
        ("gzip, identity, deflate", zlib(&gzip(&text()))),
        ("br, gzip, zstd", zstd(&gzip(BR))),
        ("identity", text()),
    ];
    for (coding, body) in bodies {
        for length in [1, 2, 3, 7, 100, 1 << 20] {
            let decoded = piecewise(coding, &body, length);
            assert_eq!(decoded, Ok(text()), "{coding}, {length} bytes at a time");
        }
        let whole = whole(&coded(coding), &Bytes::from(body), 1 << 20);
        assert_eq!(whole.unwrap(), text(), "{coding}");
    }
}

#[test]
fn long_bodies_of_many_blocks_are_decoded() {
    let long: Vec<u8> = (0..900_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (coding, body) in [
        ("gzip", gzip(&long)),
        ("deflate", zlib(&long)),
        ("zstd", zstd(&long)),
    ] {
        for length in [1_000, 200_000] {
            assert_eq!(
                piecewise(coding, &body, length).as_deref(),
                Ok(&long[..]),
                "{coding}"
            );
        }
    }
}

#[test]
fn few_bytes_that_stand_for_many_are_stopped_at_the_limit() {
    let zeros = vec![0; 100 << 20];
    for (coding, bomb) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", BR_BOMB.to_vec()),
        ("zstd", zstd_bomb()),
    ] {
        let mut decoder = Decoder::of(&coded(coding), 1 << 20).unwrap();
        let mut handed_out = 0;
        let result = decoder.push(&bomb, |piece| {
            assert!(piece.len() <= PIECE);
            handed_out += piece.len();
        });
        assert_eq!(result, Err(DecodeError::TooLong(1 << 20)), "{coding}");
        assert_eq!(handed_out, 1 << 20, "{coding}");
        assert_eq!(decoder.push(b"x", |_| panic!("it failed")), result);
    }
}

#[test]
fn a_body_that_breaks_off_or_is_followed_by_other_bytes_is_refused() {
    for (coding, body) in [
        ("gzip", gzip(&text())),
        ("deflate", zlib(&text())),
        ("br", BR.to_vec()),
        ("zstd", ZSTD.to_vec()),
    ] {
        for end in 1..body.len() {
            let result = piecewise(coding, &body[..end], 1 << 20);
            assert_eq!(result, Err(DecodeError::Truncated), "{coding}, {end} bytes");
        }
        let longer = [&body[..], b"\r\n\r\n"].concat();
        let result = piecewise(coding, &longer, 1 << 20);
        assert!(result.is_err(), "{coding}: {result:?}");
        assert_eq!(piecewise(coding, &[], 1), Ok(Vec::new()), "{coding}");
    }
}

#[test]
fn damaged_bytes_and_windows_of_more_than_eight_mebibytes_are_refused() {
    let mut damaged = ZSTD.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x70, 1, 0, 0];
    for body in [&damaged[..], &window, b"no frame"] {
        let result = piecewise("zstd", body, 1 << 20);
        assert_eq!(result, Err(DecodeError::Malformed), "{body:?}");
    }
    let mut damaged = gzip(&text());
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert_eq!(piecewise("gzip", &damaged, 9), Err(DecodeError::Malformed));
}

#[test]
fn unknown_codings_and_long_chains_of_them_are_refused() {
    for coding in ["compress", "gzip, foo", "gzip, gzip, gzip, gzip"] {
        let decoder = Decoder::of(&coded(coding), 1).map(drop);
        assert_eq!(decoder, Err(DecodeError::Unknown), "{coding}");
    }
}

#[test]
fn a_decoded_response_has_no_field_that_is_true_of_the_coded_bytes_only() {
    let coded = Response::builder()
        .header("content-encoding", "gzip")
        .header("content-length", "50")
        .header("content-digest", "sha-256=:x:")
        .header("accept-ranges", "bytes")
        .header("etag", "\"a\"")
        .header("vary", "accept-encoding")
        .body(Bytes::from(gzip(b"hello")))
        .unwrap();
    let decoded = response(coded, 100).unwrap();
    assert_eq!(decoded.body(), "hello");
    let mut fields: Vec<_> = decoded.headers().iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(fields, [("etag", "W/\"a\""), ("vary", "accept-encoding")]);
}

#[test]
fn a_decoder_can_move_between_threads() {
    fn check<T: Send>() {}
    check::<Decoder>();
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        begin in 0..4usize,
        cut in 1..50usize,
    ) {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let begun: &[u8] = match coding {
                "zstd" => &ZSTD[..begin * 2],
                "br" => &BR[..begin],
                _ => &[0x1f, 0x8b, 8, 0][..begin],
            };
            let _ = piecewise(coding, &[begun, &body].concat(), cut);
        }
    }

    #[test]
    fn pieces_of_a_damaged_body_are_decoded_as_the_whole_is(
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cut in 1..50usize,
    ) {
        for (coding, mut body) in [
            ("gzip", gzip(&text())),
            ("deflate", zlib(&text())),
            ("br", BR.to_vec()),
            ("zstd", ZSTD.to_vec()),
        ] {
            let at = at.index(body.len());
            body[at] ^= flip;
            let pieces = piecewise(coding, &body, cut).ok();
            let whole = whole(&coded(coding), &Bytes::from(body), 1 << 20).ok();
            prop_assert_eq!(pieces, whole.map(Vec::from), "{}", coding);
        }
    }
}
