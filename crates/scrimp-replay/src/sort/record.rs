//! An [`Entry`] on disk: its time comes first, so that records sort as bytes.

use std::time::Duration;

use crate::line::Entry;

pub(super) fn encode(entry: &Entry, out: &mut Vec<u8>) {
    // Times are never negative, so big-endian bytes sort like numbers.
    out.extend_from_slice(&entry.time.to_be_bytes());
    out.extend_from_slice(&entry.status.to_le_bytes());
    out.extend_from_slice(&entry.bytes.to_le_bytes());
    let latency = entry
        .latency
        .and_then(|time| u64::try_from(time.as_micros()).ok());
    out.extend_from_slice(&latency.unwrap_or(u64::MAX).to_le_bytes());
    out.extend_from_slice(&entry.client.to_le_bytes());
    for text in [&entry.method, &entry.host, &entry.target, &entry.user_agent] {
        // No text is longer than a line, and those are limited to 1 MiB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Reads a record that [`encode`] wrote; `None` if it is damaged.
pub(super) fn decode(record: &[u8]) -> Option<Entry> {
    let mut rest = record;
    Some(Entry {
        time: i64::from_be_bytes(take(&mut rest)?),
        status: u16::from_le_bytes(take(&mut rest)?),
        bytes: u64::from_le_bytes(take(&mut rest)?),
        latency: match u64::from_le_bytes(take(&mut rest)?) {
            u64::MAX => None,
            micros => Some(Duration::from_micros(micros)),
        },
        client: u64::from_le_bytes(take(&mut rest)?),
        method: text(&mut rest)?,
        host: text(&mut rest)?,
        target: text(&mut rest)?,
        user_agent: text(&mut rest)?,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(head).ok().map(str::to_owned)
}
