//! A cache's name, and the values that are written once and handed out many times.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

use super::{Forward, Report};

/// Hits with a TTL below this, in seconds, have their value ready.
const READY_TTLS: i64 = 4096;

/// Names for which values are made ready, of a quarter of a megabyte each. They stay for as
/// long as the process lives: what is handed out then needs no counting of references.
const READY_NAMES: usize = 8;

/// The names that have them.
static READY: Mutex<Vec<(Box<str>, Hits)>> = Mutex::new(Vec::new());

/// The value of a plain hit for each TTL.
type Hits = &'static [HeaderValue];

/// A cache's name as a structured field, and what it says most often.
#[derive(Debug, Clone)]
pub(crate) struct CacheName {
    pub(super) name: Box<str>,
    hits: OnceLock<Option<Hits>>,
    others: Arc<RwLock<Vec<Other>>>,
}

/// A report without numbers, of which there are a few dozen, and its value.
#[derive(Debug)]
struct Other {
    forward: Option<Forward>,
    detail: Option<&'static str>,
    value: HeaderValue,
}

// === impl CacheName ===

impl CacheName {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: structured(name),
            hits: OnceLock::new(),
            others: Arc::default(),
        }
    }

    /// What a plain hit says, if it is ready.
    #[inline]
    pub(super) fn ready_hit(&self, ttl: i64) -> Option<HeaderValue> {
        let hits = (*self.hits.get_or_init(|| hits(&self.name)))?;
        hits.get(usize::try_from(ttl).ok()?).cloned()
    }

    /// What a report without numbers says.
    pub(super) fn other(&self, report: Report, make: impl FnOnce() -> HeaderValue) -> HeaderValue {
        let same =
            |other: &&Other| other.forward == report.forward && other.detail == report.detail;
        if let Some(known) = self.others.read().iter().find(same) {
            return known.value.clone();
        }
        let value = make();
        self.others.write().push(Other {
            forward: report.forward,
            detail: report.detail,
            value: value.clone(),
        });
        value
    }
}

/// The hits of a name: found, or made if there is room for one name more.
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

/// A name as a structured field: a token where it can be one, else a string.
fn structured(name: &str) -> Box<str> {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'*';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    if name.bytes().next().is_some_and(first) && name.bytes().all(rest) {
        return name.into();
    }
    let mut quoted = String::from("\"");
    for letter in name.chars().filter(|letter| matches!(letter, ' '..='~')) {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_tokens_or_strings() {
        assert_eq!(&*structured("scrimp"), "scrimp");
        assert_eq!(&*structured("edge 1 \"a\"\n"), "\"edge 1 \\\"a\\\"\"");
    }

    #[test]
    fn a_name_too_many_is_written_out_each_time() {
        for number in 0..2 * READY_NAMES {
            let name = CacheName::new(&format!("edge-{number}"));
            let value = Report::hit(60).value(&name, None);
            assert_eq!(value, format!("edge-{number}; hit; ttl=60"));
        }
        assert!(READY.lock().len() <= READY_NAMES);
    }
}
