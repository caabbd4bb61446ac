//! A cache's name, and field values that are made once and reused.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use parking_lot::RwLock;

use super::Report;

/// A cache's name as a structured field, with its most frequent values.
#[derive(Debug, Clone)]
pub(crate) struct CacheName {
    pub(super) name: Box<str>,
    others: Arc<[Slot; SLOTS]>,
}

/// The last report and its value. The reports of one cache differ in a few dozen ways and in their
/// TTL, which is usually one of a few.
type Slot = RwLock<Option<(Report, HeaderValue)>>;

const SLOTS: usize = 64;

// === impl CacheName ===

impl Default for CacheName {
    fn default() -> Self {
        Self::written("scrimp".into())
    }
}

impl CacheName {
    /// Returns `None` if the name can be neither a token nor a string (RFC 8941 §3.3).
    pub(crate) fn new(name: &str) -> Option<Self> {
        Some(Self::written(structured(name)?))
    }

    fn written(name: Box<str>) -> Self {
        Self {
            name,
            others: Arc::new([const { RwLock::new(None) }; SLOTS]),
        }
    }

    /// Returns the value of a plain hit, after the members of caches nearer to the origin.
    #[inline]
    pub(crate) fn hit(&self, ttl: i64, upstream: Option<&Bytes>) -> HeaderValue {
        Report::hit(ttl).value(self, upstream)
    }

    /// Returns the remembered value of a report, or makes it.
    pub(super) fn remembered(
        &self,
        report: Report,
        make: impl FnOnce() -> HeaderValue,
    ) -> HeaderValue {
        let slot = &self.others[slot_of(report)];
        if let Some((known, value)) = &*slot.read()
            && *known == report
        {
            return value.clone();
        }
        let value = make();
        // A request does not wait for the lock: it only helps the next one.
        if let Some(mut slot) = slot.try_write() {
            *slot = Some((report, value.clone()));
        }
        value
    }
}

/// Returns the slot of a report. Reports that often occur together have different slots.
fn slot_of(report: Report) -> usize {
    let reason = report.forward.map_or(0, |forward| forward as usize + 1);
    let detail = report.detail.map_or(0, str::len);
    let ttl = report.ttl.unwrap_or_default() as usize;
    ttl.wrapping_add(8 * reason).wrapping_add(detail) % SLOTS
}

/// Returns a name as a structured field: a token if possible, else a string. `None` if the name is
/// empty, or has characters that neither can hold.
fn structured(name: &str) -> Option<Box<str>> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    if name.bytes().next().is_some_and(first) && name.bytes().all(rest) {
        return Some(name.into());
    }
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let mut quoted = String::from("\"");
    for letter in name.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    Some(quoted.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_tokens_or_strings() {
        let written = |name| structured(name).unwrap();
        assert_eq!(&*written("scrimp"), "scrimp");
        assert_eq!(&*written("edge 1 \"a\""), "\"edge 1 \\\"a\\\"\"");
        for name in ["", "a\n", "caf\u{e9}", "\u{7f}"] {
            assert_eq!(structured(name), None, "{name:?}");
        }
    }
}
