//! Messages and answers of the server as bytes.

use bytes::Bytes;
use redis::Value;

use super::protocol::{Entry, Head, Id, Message, Page};

/// Reads a message: a line of numbers, and the record. `None` if it is none of ours.
pub(crate) fn message(payload: &[u8]) -> Option<Message> {
    let end = payload.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&payload[..end]).ok()?;
    let mut words = line.split(' ');
    let kind = words.next()?;
    let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    match (kind, &numbers[..]) {
        ("a", &[log, after_at, after_nonce, at, nonce]) => Some(Message::Appended {
            log,
            after: Id {
                at: after_at,
                nonce: after_nonce,
            },
            entry: Entry {
                id: Id { at, nonce },
                bytes: Bytes::copy_from_slice(&payload[end + 1..]),
            },
        }),
        ("b", &[log, at, nonce]) if end + 1 == payload.len() => Some(Message::Beat(Head {
            log,
            last: Id { at, nonce },
        })),
        ("u", &[by, again @ (0 | 1)]) => Some(Message::Unlisted {
            by,
            again: again == 1,
            bytes: Bytes::copy_from_slice(&payload[end + 1..]),
        }),
        _ => None,
    }
}

/// Writes the message about invalidations that the log does not take.
pub(crate) fn unlisted(by: u64, again: bool, record: &[u8]) -> Vec<u8> {
    let line = format!("u {by} {}\n", u8::from(again));
    [line.as_bytes(), record].concat()
}

/// Reads the answer to an append: the head after it.
pub(crate) fn head(answer: &Value) -> Option<Head> {
    let Value::Array(parts) = answer else {
        return None;
    };
    let [log, at, nonce, ..] = &parts[..] else {
        return None;
    };
    Some(Head {
        log: number(log)?,
        last: Id {
            at: number(at)?,
            nonce: number(nonce)?,
        },
    })
}

/// Reads a page of at most `limit` records.
pub(crate) fn page(answer: Value, limit: usize) -> Option<Page> {
    let head = head(&answer)?;
    let Value::Array(mut parts) = answer else {
        return None;
    };
    let Some(Value::Array(records)) = parts.pop() else {
        return None;
    };
    let more = records.len() > limit;
    let entries = records.into_iter().take(limit).map(entry);
    Some(Page {
        head,
        entries: entries.collect::<Option<_>>()?,
        more,
    })
}

/// Reads a record of the stream. One that was not written by us counts as unreadable, which is an
/// invalidation of everything.
fn entry(record: Value) -> Option<Entry> {
    let Value::Array(parts) = record else {
        return None;
    };
    let [Value::BulkString(id), fields] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    let id = std::str::from_utf8(&id).ok()?;
    let at = id.split_once('-')?.0.parse().ok()?;
    let fields = match fields {
        Value::Array(fields) => <[Value; 4]>::try_from(fields).ok(),
        _ => None,
    };
    Some(match fields {
        Some([_, nonce, _, Value::BulkString(bytes)]) => Entry {
            id: Id {
                at,
                nonce: number(&nonce).unwrap_or_default(),
            },
            bytes: bytes.into(),
        },
        _ => Entry {
            id: Id { at, nonce: 0 },
            bytes: Bytes::new(),
        },
    })
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        Value::Int(number) => (*number).try_into().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whole_or_not_at_all() {
        let appended = b"a 7 1 11 2 12\nrecord\nwith lines";
        let Some(Message::Appended { log, after, entry }) = message(appended) else {
            panic!("a message");
        };
        assert_eq!((log, after.at, entry.id.nonce), (7, 1, 12));
        assert_eq!(&entry.bytes[..], b"record\nwith lines");
        assert!(matches!(message(b"b 7 2 12\n"), Some(Message::Beat(_))));
        let unlisted = unlisted(9, true, b"record\nwith lines");
        let Some(Message::Unlisted { by, again, bytes }) = message(&unlisted) else {
            panic!("a message");
        };
        assert_eq!(
            (by, again, &bytes[..]),
            (9, true, &b"record\nwith lines"[..])
        );
        let wrong: [&[u8]; 10] = [
            b"u 9 2\nx",
            b"u 9\nx",
            b"",
            b"a",
            b"a 7 1 11 2 12",
            b"a 7 1 11 2\nx",
            b"a 7 1 11 2 -2\nx",
            b"b 7 2\n",
            b"b 7 2 12\nx",
            b"c 7 2 12\n",
        ];
        for bytes in wrong {
            assert_eq!(message(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
