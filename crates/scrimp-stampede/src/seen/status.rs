//! What caches say of a hit or a miss.

use http::{HeaderMap, HeaderValue, header};

/// The verdict of the cache that is nearest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) hit: Option<bool>,
    pub(super) stale: bool,
    /// Seconds until stale; negative once it is.
    pub(super) ttl: Option<i64>,
    pub(super) stored: Option<bool>,
}

/// Fields in which a word says it.
const WORDS: [&str; 3] = ["x-cache", "x-cache-status", "cf-cache-status"];

// === impl Verdict ===

impl Verdict {
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        if let Some(member) = last(headers, &header::CACHE_STATUS) {
            return Some(Self::of_member(member));
        }
        let named = WORDS.iter().find_map(|name| last_word(headers, name));
        if let Some(text) = named {
            return Some(Self::of_words(text));
        }
        // Varnish: the number of this request, and on a hit also of the one that stored it.
        let numbers = headers.get("x-varnish")?.to_str().ok()?;
        Some(Self {
            hit: Some(numbers.trim().contains(' ')),
            ..Self::default()
        })
    }

    /// A member of Cache-Status (RFC 9211 §2).
    fn of_member(member: &str) -> Self {
        let mut verdict = Self {
            hit: Some(false),
            ..Self::default()
        };
        for parameter in split(member, ';').skip(1) {
            match parameter.trim().split_once('=') {
                None if parameter.trim() == "hit" => verdict.hit = Some(true),
                None if parameter.trim() == "stored" => verdict.stored = Some(true),
                Some(("ttl", seconds)) => verdict.ttl = seconds.trim().parse().ok(),
                Some(("fwd", "bypass" | "method")) => verdict.stored = Some(false),
                _ => {}
            }
        }
        verdict.stale = verdict.ttl.is_some_and(|ttl| ttl < 0);
        verdict
    }

    /// A word such as `HIT`, or a sentence with it.
    fn of_words(text: &str) -> Self {
        let has = |word: &str| {
            let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
            words.any(|other| other.eq_ignore_ascii_case(word))
        };
        let stale = has("stale") || has("updating");
        let bypassed = has("dynamic") || has("none") || has("pass");
        Self {
            // Revalidated is as good as filled: it is fresh from this moment on.
            hit: Some(has("hit") || stale),
            stale,
            ttl: None,
            stored: bypassed.then_some(false),
        }
    }
}

fn last_word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next()
}

/// The last member of a list: the cache nearest to the reader (RFC 9211 §2).
fn last<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next_back().map(HeaderValue::to_str)?.ok()?;
    split(line, ',').last()
}

/// Splits where the separator is not quoted.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |letter| {
        match letter {
            _ if escaped => {
                escaped = false;
                return false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        letter == separator && !quoted
    })
}
