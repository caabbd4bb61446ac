//! Looks for usage in the bytes of a body, in bounded memory.
//!
//! One scanner serves JSON bodies, lines of JSON, server-sent events, and AWS's. A document is a JSON
//! object of the outermost level: the body, a line of it, or the data of an event.

use super::{
    frames::{Frames, Part},
    json::Json,
    reading::Reading,
    wrapped::Wrapped,
};

/// Scanner of a body's bytes.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    format: Format,
    json: Json,
    /// Documents within those of AWS's event streams.
    wrapped: Wrapped,
    /// Events that began, each of about one token.
    pub(super) events: u64,
    /// True if the last byte was a carriage return, which may be half of a line's end.
    returned: bool,
    /// True if the next `data` line begins an event.
    begins: bool,
}

/// Format of a body, as its first bytes show.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Format {
    #[default]
    Unknown,
    Json,
    /// Within a line of an event stream.
    Events(Line),
    /// Within a frame of AWS's event streams.
    Frames(Frames),
}

/// Place within a line of an event stream.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    /// Behind this many bytes of `data:`.
    Field(u8),
    Data,
    Other,
}

// === impl Scanner ===

impl Scanner {
    pub(super) fn see(&mut self, chunk: &[u8], reading: &mut Reading) {
        for &byte in chunk {
            self.step(byte, reading);
        }
    }

    fn step(&mut self, byte: u8, reading: &mut Reading) {
        let format = match (self.format, byte) {
            // A byte order mark, or white space.
            (Format::Unknown, 0xef | 0xbb | 0xbf | b' ' | b'\t' | b'\r' | b'\n') => return,
            (Format::Unknown, b'{' | b'[') => Format::Json,
            // The first byte of a length below 16 MiB, which all are.
            (Format::Unknown, 0) => Format::Frames(Frames::new()),
            (Format::Unknown, _) => {
                self.begins = true;
                Format::Events(Line::Field(0))
            }
            (format, _) => format,
        };
        self.format = match format {
            Format::Events(line) => Format::Events(self.in_line(byte, line, reading)),
            Format::Frames(mut frames) => {
                if let Part::Payload { first } = frames.step(byte) {
                    if first {
                        self.events += 1;
                        self.json.restart(reading);
                        self.wrapped.restart();
                    }
                    self.json.step(byte, reading);
                    self.wrapped.step(byte, reading);
                }
                Format::Frames(frames)
            }
            format => {
                self.json.step(byte, reading);
                format
            }
        };
    }

    /// Takes a byte of an event stream: only `data` lines are JSON. The lines of an event are one
    /// document, and a blank line ends it. A server that leaves the blank line out is understood
    /// if the JSON of the line before was complete.
    fn in_line(&mut self, byte: u8, line: Line, reading: &mut Reading) -> Line {
        const DATA: &[u8] = b"data:";
        let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
        if byte == b'\n' && after_return {
            return line;
        }
        if let b'\n' | b'\r' = byte {
            self.begins |= line == Line::Field(0);
            if line == Line::Data {
                self.json.step(b'\n', reading);
            }
            return Line::Field(0);
        }
        match line {
            Line::Field(place) if DATA.get(usize::from(place)) == Some(&byte) => {
                if usize::from(place) + 1 < DATA.len() {
                    return Line::Field(place + 1);
                }
                if std::mem::take(&mut self.begins) || self.json.is_outside() {
                    self.events += 1;
                    self.json.restart(reading);
                }
                Line::Data
            }
            Line::Data => {
                self.json.step(byte, reading);
                Line::Data
            }
            Line::Field(_) | Line::Other => Line::Other,
        }
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.json.memory() + self.wrapped.memory()
    }
}
