//! Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246).

use http::{HeaderName, HeaderValue};

use super::fields::members;

/// RFC 9111 §1.2.2: what cannot be represented counts as 2³¹ seconds.
const MAX_DELTA: u32 = 1 << 31;

/// What a request asks of caches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestControl {
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u32>,
    /// `u32::MAX`: however stale.
    pub(crate) max_stale: Option<u32>,
    pub(crate) min_fresh: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
}

/// What a response tells caches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResponseControl {
    /// Said in a field for this class of caches, which replaces Expires too (RFC 9213 §2.2).
    pub(crate) targeted: bool,
    pub(crate) no_store: bool,
    pub(crate) no_cache: bool,
    pub(crate) private: bool,
    /// Fields that a qualified `no-cache` or `private` names.
    pub(crate) withheld: Vec<HeaderName>,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) immutable: bool,
    pub(crate) max_age: Option<u32>,
    pub(crate) s_maxage: Option<u32>,
    pub(crate) stale_while_revalidate: Option<u32>,
    pub(crate) stale_if_error: Option<u32>,
}

// === impl RequestControl ===

impl RequestControl {
    /// Reads the lines of a request's Cache-Control.
    pub(crate) fn parse<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut control = Self::default();
        for member in members(lines) {
            let (name, argument) = directive(member);
            let seconds = || argument.as_deref().and_then(delta);
            if is(name, "no-cache") {
                control.no_cache = true;
            } else if is(name, "no-store") {
                control.no_store = true;
            } else if is(name, "only-if-cached") {
                control.only_if_cached = true;
            } else if is(name, "max-age") {
                // An age nobody can read: validate, which is never wrong.
                shorten(&mut control.max_age, seconds().unwrap_or(0));
            } else if is(name, "min-fresh") {
                control.min_fresh = control.min_fresh.max(seconds());
            } else if is(name, "max-stale") {
                match argument {
                    None => control.max_stale = Some(control.max_stale.unwrap_or(u32::MAX)),
                    Some(_) => shorten(&mut control.max_stale, seconds().unwrap_or(0)),
                }
            } else if is(name, "stale-if-error")
                && let Some(seconds) = seconds()
            {
                shorten(&mut control.stale_if_error, seconds);
            }
        }
        control
    }

    /// Forgets what makes a cache ask the upstream or keeps it from storing. What lets it
    /// answer more, or not ask at all, costs nobody a call and stays.
    pub(crate) fn drop_demands(&mut self) {
        self.no_cache = false;
        self.no_store = false;
        self.max_age = None;
        self.min_fresh = None;
    }
}

// === impl ResponseControl ===

impl ResponseControl {
    /// Reads the lines of a response's Cache-Control.
    ///
    /// Where a lifetime stands twice the shorter counts, and one that is no number is
    /// zero: RFC 9111 §4.2.1 asks for the first or for stale, and this is never fresher
    /// than either.
    pub(crate) fn parse<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut control = Self::default();
        for member in members(lines) {
            let (name, argument) = directive(member);
            control.apply(name, argument.as_deref());
        }
        control
    }

    fn apply(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let lifetime = || argument.and_then(delta).unwrap_or(0);
        // By length, so that a name is compared with one or two others and not with twelve.
        match name.len() {
            6 if is(name, "public") => self.public = true,
            7 if is(name, "max-age") => shorten(&mut self.max_age, lifetime()),
            7 if is(name, "private") => self.private |= !self.withhold(argument),
            8 if is(name, "no-store") => self.no_store = true,
            8 if is(name, "no-cache") => self.no_cache |= !self.withhold(argument),
            8 if is(name, "s-maxage") => shorten(&mut self.s_maxage, lifetime()),
            9 if is(name, "immutable") => self.immutable = true,
            14 if is(name, "stale-if-error") => shorten(&mut self.stale_if_error, lifetime()),
            15 if is(name, "must-revalidate") => self.must_revalidate = true,
            15 if is(name, "must-understand") => self.must_understand = true,
            16 if is(name, "proxy-revalidate") => self.proxy_revalidate = true,
            22 if is(name, "stale-while-revalidate") => {
                shorten(&mut self.stale_while_revalidate, lifetime());
            }
            _ => {}
        }
    }

    /// Notes the fields of a qualified directive. False if it is not qualified, or names
    /// something that is no field: then it counts for the whole response.
    fn withhold(&mut self, argument: Option<&[u8]>) -> bool {
        let Some(argument) = argument else {
            return false;
        };
        let names: Result<Vec<_>, _> = argument
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty())
            .map(HeaderName::from_bytes)
            .collect();
        match names {
            Ok(names) if !names.is_empty() => {
                self.withheld.extend(names);
                true
            }
            _ => false,
        }
    }
}

fn is(name: &[u8], expected: &str) -> bool {
    name.eq_ignore_ascii_case(expected.as_bytes())
}

fn shorten(slot: &mut Option<u32>, seconds: u32) {
    *slot = Some(slot.map_or(seconds, |present| present.min(seconds)));
}

/// Parts a directive into its name and its argument, out of its quotes.
fn directive(member: &[u8]) -> (&[u8], Option<std::borrow::Cow<'_, [u8]>>) {
    let Some(equals) = member.iter().position(|&byte| byte == b'=') else {
        return (member, None);
    };
    // White space around the sign is not allowed. The name is still recognised, so that
    // `no-store =x` keeps its force; the argument is spoilt, so that `max-age = 9` is 0.
    let name = member[..equals].trim_ascii_end();
    let raw = &member[equals + 1..];
    if name.len() != equals || raw.first().is_some_and(u8::is_ascii_whitespace) {
        return (name, Some(b"".as_slice().into()));
    }
    match raw {
        [b'"', inner @ .., b'"'] => (name, Some(unescape(inner))),
        _ => (name, Some(raw.into())),
    }
}

fn unescape(quoted: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if !quoted.contains(&b'\\') {
        return quoted.into();
    }
    let mut bytes = quoted.iter().copied();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' {
            bytes.next().unwrap_or(byte)
        } else {
            byte
        });
    }
    plain.into()
}

/// Delta-seconds (RFC 9111 §1.2.2): digits and nothing else.
pub(crate) fn delta(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = text.iter().fold(0u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(u32::try_from(value).unwrap_or(MAX_DELTA).min(MAX_DELTA))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(text: &str) -> ResponseControl {
        ResponseControl::parse(&[HeaderValue::from_str(text).unwrap()])
    }

    #[test]
    fn names_are_read_in_any_case_and_arguments_in_quotes() {
        let control = response(r#"MaX-AgE="60", No-StOrE, PUBLIC"#);
        assert_eq!(control.max_age, Some(60));
        assert!(control.no_store && control.public);
    }

    #[test]
    fn an_argument_that_is_no_number_makes_the_response_stale() {
        for text in ["-1", "1.5", "'60'", "60a", "a60", "", " 60"] {
            assert_eq!(
                response(&format!("max-age={text}")).max_age,
                Some(0),
                "{text}"
            );
        }
        assert_eq!(response("max-age =60").max_age, Some(0));
        assert_eq!(response("max-age=003600").max_age, Some(3600));
        assert_eq!(
            response("max-age=99999999999999999999999").max_age,
            Some(1 << 31)
        );
    }

    #[test]
    fn of_two_lifetimes_the_shorter_counts() {
        assert_eq!(response("max-age=1, max-age=1800").max_age, Some(1));
        assert_eq!(response("max-age=1800, max-age=1").max_age, Some(1));
    }

    #[test]
    fn what_stands_in_a_quoted_string_is_no_directive() {
        let control = response(r#"extension="max-age=100, no-store", max-age=1"#);
        assert_eq!((control.max_age, control.no_store), (Some(1), false));
    }

    #[test]
    fn a_qualified_directive_names_fields_and_a_broken_one_means_everything() {
        let control = response(r#"no-cache="Set-Cookie, x-user", private="Age""#);
        assert!(!control.no_cache && !control.private);
        assert_eq!(control.withheld, ["set-cookie", "x-user", "age"]);
        assert!(response(r#"private="a b""#).private);
        assert!(response(r#"no-cache="""#).no_cache);
    }

    #[test]
    fn a_request_says_what_it_accepts() {
        let lines = ["max-stale, MIN-FRESH=5", "max-age=10, stale-if-error=60"];
        let control = RequestControl::parse(&lines.map(HeaderValue::from_static));
        assert_eq!(control.max_stale, Some(u32::MAX));
        assert_eq!(control.min_fresh, Some(5));
        assert_eq!(control.max_age, Some(10));
        assert_eq!(control.stale_if_error, Some(60));
    }

    proptest! {
        #[test]
        fn no_line_panics_and_no_store_is_never_overlooked(before in "[ -~]{0,30}", after in "[ -~]{0,30}") {
            prop_assume!(!before.contains('"'));
            let control = response(&format!("{before}, nO-sToRe ,{after}"));
            prop_assert!(control.no_store);
        }
    }
}
