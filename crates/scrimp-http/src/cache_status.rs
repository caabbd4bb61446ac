//! Verdicts of caches on the way: Cache-Status (RFC 9211), and the fields of Varnish, nginx and
//! CDNs.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::list::{split, unquote};

/// The verdict of the nearest cache.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CacheVerdict {
    /// The cache answered from store.
    pub hit: Option<bool>,
    /// The stored response was stale.
    pub stale: bool,
    /// Time until the response is stale, in seconds; negative once it is.
    pub ttl: Option<i64>,
    /// The cache stores the response.
    pub stored: Option<bool>,
    /// The cache shared the upstream call of another request (`collapsed`).
    pub collapsed: bool,
}

/// Fields that give the verdict as a word: CloudFront, Fastly and Squid; nginx; Cloudflare.
const WORDS: [&str; 3] = ["x-cache", "x-cache-status", "cf-cache-status"];

// === impl CacheVerdict ===

impl CacheVerdict {
    /// Reads the verdict of the nearest cache. `None` if no field gives one.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        if let Some(member) = nearest(headers, &header::CACHE_STATUS) {
            return Some(Self::of_member(member));
        }
        if let Some(text) = WORDS.iter().find_map(|name| last_word(headers, name)) {
            return Some(Self::of_words(text));
        }
        // Varnish: the number of this request and, on a hit, of the one that stored the response.
        let numbers = headers.get("x-varnish")?.as_bytes().trim_ascii();
        Some(Self {
            hit: Some(numbers.contains(&b' ')),
            ..Self::default()
        })
    }

    /// Reads a member of Cache-Status (RFC 9211 §2).
    fn of_member(member: &[u8]) -> Self {
        let mut verdict = Self {
            hit: Some(false),
            ..Self::default()
        };
        for parameter in split(member, b';').skip(1) {
            match crate::list::parameter(parameter) {
                (b"hit", None) => verdict.hit = Some(true),
                (b"stored", None) => verdict.stored = Some(true),
                (b"collapsed", None) => verdict.collapsed = true,
                (b"ttl", Some(seconds)) => verdict.ttl = integer(seconds),
                (b"fwd", Some(b"bypass" | b"method")) => verdict.stored = Some(false),
                _ => {}
            }
        }
        verdict.stale = verdict.ttl.is_some_and(|ttl| ttl < 0);
        verdict
    }

    /// Reads a word such as `HIT`, or a sentence that contains one.
    fn of_words(text: &[u8]) -> Self {
        let has = |word: &str| {
            let mut words = text.split(|letter| !letter.is_ascii_alphanumeric());
            words.any(|other| other.eq_ignore_ascii_case(word.as_bytes()))
        };
        let stale = has("stale") || has("updating");
        let bypassed = has("dynamic") || has("none") || has("pass");
        Self {
            // A revalidated response is as good as a new one: it is fresh from now on.
            hit: Some(has("hit") || stale),
            stale,
            stored: bypassed.then_some(false),
            ..Self::default()
        }
    }
}

/// Returns the `detail` of the nearest cache in Cache-Status (RFC 9211 §2.8).
#[must_use]
pub fn detail(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let member = nearest(headers, &header::CACHE_STATUS)?;
    split(member, b';').skip(1).find_map(|parameter| {
        let (name, value) = crate::list::parameter(parameter);
        value.filter(|_| name == b"detail").map(unquote)
    })
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn last_word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let line = headers.get_all(name).iter().next_back()?.as_bytes();
    line.rsplit(|&byte| byte == b',').next()
}

/// Returns the last member of a list: the cache nearest to the reader (RFC 9211 §2).
fn nearest<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let line = headers.get_all(name).iter().next_back();
    split(line.map(HeaderValue::as_bytes)?, b',').last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &str) -> CacheVerdict {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        CacheVerdict::read(&headers).expect("a verdict")
    }

    #[test]
    fn the_nearest_cache_counts() {
        let verdict = read(
            "cache-status",
            "o; hit, \"a, b\"; fwd=uri-miss; ttl=60; stored",
        );
        assert_eq!(
            (verdict.hit, verdict.stored, verdict.ttl),
            (Some(false), Some(true), Some(60))
        );
        assert!(read("cache-status", "a; hit; ttl=-5").stale);
        assert!(read("cache-status", "a; fwd=miss; collapsed").collapsed);
        assert_eq!(read("cache-status", "a; fwd=bypass").stored, Some(false));
        assert_eq!(read("x-cache", "MISS, HIT").hit, Some(true));
    }

    #[test]
    fn the_detail_of_the_nearest_cache_is_read_in_quotes_or_without() {
        for (value, expected) in [
            ("a; fwd=miss; detail=only-if-cached", Some("only-if-cached")),
            (
                "a; detail=x, b; fwd=miss; detail=\"y; z\"; ttl=1",
                Some("y; z"),
            ),
            ("a; detail=x, b; fwd=miss", None),
            ("a; detail", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("cache-status", value.parse().unwrap());
            let found = detail(&headers);
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{value}");
        }
        assert_eq!(detail(&HeaderMap::new()), None);
    }

    #[test]
    fn words_of_vendors_are_read() {
        assert_eq!(read("x-cache", "Miss from cloudfront").hit, Some(false));
        assert_eq!(
            read("x-cache-status", "STALE"),
            CacheVerdict {
                hit: Some(true),
                stale: true,
                ..CacheVerdict::default()
            }
        );
        assert_eq!(read("cf-cache-status", "DYNAMIC").stored, Some(false));
        assert_eq!(read("x-varnish", "32770 3").hit, Some(true));
        assert_eq!(read("x-varnish", "5").hit, Some(false));
        assert_eq!(CacheVerdict::read(&HeaderMap::new()), None);
    }
}
