//! Cache-Control (RFC 9111 §5.2), as far as it matters here.

use http::{HeaderMap, HeaderValue, header::CACHE_CONTROL};

/// What the Cache-Control of an answer says.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) private: bool,
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    /// What is no number is no lifetime.
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
}

// === impl Control ===

impl Control {
    /// Notes what one field says. There may be several.
    pub(crate) fn read(&mut self, value: &HeaderValue) {
        for member in members(value) {
            let mut halves = member.splitn(2, |&byte| byte == b'=');
            let name = halves.next().unwrap_or_default().trim_ascii_end();
            self.note(name, halves.next().unwrap_or_default());
        }
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            7 if is(b"private") => self.private = true,
            7 if is(b"max-age") => self.max_age = Some(seconds(value)),
            8 if is(b"no-store") => self.no_store = true,
            8 if is(b"no-cache") => self.no_cache = true,
            8 if is(b"s-maxage") => self.s_maxage = Some(seconds(value)),
            _ => {}
        }
    }
}

/// Digits, quoted or not. What is too large stays so; what is no number is none.
fn seconds(value: &[u8]) -> u64 {
    let value = value.trim_ascii();
    let digits = value.strip_prefix(b"\"").unwrap_or(value);
    let digits = digits.strip_suffix(b"\"").unwrap_or(digits);
    let digit = |seconds: u64, &byte: &u8| match byte {
        b'0'..=b'9' => Some(
            seconds
                .saturating_mul(10)
                .saturating_add(u64::from(byte - b'0')),
        ),
        _ => None,
    };
    digits.iter().try_fold(0, digit).unwrap_or(0)
}

/// The members of a list. A comma inside quotes parts too: then a part of what is quoted is
/// read as a directive, which can only make an answer less shared.
pub(crate) fn members(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let members = value.as_bytes().split(|&byte| byte == b',');
    members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// Whether a request asks for more than what is at hand.
pub(crate) fn wants_fresh(headers: &HeaderMap) -> bool {
    let asks = |member: &[u8]| {
        let name = member.split(|&byte| byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        [&b"no-cache"[..], b"no-store", b"max-age", b"min-fresh"]
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one))
    };
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(members)
        .any(asks)
        || headers.contains_key(http::header::PRAGMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static str) -> Control {
        let mut control = Control::default();
        control.read(&HeaderValue::from_static(value));
        control
    }

    #[test]
    fn lifetimes_are_read_quoted_or_not_and_are_zero_if_they_are_no_numbers() {
        for (value, seconds) in [
            ("max-age=60", 60),
            ("MAX-AGE = \"60\"", 60),
            ("public,max-age=60 ", 60),
            ("max-age=-1", 0),
            ("max-age=", 0),
            ("max-age", 0),
            ("max-age=99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(read(value).max_age, Some(seconds), "{value}");
        }
        assert_eq!(read("s-maxage=7").s_maxage, Some(7));
        assert_eq!(read("stale-while-revalidate=7").max_age, None);
    }

    #[test]
    fn directives_are_read_whatever_their_case_and_whatever_is_around_them() {
        let control = read(" ,No-Cache , x=\"a, private\" ,no-STORE");
        assert!(control.no_cache && control.no_store);
        // Half of something quoted, which makes it less shared.
        assert!(!control.private);
        assert!(read("private=\"set-cookie\"").private);
    }
}
