//! Compressed logs: gzip, bzip2, xz and zstd, each with any number of members.
//!
//! Memory is bounded whatever a file asks for: 128 MiB of history for zstd and about as much for
//! xz, which covers all levels of their commands but `zstd --ultra` with a longer window.

use std::io::{self, BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Most memory for the history of xz, in KiB.
const XZ_MEMORY: u32 = 160 << 10;
/// Longest window of zstd in bytes.
const ZSTD_WINDOW: u64 = 128 << 20;

/// A compression, known by the first bytes: names are not reliable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// Decodes the frames of zstd (RFC 8878 §3.1), one after another.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

// === impl Compression ===

impl Compression {
    /// Returns the compression of a file that begins with these bytes.
    pub(super) fn of(sign: &[u8]) -> Option<Self> {
        match sign {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A frame may be preceded by frames to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decodes a file.
    pub(super) fn reader(self, packed: impl BufRead + 'static) -> Box<dyn Read> {
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(XzReader::new_mem_limit(packed, true, XZ_MEMORY)),
            Self::Zstd => {
                let mut decoder = FrameDecoder::new();
                decoder.set_max_window_size(ZSTD_WINDOW);
                Box::new(Zstd {
                    source: packed,
                    decoder,
                    in_frame: false,
                })
            }
        }
    }
}

// === impl Zstd ===

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(damaged(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.source, one)
                    .map_err(damaged)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}

/// Returns an error that says whether the file ended too early.
fn damaged(error: FrameDecoderError) -> io::Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>();
        if let Some(io) = io.filter(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return io::Error::new(io.kind(), io.to_string());
        }
        source = cause.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}
