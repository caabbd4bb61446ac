//! The coding `zstd` (RFC 8878).

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{DecodeError, PIECE, Sink};

/// The largest window of a frame in HTTP (RFC 9659 §3).
const WINDOW: u64 = 8 << 20;
/// The largest block of a frame (RFC 8878 §3.1.1.2.4).
const BLOCK: usize = 128 << 10;
/// Bytes of a block's header.
const BLOCK_HEADER: usize = 3;
/// The number that a frame begins with.
const MAGIC: u32 = 0xFD2F_B528;
/// Skippable frames begin with this number, or one of the next fifteen.
const SKIPPABLE: u32 = 0x184D_2A50;

/// Collects the parts of frames, and decodes each when it is there.
///
/// The decoder reads from a source that has all bytes it asks for. So the length of the next part is
/// computed here, and a block at a time is decoded.
pub(super) struct Zstd {
    frame: FrameDecoder,
    /// Input that is not a whole part yet. At most a block.
    rest: Vec<u8>,
    next: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    /// A block of a frame whose last block has a checksum behind it if `checked`.
    Block {
        checked: bool,
    },
    /// This number of bytes of a skippable frame.
    Skipped(u32),
}

// === impl Zstd ===

impl Zstd {
    pub(super) fn new() -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW);
        Self {
            frame,
            rest: Vec::new(),
            next: Part::Head,
        }
    }

    /// Reports whether the input so far is whole frames.
    pub(super) fn is_whole(&self) -> bool {
        self.next == Part::Head && self.rest.is_empty()
    }

    pub(super) fn push(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        self.rest.extend_from_slice(data);
        let mut input = std::mem::take(&mut self.rest);
        let mut done = 0;
        while let Some(length) = self.next.length(&input[done..])? {
            let Some(part) = input.get(done..done + length) else {
                break;
            };
            self.take(part, sink)?;
            done += length;
        }
        input.drain(..done);
        self.rest = input;
        Ok(())
    }

    /// Takes one whole part.
    fn take(&mut self, part: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
        match self.next {
            Part::Skipped(left) => {
                let read = u32::try_from(part.len()).map_err(|_| DecodeError::Malformed)?;
                self.next = match left.saturating_sub(read) {
                    0 => Part::Head,
                    left => Part::Skipped(left),
                };
            }
            Part::Head => match skippable(part) {
                Some(0) => {}
                Some(length) => self.next = Part::Skipped(length),
                None => {
                    self.frame.reset(part).map_err(malformed)?;
                    let checked = part[4] & 0b100 != 0;
                    self.next = Part::Block { checked };
                }
            },
            Part::Block { .. } => {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                if self.frame.decode_blocks(part, one).map_err(malformed)? {
                    self.next = Part::Head;
                }
                self.drain(sink)?;
                if self.next == Part::Head && !self.is_intact() {
                    return Err(DecodeError::Malformed);
                }
            }
        }
        Ok(())
    }

    /// Hands out the bytes that no later block refers to.
    fn drain(&mut self, sink: Sink<'_>) -> Result<(), DecodeError> {
        let mut piece = [0; PIECE];
        loop {
            match self.frame.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => sink(&piece[..read])?,
                Err(_) => return Err(DecodeError::Malformed),
            }
        }
    }

    /// Reports whether the frame has its checksum, as far as one is given and computed.
    fn is_intact(&self) -> bool {
        let given = self.frame.get_checksum_from_data();
        let computed = self.frame.get_calculated_checksum();
        given
            .zip(computed)
            .is_none_or(|(given, computed)| given == computed)
    }
}

// === impl Part ===

impl Part {
    /// Returns the length of this part; `None` if more bytes are needed to know it.
    fn length(self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        match self {
            Self::Head => head_length(input),
            Self::Skipped(left) => {
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                Ok((!input.is_empty()).then_some(left.min(input.len())))
            }
            Self::Block { checked } => {
                let Some(head) = input.first_chunk::<BLOCK_HEADER>() else {
                    return Ok(None);
                };
                // RFC 8878 §3.1.1.2: last block, type, size. A block of type 1 repeats one byte.
                let bits = u32::from_le_bytes([head[0], head[1], head[2], 0]);
                let size = (bits >> 3) as usize;
                if size > BLOCK {
                    return Err(DecodeError::Malformed);
                }
                let content = if (bits >> 1) & 3 == 1 { 1 } else { size };
                let checksum = if checked && bits & 1 == 1 { 4 } else { 0 };
                Ok(Some(BLOCK_HEADER + content + checksum))
            }
        }
    }
}

/// Returns the length of a frame's head (RFC 8878 §3.1.1.1, §3.1.2).
fn head_length(input: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some(magic) = input.first_chunk().map(|magic| u32::from_le_bytes(*magic)) else {
        return Ok(None);
    };
    if is_skippable(magic) {
        return Ok(Some(8));
    }
    if magic != MAGIC {
        return Err(DecodeError::Malformed);
    }
    let Some(descriptor) = input.get(4) else {
        return Ok(None);
    };
    let single = descriptor >> 5 & 1;
    let window = usize::from(1 - single);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        exponent => 1 << exponent,
    };
    Ok(Some(5 + window + dictionary + size))
}

fn is_skippable(magic: u32) -> bool {
    magic & !0xF == SKIPPABLE
}

/// Returns the length of a skippable frame's content, by its head.
fn skippable(head: &[u8]) -> Option<u32> {
    let magic = u32::from_le_bytes(*head.first_chunk()?);
    let length = u32::from_le_bytes(*head.last_chunk()?);
    is_skippable(magic).then_some(length)
}

fn malformed<E>(_: E) -> DecodeError {
    DecodeError::Malformed
}
