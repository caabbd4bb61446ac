//! Cache-Control of a response, and the fields that target one class of caches.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sfv::{BareItem, Dictionary, ListEntry};

use super::directive::{directive, is, is_argument, shorten};
use crate::{
    date,
    list::{delta_seconds, is_token, line_members},
    structured::structured,
};

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

// === impl ResponseControl ===

impl ResponseControl {
    /// Reads the lines of a response's Cache-Control.
    ///
    /// If a lifetime is repeated, the shorter counts, and one that is not a number is 0. RFC 9111
    /// §4.2.1 asks for the first or for stale; this result is never fresher than either. A member
    /// that does not have the form `token[=value]`, or whose name has marks around it (`'no-store'`),
    /// counts as `no-store`, `private` or `no-cache` if it contains one of them as a word, as nginx
    /// and Varnish read it.
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
    pub(super) fn take_plain(&mut self, member: &[u8]) -> bool {
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

    pub(super) fn take(&mut self, member: &[u8]) {
        let (name, argument) = directive(member);
        if !is_argument(member, name) {
            self.salvage(member, name, argument.as_deref());
        } else if !self.apply(name, argument.as_deref()) {
            match is_token(name) {
                // `'no-store'` is a token too.
                true => self.forbid(name),
                false => self.salvage(member, name, argument.as_deref()),
            }
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
        self.forbid(member);
        // `max-age = 9` names its directive, but its argument cannot be trusted.
        let forbids = ["no-store", "no-cache", "private"];
        if is_token(name) && !forbids.iter().any(|known| is(name, known)) {
            self.apply(name, argument);
        }
    }

    /// Takes the prohibitions that a text contains as words.
    fn forbid(&mut self, text: &[u8]) {
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let words = || text.split(|byte| !in_word(byte));
        self.no_store |= words().any(|word| is(word, "no-store"));
        self.no_cache |= words().any(|word| is(word, "no-cache"));
        self.private |= words().any(|word| is(word, "private"));
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
