//! The frames of AWS's event stream encoding (`application/vnd.amazon.eventstream`), in which Bedrock
//! streams.
//!
//! A frame has a prelude of twelve bytes (its length, that of its header, a checksum), a header, a
//! payload, and a checksum of four bytes. Checksums are the client's to check.

const PRELUDE: u32 = 12;
const CHECKSUM: u32 = 4;

/// Place within a stream of frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frames {
    /// The first eight bytes of the prelude, as far as they were seen: both lengths.
    lengths: u64,
    /// Place within the frame.
    at: u32,
    /// False if a length cannot be: nothing is read any more.
    sound: bool,
}

/// Part of a frame that a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Other,
    /// A byte of a payload.
    Payload {
        first: bool,
    },
}

// === impl Frames ===

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            lengths: 0,
            at: 0,
            sound: true,
        }
    }

    /// Takes a byte.
    pub(super) fn step(&mut self, byte: u8) -> Part {
        if !self.sound {
            return Part::Other;
        }
        let at = self.at;
        self.at += 1;
        if at < 8 {
            self.lengths = self.lengths << 8 | u64::from(byte);
        }
        if self.at < PRELUDE {
            return Part::Other;
        }
        let [total, header] = self.lengths();
        let begins = PRELUDE.saturating_add(header);
        let Some(ends) = total.checked_sub(CHECKSUM).filter(|ends| *ends >= begins) else {
            self.sound = false;
            return Part::Other;
        };
        if self.at == total {
            (self.lengths, self.at) = (0, 0);
        }
        if (begins..ends).contains(&at) {
            Part::Payload {
                first: at == begins,
            }
        } else {
            Part::Other
        }
    }

    fn lengths(self) -> [u32; 2] {
        let [a, b, c, d, e, f, g, h] = self.lengths.to_be_bytes();
        [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes)
    }
}
