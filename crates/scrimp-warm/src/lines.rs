//! Lines of bounded length.

use std::io::{self, BufRead};

/// Reads lines, and holds one of bounded length in memory.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    most: usize,
    /// Bytes read so far.
    pub(crate) position: u64,
    /// The last line ended with a line break.
    pub(crate) is_ended: bool,
}

/// A line without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    /// The beginning of a longer line.
    TooLong(&'a [u8]),
}

// === impl Lines ===

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, most: usize) -> Self {
        Self {
            reader,
            line: Vec::new(),
            most,
            position: 0,
            is_ended: true,
        }
    }

    /// Returns the next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut any, mut too_long) = (false, false);
        self.is_ended = false;
        while !self.is_ended {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let text = &chunk[..end.unwrap_or(chunk.len())];
            let room = self.most - self.line.len();
            too_long |= text.len() > room;
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            let used = text.len() + usize::from(end.is_some());
            self.is_ended = end.is_some();
            self.reader.consume(used);
            self.position += used as u64;
        }
        Ok(match (any, too_long) {
            (false, _) => None,
            (true, true) => Some(Line::TooLong(&self.line)),
            (true, false) => Some(Line::Text(&self.line)),
        })
    }
}
