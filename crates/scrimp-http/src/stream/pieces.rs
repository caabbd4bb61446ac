//! The first piece of a content, by its kind. Each function returns the length of that piece, or `None`
//! if the content has no whole piece.

use super::Cut;

/// Byte before each text of a sequence (RFC 7464 §2.2).
const RECORD_SEPARATOR: u8 = 0x1e;

/// Length of the prefix of a message of gRPC: a flag, and the length of the message.
const PREFIX: usize = 5;

/// Shortest message of an AWS event stream: two lengths and two checksums.
const SHORTEST_FRAME: usize = 16;

/// Ends behind the blank line that ends an event, and behind further blank lines.
pub(super) fn event(content: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = content[at..].iter().position(|&byte| is_line_end(byte))?;
        at += line + line_end(&content[at + line..]);
        if line == 0 {
            let more = content[at..].iter().position(|&byte| !is_line_end(byte));
            return Some(more.map_or(content.len(), |more| at + more));
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Returns the length of the end of a line that the text begins with: CRLF, LF or CR.
fn line_end(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        _ => 1,
    }
}

/// Ends behind the first line feed.
pub(super) fn line(content: &[u8]) -> Option<usize> {
    let end = content.iter().position(|byte| *byte == b'\n')?;
    Some(end + 1)
}

/// Ends before the second record separator, or with the content, behind a line feed.
pub(super) fn record(content: &[u8]) -> Option<usize> {
    let (first, rest) = content.split_first()?;
    let next = rest.iter().position(|byte| *byte == RECORD_SEPARATOR);
    let length = next.map_or(content.len(), |next| next + 1);
    let whole = *first == RECORD_SEPARATOR && content[..length].ends_with(b"\n");
    whole.then_some(length)
}

/// Ends behind a delimiter that is not the first byte. Behind the close delimiter only an epilogue
/// follows, which belongs to the last part.
pub(super) fn part(content: &[u8], delimiter: &[u8]) -> Option<Cut> {
    let mut at = 0;
    loop {
        at += line(&content[at..])?;
        let Some(behind) = content[at..].strip_prefix(delimiter) else {
            continue;
        };
        if behind.starts_with(b"--") {
            let length = content.len();
            return Some(Cut { length, last: true });
        }
        // Another boundary may begin like this one.
        let padding = |byte: &u8| matches!(byte, b' ' | b'\t');
        let end = behind.iter().find(|byte| !padding(byte));
        if end.is_some_and(|&byte| is_line_end(byte)) {
            let length = at + line(&content[at..])?;
            return Some(Cut {
                length,
                last: false,
            });
        }
    }
}

/// Ends behind the message whose length the prefix gives (gRPC over HTTP/2, Length-Prefixed-Message).
pub(super) fn message(content: &[u8]) -> Option<usize> {
    let length = number(content.get(1..PREFIX)?)?;
    within(length.checked_add(PREFIX)?, content)
}

/// Ends behind the message whose whole length its first four bytes give.
pub(super) fn frame(content: &[u8]) -> Option<usize> {
    let length = number(content.get(..4)?)?;
    within(length, content).filter(|length| *length >= SHORTEST_FRAME)
}

fn number(bytes: &[u8]) -> Option<usize> {
    let bytes: [u8; 4] = bytes.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

fn within(length: usize, content: &[u8]) -> Option<usize> {
    (length <= content.len()).then_some(length)
}

/// Reports whether an event tells of a failure: by its name, or by an object with `error` first, as APIs
/// of language models send it in a stream that has begun well.
pub(super) fn is_error(event: &[u8]) -> bool {
    lines(event).any(|line| match field(line) {
        (b"event", value) => value == b"error",
        (b"data", value) => {
            let members = value.trim_ascii_start().strip_prefix(b"{");
            let first = members.map(<[u8]>::trim_ascii_start);
            let behind = first.and_then(|first| first.strip_prefix(b"\"error\""));
            behind.is_some_and(|behind| !is_null(behind))
        }
        _ => false,
    })
}

/// Returns whether the value of a member is null, in the text behind its name.
fn is_null(behind: &[u8]) -> bool {
    let value = behind.trim_ascii_start().strip_prefix(b":");
    value.is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}

/// Reports whether the last line that is not blank is `data: [DONE]`.
pub(super) fn is_done(content: &[u8]) -> bool {
    let last = lines(content.trim_ascii_end()).next_back();
    last.is_some_and(|line| matches!(field(line), (b"data", b"[DONE]")))
}

fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(|&byte| is_line_end(byte))
}

/// Returns name and value of a line of an event.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|byte| *byte == b':') {
        Some(at) => {
            let value = &line[at + 1..];
            (&line[..at], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, &[]),
    }
}
