//! The form of a line.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::Hash;

/// Longest line, with each byte of a text as `\u0000`.
pub(crate) const MAX_LINE: usize = 256 << 10;

/// Member in front of the hash.
pub(super) const HASH: &str = ",\"hash\":\"";

/// Bytes behind the member's name: the digits, a quotation mark and a brace.
const TAIL: usize = 64 + 2;

/// Members of a record, in the order of a line.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Body<'a> {
    /// Number of the record. The chain sets it.
    pub(crate) seq: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) time: u64,
    pub(crate) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    pub(crate) details: Details<'a>,
    /// Hash of the record before. The chain sets it.
    pub(crate) prev: String,
}

/// Details of a record.
pub(crate) type Details<'a> = Cow<'a, BTreeMap<Cow<'static, str>, String>>;

/// A line that was read.
pub(crate) struct Parsed<'a> {
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) details: BTreeMap<String, String>,
    pub(crate) prev: Hash,
    pub(crate) hash: Hash,
    /// The bytes that the hash is of.
    pub(super) hashed: &'a [u8],
}

#[derive(Deserialize)]
struct Said<'a> {
    seq: u64,
    time: u64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    details: BTreeMap<String, String>,
    prev: String,
    hash: String,
}

fn is_empty(details: &Details<'_>) -> bool {
    details.is_empty()
}

/// Reads a line without its end. `None` if it is not a record.
pub(crate) fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    let said: Said<'_> = serde_json::from_slice(line).ok()?;
    let start = line.len().checked_sub(TAIL + HASH.len())?;
    let (hashed, rest) = line.split_at(start);
    let behind = rest.strip_prefix(HASH.as_bytes())?;
    (behind[..64] == *said.hash.as_bytes()).then_some(())?;
    Some(Parsed {
        sequence: said.seq,
        time: said.time,
        kind: said.kind,
        details: said.details,
        prev: Hash::read(&said.prev)?,
        hash: Hash::read(&said.hash)?,
        hashed,
    })
}
