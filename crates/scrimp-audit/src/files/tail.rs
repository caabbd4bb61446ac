//! The end of a file.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use crate::chain::{Anchor, parse};

/// The end of a file.
pub(super) struct Tail {
    /// The last whole record, its time and its kind.
    pub(super) last: Option<(Anchor, u64, String)>,
    /// Bytes up to the end of the last whole record.
    pub(super) end: u64,
    /// Bytes behind it: a line that a process was killed in.
    pub(super) torn: Vec<u8>,
}

/// Reads the end of a file. Its longest line has `max_line` bytes.
///
/// A process that is killed leaves the beginning of a line. After a failure of the power, some file
/// systems leave zeros, or lines of which parts are missing.
pub(super) fn read_tail(mut file: &File, max_line: u64) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    let mut window = max_line.saturating_mul(2);
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(length - start).read_to_end(&mut bytes)?;
        let last = last_record(&bytes);
        if last.is_none() && start > 0 {
            // More than a line is torn.
            window = window.saturating_mul(2);
            continue;
        }
        let end = last.as_ref().map_or(0, |(end, _)| *end);
        let torn = bytes.split_off(end);
        return Ok(Tail {
            last: last.map(|(_, last)| last),
            end: start + end as u64,
            torn,
        });
    }
}

/// Returns the last whole record, and the end of its line.
fn last_record(bytes: &[u8]) -> Option<(usize, (Anchor, u64, String))> {
    let mut end = bytes.iter().rposition(|&byte| byte == b'\n')?;
    loop {
        let before = bytes[..end].iter().rposition(|&byte| byte == b'\n');
        let start = before.map_or(0, |at| at + 1);
        if let Some(parsed) = parse(&bytes[start..end]) {
            let last = Anchor {
                sequence: parsed.sequence,
                hash: parsed.hash,
            };
            return Some((end + 1, (last, parsed.time, parsed.kind.into_owned())));
        }
        end = before?;
    }
}
