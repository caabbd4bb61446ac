//! Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246) and the fields that target one class of
//! caches (RFC 9213).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::{
    date,
    list::{delta_seconds, is_token, line_members, members, unquote},
    scan::find,
};

/// The field for content delivery networks (RFC 9213 §3).
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Cache-Control directives of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// The client demands validation before reuse.
    pub no_cache: bool,
    /// Neither request nor response may be stored.
    pub no_store: bool,
    /// The client accepts a stored response only.
    pub only_if_cached: bool,
    /// Highest age, in seconds.
    pub max_age: Option<u32>,
    /// Highest staleness of the answer, in seconds; `u32::MAX` for any staleness.
    pub max_stale: Option<u32>,
    /// Shortest time that the answer must stay fresh, in seconds.
    pub min_fresh: Option<u32>,
    /// Highest staleness of an answer when the upstream fails, in seconds.
    pub stale_if_error: Option<u32>,
}

/// Cache-Control directives of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseControl {
    /// The directives come from a targeted field, which replaces Expires too (RFC 9213 §2.2).
    pub targeted: bool,
    /// The response must not be stored.
    pub no_store: bool,
    /// Each reuse needs validation.
    pub no_cache: bool,
    /// The response is for one user.
    pub private: bool,
    /// Fields that a qualified `no-cache` or `private` names.
    pub withheld: Vec<HeaderName>,
    /// Any cache may store the response.
    pub public: bool,
    /// A stale response must not be reused without validation.
    pub must_revalidate: bool,
    /// The same, for shared caches.
    pub proxy_revalidate: bool,
    /// Only a cache that understands the status may store the response (RFC 9111 §5.2.2.3).
    pub must_understand: bool,
    /// Validation is unnecessary while the response is fresh (RFC 8246).
    pub immutable: bool,
    /// Freshness lifetime, in seconds.
    pub max_age: Option<u32>,
    /// Freshness lifetime in shared caches, in seconds.
    pub s_maxage: Option<u32>,
    /// Time past the lifetime in which a stale response may be reused during a background
    /// refresh, in seconds.
    pub stale_while_revalidate: Option<u32>,
    /// Time past the lifetime in which a stale response may be reused if the upstream fails, in
    /// seconds.
    pub stale_if_error: Option<u32>,
    /// A member does not have the form `token[=value]`. A directive may be missing, so reuse must
    /// not rest on heuristics.
    pub malformed: bool,
}

// === impl RequestControl ===

impl RequestControl {
    /// Reads the lines of a request's Cache-Control.
    ///
    /// If a limit is repeated, the strictest counts. A limit that is not a number counts as 0:
    /// this asks for validation, which is always correct.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut control = Self::default();
        for member in members(lines) {
            let (name, argument) = directive(member);
            let seconds = || argument.as_deref().and_then(delta_seconds);
            if is(name, "no-cache") {
                control.no_cache = true;
            } else if is(name, "no-store") {
                control.no_store = true;
            } else if is(name, "only-if-cached") {
                control.only_if_cached = true;
            } else if is(name, "max-age") {
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

    /// Reads Cache-Control, or Pragma if Cache-Control is absent (RFC 9111 §5.4).
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut control = Self::parse(headers.get_all(header::CACHE_CONTROL));
        control.no_cache |=
            !headers.contains_key(header::CACHE_CONTROL) && pragma_no_cache(headers);
        control
    }

    /// Removes the directives that make a cache call the upstream or keep it from storing.
    /// Directives that allow more answers, or forbid a call, stay.
    pub fn drop_demands(&mut self) {
        self.no_cache = false;
        self.no_store = false;
        self.max_age = None;
        self.min_fresh = None;
    }

    /// Reports whether an answer that is already at hand may be too old for the request.
    #[must_use]
    pub fn wants_fresh(&self) -> bool {
        self.no_cache || self.no_store || self.max_age.is_some() || self.min_fresh.is_some()
    }
}

/// Reports whether Pragma holds `no-cache` (RFC 9111 §5.4).
#[must_use]
pub fn pragma_no_cache(headers: &HeaderMap) -> bool {
    members(headers.get_all(header::PRAGMA)).any(|member| is(directive(member).0, "no-cache"))
}

// === impl ResponseControl ===

impl ResponseControl {
    /// Reads the lines of a response's Cache-Control.
    ///
    /// If a lifetime is repeated, the shorter counts, and one that is not a number is 0. RFC 9111
    /// §4.2.1 asks for the first or for stale; this result is never fresher than either. A member
    /// that does not have the form `token[=value]` counts as `no-store`, `private` or `no-cache`
    /// if it contains one of them as a word, as nginx and Varnish read it.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut control = Self::default();
        // Two loops cost less than the iterator that joins them.
        for line in lines {
            for member in line_members(line.as_bytes()) {
                if !control.take_plain(member) {
                    control.take(member);
                }
            }
        }
        control
    }

    /// Reads a member in the common form: a known name in lower case, alone or with digits.
    /// Returns false, and changes nothing, if the form is another.
    /// [`take`](Self::take) gives the same result at three times the cost.
    #[inline]
    fn take_plain(&mut self, member: &[u8]) -> bool {
        let seconds = |begin: &[u8]| member.strip_prefix(begin).and_then(delta_seconds);
        match member {
            b"public" => self.public = true,
            b"private" => self.private = true,
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache = true,
            b"must-revalidate" => self.must_revalidate = true,
            [b'm', ..] => match seconds(b"max-age=") {
                Some(seconds) => shorten(&mut self.max_age, seconds),
                None => return false,
            },
            [b's', ..] => match seconds(b"s-maxage=") {
                Some(seconds) => shorten(&mut self.s_maxage, seconds),
                None => return false,
            },
            _ => return false,
        }
        true
    }

    fn take(&mut self, member: &[u8]) {
        let (name, argument) = directive(member);
        // A known name is a token.
        let sound =
            is_argument(member, name) && (self.apply(name, argument.as_deref()) || is_token(name));
        if !sound {
            self.salvage(member, name, argument.as_deref());
        }
    }

    /// Reads Cache-Control.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        Self::parse(headers.get_all(header::CACHE_CONTROL))
    }

    /// Reads the first field of a target list that is present, valid and not empty. It replaces
    /// Cache-Control and Expires entirely (RFC 9213 §2.2).
    #[must_use]
    pub fn targeted(headers: &HeaderMap, targets: &[HeaderName]) -> Option<Self> {
        // Most responses have none; comparing names finds this sooner than looking each field up.
        if !headers.keys().any(|name| targets.contains(name)) {
            return None;
        }
        targets.iter().find_map(|target| {
            let fields: Dictionary = structured(headers, target)?;
            (!fields.is_empty()).then(|| Self::of_dictionary(&fields))
        })
    }

    /// Returns the lifetime for a shared cache that the directives give.
    #[must_use]
    pub fn shared_lifetime(&self) -> Option<Duration> {
        let seconds = self.s_maxage.or(self.max_age)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// Reports whether a shared cache may use the response for later requests without asking the
    /// origin.
    #[must_use]
    pub fn allows_shared_reuse(&self) -> bool {
        !(self.no_store || self.no_cache || self.private)
    }

    /// Reports whether the origin lets a shared cache answer requests with credentials from the
    /// stored response (RFC 9111 §3.5).
    #[must_use]
    pub fn allows_credentials(&self) -> bool {
        self.public || self.s_maxage.is_some() || self.must_revalidate
    }

    /// Applies a directive, and reports whether it is known.
    fn apply(&mut self, name: &[u8], argument: Option<&[u8]>) -> bool {
        let lifetime = || argument.and_then(delta_seconds).unwrap_or(0);
        // By length, so that a name is compared with one or two others instead of twelve.
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
            _ => return false,
        }
        true
    }

    /// Stores the fields of a qualified directive. Returns false if the directive is not qualified
    /// or names something that is not a field; it then counts for the whole response.
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

    /// Takes the prohibitions from a malformed member, and sets its lifetime to 0.
    fn salvage(&mut self, member: &[u8], name: &[u8], argument: Option<&[u8]>) {
        self.malformed = true;
        let words = || member.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-'));
        self.no_store |= words().any(|word| is(word, "no-store"));
        self.no_cache |= words().any(|word| is(word, "no-cache"));
        self.private |= words().any(|word| is(word, "private"));
        // `max-age = 9` names its directive, but its argument cannot be trusted.
        let forbids = ["no-store", "no-cache", "private"];
        if is_token(name) && !forbids.iter().any(|known| is(name, known)) {
            self.apply(name, argument);
        }
    }

    fn of_dictionary(fields: &Dictionary) -> Self {
        let item = |name: &str| match fields.get(name) {
            Some(ListEntry::Item(item)) => Some(&item.bare_item),
            _ => None,
        };
        // A directive with an argument, or with a list, is set; one that is false is not.
        let flag = |name: &str| match item(name) {
            Some(BareItem::Boolean(set)) => *set,
            Some(_) => true,
            None => fields.contains_key(name),
        };
        // A value that is not a whole number is 0.
        let seconds = |name: &str| match item(name) {
            Some(BareItem::Integer(value)) => {
                let value = i64::from(*value);
                Some(u32::try_from(value.max(0)).map_or(1 << 31, |value| value.min(1 << 31)))
            }
            Some(_) => Some(0),
            None => fields.contains_key(name).then_some(0),
        };
        Self {
            targeted: true,
            no_store: flag("no-store"),
            no_cache: flag("no-cache"),
            private: flag("private"),
            withheld: Vec::new(),
            public: matches!(item("public"), Some(BareItem::Boolean(true))),
            must_revalidate: flag("must-revalidate"),
            proxy_revalidate: flag("proxy-revalidate"),
            must_understand: flag("must-understand"),
            immutable: matches!(item("immutable"), Some(BareItem::Boolean(true))),
            max_age: seconds("max-age"),
            s_maxage: seconds("s-maxage"),
            stale_while_revalidate: seconds("stale-while-revalidate"),
            stale_if_error: seconds("stale-if-error"),
            malformed: false,
        }
    }
}

/// Parses a structured field (RFC 9651), over all its lines. `None` if it is absent or
/// malformed; both mean the same to callers.
pub(crate) fn structured<T: sfv::FieldType>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut text = lines.next()?.to_vec();
    for line in lines {
        text.extend_from_slice(b", ");
        text.extend_from_slice(line);
    }
    Parser::new(&text).parse().ok()
}

/// Returns the lifetime that Expires gives, measured from Date, so that no local clock is
/// involved. An Expires that is not a date is in the past (RFC 9111 §5.3).
///
/// `None` if Expires or Date is missing.
#[must_use]
pub fn expires_after_date(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::EXPIRES)?;
    let now = date::field(headers, &header::DATE)?;
    let left =
        date::field(headers, &header::EXPIRES).and_then(|expires| expires.duration_since(now).ok());
    Some(left.unwrap_or_default())
}

fn is(name: &[u8], expected: &str) -> bool {
    // Most directives are in lower case.
    name == expected.as_bytes() || name.eq_ignore_ascii_case(expected.as_bytes())
}

fn shorten(slot: &mut Option<u32>, seconds: u32) {
    *slot = Some(slot.map_or(seconds, |present| present.min(seconds)));
}

/// Splits a directive into its name and its argument without quotes.
fn directive(member: &[u8]) -> (&[u8], Option<std::borrow::Cow<'_, [u8]>>) {
    let Some(equals) = find(member, b'=') else {
        return (member, None);
    };
    // White space around the sign is not allowed. The name is still recognised, so that
    // `no-store =x` stays in force; the argument is invalid, so that `max-age = 9` is 0.
    let name = member[..equals].trim_ascii_end();
    let raw = &member[equals + 1..];
    if name.len() != equals || raw.first().is_some_and(u8::is_ascii_whitespace) {
        return (name, Some(b"".as_slice().into()));
    }
    (name, Some(unquote(raw)))
}

/// Reports whether the rest after a directive's name is empty, or `=` and a value.
///
/// A value that has no quotes and is not a token, such as `max-age='60'` or `max-age=60;`, is
/// malformed.
fn is_argument(member: &[u8], name: &[u8]) -> bool {
    match &member[name.len()..] {
        [] => true,
        [b'=', b'"', inner @ .., b'"'] => !ends_early(inner),
        [b'=', value @ ..] => is_token(value),
        _ => false,
    }
}

/// Reports whether a quoted string ends before its last byte.
fn ends_early(inner: &[u8]) -> bool {
    let mut escaped = false;
    let early = inner.iter().any(|&byte| {
        let quote = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        quote
    });
    early || escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(text: &str) -> ResponseControl {
        ResponseControl::parse(&[HeaderValue::from_str(text).unwrap()])
    }

    #[test]
    fn names_are_read_in_any_case_and_arguments_in_quotes() {
        let control = response(r#"MaX-AgE="60", No-StOrE, PUBLIC"#);
        assert_eq!(control.max_age, Some(60));
        assert!(control.no_store && control.public && !control.malformed);
    }

    #[test]
    fn an_argument_that_is_not_a_number_makes_the_response_stale() {
        for text in ["-1", "1.5", "'60'", "60a", "a60", "", " 60"] {
            assert_eq!(
                response(&format!("max-age={text}")).max_age,
                Some(0),
                "{text}"
            );
        }
        assert_eq!(response("max-age =60").max_age, Some(0));
        assert_eq!(response("max-age=003600").max_age, Some(3600));
        let long = response("max-age=99999999999999999999999").max_age;
        assert_eq!(long, Some(1 << 31));
    }

    proptest! {
        #[test]
        fn the_fast_path_reads_a_plain_member_as_the_general_path_does(
            name in prop::sample::select(&[
                "public", "private", "no-store", "no-cache", "must-revalidate", "max-age",
                "s-maxage", "immutable", "x",
            ][..]),
            argument in "(=[0-9a\"]{0,12})?",
        ) {
            let member = format!("{name}{argument}");
            let (mut plain, mut any) = (ResponseControl::default(), ResponseControl::default());
            if plain.take_plain(member.as_bytes()) {
                any.take(member.as_bytes());
            }
            prop_assert_eq!(plain, any);
        }
    }

    #[test]
    fn the_shorter_of_two_lifetimes_counts() {
        assert_eq!(response("max-age=1, max-age=1800").max_age, Some(1));
        assert_eq!(response("max-age=1800, max-age=1").max_age, Some(1));
    }

    #[test]
    fn text_in_a_quoted_string_is_not_a_directive() {
        let control = response(r#"extension="max-age=100, no-store", max-age=1"#);
        assert_eq!((control.max_age, control.no_store), (Some(1), false));
        assert_eq!(
            response(r#"x="a\"b, no-store", max-age=2"#).max_age,
            Some(2)
        );
        assert_eq!(response(r#"max-age="\6\0""#).max_age, Some(60));
    }

    #[test]
    fn a_qualified_directive_names_fields_and_a_malformed_one_means_the_whole_response() {
        let control = response(r#"no-cache="Set-Cookie, x-user", private="Age""#);
        assert!(!control.no_cache && !control.private);
        assert_eq!(control.withheld, ["set-cookie", "x-user", "age"]);
        assert!(response(r#"private="a b""#).private);
        assert!(response(r#"no-cache="""#).no_cache);
        // A token names one field too (RFC 9111 §5.2.2.4).
        assert_eq!(response("private=x").withheld, ["x"]);
    }

    #[test]
    fn an_unknown_directive_changes_nothing() {
        for name in [
            "aaaaaa",
            "bbbbbbb",
            "cccccccc",
            "ddddddddd",
            "eeeeeeeeeeeeee",
            "fffffffffffffff",
            "gggggggggggggggg",
            "hhhhhhhhhhhhhhhhhhhhhh",
        ] {
            for text in [name.to_owned(), format!("{name}=60")] {
                assert_eq!(response(&text), ResponseControl::default(), "{text}");
            }
        }
    }

    #[test]
    fn a_malformed_member_forbids_what_it_names_and_rules_out_heuristics() {
        for (text, no_store, private, no_cache) in [
            ("no-store; max-age=60", true, false, false),
            ("private; max-age=60", false, true, false),
            ("no-cache; no-store; must-revalidate", true, false, true),
            ("private;", false, true, false),
            ("max-age=60; private", false, true, false),
            ("max-age=60 no-store", true, false, false),
            ("no-store =x", true, false, false),
            ("\"no-store\"", true, false, false),
            ("public max-age=60", false, false, false),
        ] {
            let control = response(text);
            let read = (control.no_store, control.private, control.no_cache);
            assert_eq!(read, (no_store, private, no_cache), "{text}");
            assert!(control.malformed, "{text}");
        }
        assert!(!response("x-no-store").no_store);
        assert!(!response("max-age=60, my-private-word").private);
        assert_eq!(response("max-age=60; must-revalidate").max_age, Some(0));
    }

    #[test]
    fn the_limits_of_a_request_are_read() {
        let lines = ["max-stale, MIN-FRESH=5", "max-age=10, stale-if-error=60"];
        let control = RequestControl::parse(&lines.map(HeaderValue::from_static));
        assert_eq!(control.max_stale, Some(u32::MAX));
        assert_eq!(control.min_fresh, Some(5));
        assert_eq!(control.max_age, Some(10));
        assert_eq!(control.stale_if_error, Some(60));
        assert!(control.wants_fresh());
    }

    #[test]
    fn pragma_counts_if_cache_control_is_absent() {
        let read = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            RequestControl::read(&headers).no_cache
        };
        assert!(read(&[("pragma", "x, No-Cache")]));
        assert!(!read(&[("pragma", "no-cachex")]));
        assert!(!read(&[
            ("pragma", "no-cache"),
            ("cache-control", "max-stale")
        ]));
    }

    fn targeted(text: &str) -> Option<ResponseControl> {
        let mut headers = HeaderMap::new();
        headers.insert("cdn-cache-control", text.parse().unwrap());
        ResponseControl::targeted(&headers, &[HeaderName::from_static("cdn-cache-control")])
    }

    #[test]
    fn a_targeted_field_is_read_as_a_structured_field() {
        let control = targeted("max-age=60;x=1, must-revalidate").unwrap();
        assert_eq!(control.max_age, Some(60));
        assert!(control.targeted && control.must_revalidate && !control.no_store);
        assert!(!targeted("no-store=?0, max-age=1").unwrap().no_store);
        assert_eq!(targeted("max-age=\"60\"").unwrap().max_age, Some(0));
        assert_eq!(targeted("max-age=-5").unwrap().max_age, Some(0));
        assert_eq!(targeted("max-age").unwrap().max_age, Some(0));
        for text in ["", "max-age=", "Max-Age=60", "max-age=60,", "max-age =60"] {
            assert_eq!(targeted(text), None, "{text}");
        }
    }

    #[test]
    fn expires_is_measured_from_date_and_a_value_that_is_not_a_date_is_past() {
        let read = |date: Option<&str>, expires: Option<&str>| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::DATE, date), (header::EXPIRES, expires)] {
                value.map(|value| headers.insert(name, value.parse().unwrap()));
            }
            expires_after_date(&headers).map(|time| time.as_secs())
        };
        let date = Some("Thu, 01 Jan 1970 00:00:10 GMT");
        assert_eq!(read(date, Some("Thu, 01 Jan 1970 00:00:40 GMT")), Some(30));
        assert_eq!(read(date, Some("Thu, 01 Jan 1970 00:00:00 GMT")), Some(0));
        assert_eq!(read(date, Some("0")), Some(0));
        assert_eq!(read(date, None), None);
        assert_eq!(read(None, Some("0")), None);
    }

    proptest! {
        #[test]
        fn no_line_panics_and_no_store_is_never_overlooked(
            before in "[ -~]{0,30}",
            after in "[ -~]{0,30}",
        ) {
            prop_assume!(!before.contains('"'));
            let control = response(&format!("{before}, nO-sToRe ,{after}"));
            prop_assert!(control.no_store);
        }

        #[test]
        fn more_members_never_make_a_response_fresher(
            some in "[ -~]{0,40}",
            more in "[ -~]{0,40}",
        ) {
            prop_assume!(!some.contains('"'));
            let (less, all) = (response(&some), response(&format!("{some},{more}")));
            let life = |control: &ResponseControl| control.max_age.unwrap_or(u32::MAX);
            prop_assert!(life(&all) <= life(&less));
            prop_assert!(all.no_store >= less.no_store && all.private >= less.private);
        }
    }
}
