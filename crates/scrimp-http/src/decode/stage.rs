//! One content coding of a body.

use std::{
    fmt,
    io::{self, BufRead, ErrorKind, Read},
};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status, bufread::MultiGzDecoder};

use super::{DecodeError, PIECE, Sink, zstd::Zstd};

/// One content coding of a body.
pub(super) enum Stage {
    Gzip(Box<MultiGzDecoder<Feed>>),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
}

/// Input of a reader: as much as has come so far.
#[derive(Debug, Default)]
pub(super) struct Feed {
    data: Bytes,
    over: bool,
}

/// The coding `deflate`: the zlib format (RFC 1950). Some servers leave its frame out and send
/// DEFLATE (RFC 1951) alone, so the first two bytes decide.
#[derive(Default)]
pub(super) struct Deflate {
    begun: Vec<u8>,
    inflate: Option<Decompress>,
    whole: bool,
}

/// The coding `br`.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    whole: bool,
}

// === impl Stage ===

impl Stage {
    /// Returns the stage of a coding, by its name (RFC 9110 §8.4.1, §18.6); `None` if it is unknown.
    pub(super) fn of(coding: &[u8]) -> Option<Self> {
        match coding.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Self::Gzip(MultiGzDecoder::new(Feed::default()).into())),
            b"deflate" => Some(Self::Deflate(Deflate::default())),
            b"br" => Some(Self::Brotli(Brotli::new().into())),
            b"zstd" => Some(Self::Zstd(Zstd::new().into())),
            _ => None,
        }
    }

    /// Decodes bytes as far as it can.
    pub(super) fn push(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        match self {
            Self::Gzip(gzip) => {
                gzip.get_mut().data = Bytes::copy_from_slice(data);
                drain(gzip, sink)
            }
            Self::Deflate(deflate) => deflate.push(data, sink),
            Self::Brotli(brotli) => brotli.push(data, sink),
            Self::Zstd(zstd) => zstd.push(data, sink),
        }
    }

    /// Ends the input.
    pub(super) fn end(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        let whole = match self {
            Self::Gzip(gzip) => {
                gzip.get_mut().over = true;
                return drain(gzip, sink);
            }
            Self::Deflate(deflate) => deflate.whole,
            Self::Brotli(brotli) => brotli.whole,
            Self::Zstd(zstd) => zstd.is_whole(),
        };
        whole.then_some(()).ok_or(DecodeError::Truncated)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "gzip",
            Self::Deflate(_) => "deflate",
            Self::Brotli(_) => "br",
            Self::Zstd(_) => "zstd",
        })
    }
}

/// Reads until more input is needed, or until the end.
fn drain(reader: &mut impl Read, sink: Sink<'_>) -> Result<(), DecodeError> {
    let mut piece = [0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => sink(&piece[..read])?,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(()),
                ErrorKind::Interrupted => {}
                ErrorKind::UnexpectedEof => return Err(DecodeError::Truncated),
                _ => return Err(DecodeError::Malformed),
            },
        }
    }
}

// === impl Feed ===

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.data.is_empty() && !self.over {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(&self.data),
        }
    }

    fn consume(&mut self, read: usize) {
        self.data.advance(read);
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

// === impl Deflate ===

impl Deflate {
    fn push(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        let Some(inflate) = &mut self.inflate else {
            self.begun.extend_from_slice(data);
            let [first, second, ..] = self.begun[..] else {
                return Ok(());
            };
            // RFC 1950 §2.2: method 8, and a check that makes both bytes a multiple of 31.
            let zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
            self.inflate = Some(Decompress::new(zlib));
            let begun = std::mem::take(&mut self.begun);
            return self.push(&begun, sink);
        };
        let (mut rest, mut piece) = (data, [0; PIECE]);
        while !self.whole {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(rest, &mut piece, FlushDecompress::None)
                .map_err(|_| DecodeError::Malformed)?;
            let read = (inflate.total_in() - read) as usize;
            let written = (inflate.total_out() - written) as usize;
            rest = &rest[read..];
            sink(&piece[..written])?;
            self.whole = status == Status::StreamEnd;
            if read == 0 && written == 0 {
                return Ok(());
            }
        }
        match rest {
            [] => Ok(()),
            _ => Err(DecodeError::Malformed),
        }
    }
}

// === impl Brotli ===

impl Brotli {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            // The strict form has windows of up to 16 MiB; the other has up to 1 GiB.
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            whole: false,
        }
    }

    fn push(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        let (mut left, mut at, mut total) = (data.len(), 0, 0);
        let mut piece = [0; PIECE];
        while !self.whole {
            let (mut room, mut written) = (PIECE, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                data,
                &mut room,
                &mut written,
                &mut piece,
                &mut total,
                &mut self.state,
            );
            sink(&piece[..written])?;
            match result {
                BrotliResult::ResultSuccess => self.whole = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(DecodeError::Malformed),
            }
        }
        match left {
            0 => Ok(()),
            _ => Err(DecodeError::Malformed),
        }
    }
}
