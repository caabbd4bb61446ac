//! A cache's name, and field values that are made once and reused.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

use super::Report;

/// Limit on the TTL, in seconds, below which a hit's value is made in advance.
const READY_TTLS: i64 = 4096;

/// Number of names whose values are made in advance, a quarter of a megabyte each. They live as
/// long as the process, so handing one out counts no references.
const READY_NAMES: usize = 8;

/// The names with values made in advance.
static READY: Mutex<Vec<(Box<str>, Hits)>> = Mutex::new(Vec::new());

/// The value of a plain hit for each TTL.
type Hits = &'static [HeaderValue];

/// A cache's name as a structured field, with its most frequent values.
#[derive(Debug, Clone)]
pub(crate) struct CacheName {
    pub(super) name: Box<str>,
    hits: OnceLock<Option<Hits>>,
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
            hits: OnceLock::new(),
            others: Arc::new([const { RwLock::new(None) }; SLOTS]),
        }
    }

    /// Returns the value of a plain hit, after the members of caches nearer to the origin.
    #[inline]
    pub(crate) fn hit(&self, ttl: i64, upstream: Option<&Bytes>) -> HeaderValue {
        let ready = match upstream {
            None => self.ready_hit(ttl),
            Some(_) => None,
        };
        ready.unwrap_or_else(|| Report::hit(ttl).value(self, upstream))
    }

    fn ready_hit(&self, ttl: i64) -> Option<HeaderValue> {
        let hits = (*self.hits.get_or_init(|| hits(&self.name)))?;
        hits.get(usize::try_from(ttl).ok()?).cloned()
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

/// Returns the hits of a name, and makes them if there is room for one more name.
fn hits(name: &str) -> Option<Hits> {
    let mut ready = READY.lock();
    if let Some((_, hits)) = ready.iter().find(|(known, _)| **known == *name) {
        return Some(hits);
    }
    if ready.len() == READY_NAMES {
        return None;
    }
    let hits: Hits = make_hits(name).leak();
    ready.push((name.into(), hits));
    Some(hits)
}

fn make_hits(name: &str) -> Vec<HeaderValue> {
    let mut text = String::new();
    let mut ends = Vec::new();
    for ttl in 0..READY_TTLS {
        text.push_str(&format!("{name}; hit; ttl={ttl}"));
        ends.push(text.len());
    }
    let text: &'static str = text.leak();
    let mut start = 0;
    let next = |end| {
        let value = &text[start..end];
        start = end;
        HeaderValue::from_static(value)
    };
    ends.into_iter().map(next).collect()
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

    #[test]
    fn a_name_too_many_is_written_out_each_time() {
        for number in 0..2 * READY_NAMES {
            let name = CacheName::new(&format!("edge-{number}")).unwrap();
            let value = name.hit(60, None);
            assert_eq!(value, format!("edge-{number}; hit; ttl=60"));
        }
        assert!(READY.lock().len() <= READY_NAMES);
    }
}
