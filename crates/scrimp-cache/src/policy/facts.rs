//! A request, read once.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{
    control::RequestControl,
    credentials::Credentials,
    sieve::{Names, Sieve},
};

/// How a cache treats a method (RFC 9110 §9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodClass {
    Get,
    Head,
    /// Safe, and of no interest to a cache: OPTIONS, TRACE and the like.
    Safe,
    /// Changes something: its success invalidates (RFC 9111 §4.4). An unknown method counts
    /// as unsafe.
    Unsafe,
}

/// Everything the policy asks of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestFacts {
    pub(crate) method: MethodClass,
    pub(crate) control: RequestControl,
    /// A field that says who asks.
    pub(crate) authorization: bool,
    pub(crate) cookie: bool,
    pub(crate) range: bool,
    /// If-None-Match or If-Modified-Since: a cache can answer these.
    pub(crate) conditional: bool,
    /// If-Match or If-Unmodified-Since: only an origin can.
    pub(crate) precondition: bool,
    /// More than one Host, or one that two readers may take for two hosts.
    pub(crate) ambiguous_host: bool,
    pub(crate) host: bool,
    /// The host is written with capitals, which mean nothing.
    pub(crate) host_in_capitals: bool,
    /// A field that upstreams may believe more than the target URI: see [`retells`].
    pub(crate) retold: bool,
    /// A field that may make it a request for something else: see [`overrides`].
    pub(crate) overridden: bool,
}

/// Whether upstreams may take from this field under which name they were asked: frameworks
/// make links and redirects of it. What a client says there must not reach others, so it
/// becomes part of the key.
///
/// Fields that tell of the client's address are not among them: they differ with every
/// client, and nobody makes an answer for all of one client's address.
pub(crate) fn retells(name: &HeaderName) -> bool {
    RETELLING.contains(name)
}

static RETELLING: Names = Names::new(&[
    "forwarded",
    "front-end-https",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-host",
    "x-http-host-override",
    "x-original-host",
    "x-scheme",
    "x-url-scheme",
]);

/// Whether upstreams may take from this field which method or path is meant. Then the
/// request is not the one that the key and the rules see.
fn overrides(name: &HeaderName) -> bool {
    OVERRIDING.contains(name)
}

static OVERRIDING: Names = Names::new(&[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
]);

/// Lets through all fields that [`RequestFacts`] are read from, credentials aside.
pub(super) static TELLING: Sieve = Names::new(&[
    "cache-control",
    "cookie",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
])
.sieve()
.or(RETELLING.sieve())
.or(OVERRIDING.sieve());

// === impl RequestFacts ===

impl RequestFacts {
    /// Reads a request in one pass over its header fields.
    pub(crate) fn read(method: &Method, headers: &HeaderMap, credentials: &Credentials) -> Self {
        Self::read_with_host(method, headers, credentials).0
    }

    /// Reads a request, and hands out its Host, which the key needs: the pass has come by it.
    #[inline]
    pub(crate) fn read_with_host<'a>(
        method: &Method,
        headers: &'a HeaderMap,
        credentials: &Credentials,
    ) -> (Self, Option<&'a HeaderValue>) {
        let mut host = None;
        let mut facts = Self {
            method: class(method),
            control: RequestControl::default(),
            authorization: false,
            cookie: false,
            range: false,
            conditional: false,
            precondition: false,
            ambiguous_host: false,
            host: false,
            host_in_capitals: false,
            retold: false,
            overridden: false,
        };
        let mut control = false;
        for (name, value) in headers {
            if !credentials.may_tell(name) {
                continue;
            }
            if name == header::HOST {
                facts.note_host(value);
                host.get_or_insert(value);
            } else {
                facts.authorization |= credentials.contains(name);
                facts.note(name, &mut control);
            }
        }
        if control {
            facts.control = RequestControl::parse(headers.get_all(header::CACHE_CONTROL));
        }
        (facts, host)
    }

    fn note_host(&mut self, value: &HeaderValue) {
        let kinds = host_bytes(value);
        self.ambiguous_host |= self.host || kinds & FOREIGN != 0;
        self.host_in_capitals = kinds & CAPITAL != 0;
        self.host = true;
    }

    fn note(&mut self, name: &HeaderName, control: &mut bool) {
        match *name {
            header::CACHE_CONTROL => *control = true,
            header::COOKIE => self.cookie = true,
            header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE => self.conditional = true,
            header::IF_MATCH | header::IF_UNMODIFIED_SINCE => self.precondition = true,
            header::RANGE => self.range = true,
            _ => {
                self.retold |= retells(name);
                self.overridden |= overrides(name);
            }
        }
    }
}

/// A byte that no name or address, and no port, has in it.
const FOREIGN: u8 = 1;
/// A byte that means the same as its small letter.
const CAPITAL: u8 = 2;

static HOST_BYTES: [u8; 256] = {
    let mut table = [FOREIGN; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => CAPITAL,
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']' => 0,
            _ => FOREIGN,
        };
        byte += 1;
    }
    table
};

/// Which kinds of bytes a host is made of, in one pass. One with a foreign byte, as in
/// `evil.example/@victim.example`, is one host to some readers and another to others.
fn host_bytes(value: &HeaderValue) -> u8 {
    let kind = |kinds, &byte: &u8| kinds | HOST_BYTES[usize::from(byte)];
    value.as_bytes().iter().fold(0, kind)
}

fn class(method: &Method) -> MethodClass {
    match *method {
        Method::GET => MethodClass::Get,
        Method::HEAD => MethodClass::Head,
        Method::OPTIONS | Method::TRACE | Method::CONNECT => MethodClass::Safe,
        // Registered as safe (RFC 9110 §16.1.1): PROPFIND, REPORT, SEARCH, QUERY, PRI.
        _ if matches!(
            method.as_str(),
            "PROPFIND" | "REPORT" | "SEARCH" | "QUERY" | "PRI"
        ) =>
        {
            MethodClass::Safe
        }
        _ => MethodClass::Unsafe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn one_pass_sees_every_field_a_cache_cares_about() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "range",
            "if-none-match",
            "if-match",
            "host",
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        headers.append("host", HeaderValue::from_static("y"));
        headers.append("cache-control", HeaderValue::from_static("no-cache"));
        headers.append("cache-control", HeaderValue::from_static("max-age=3"));
        let facts = RequestFacts::read(&Method::GET, &headers, &Credentials::default());
        assert!(facts.authorization && facts.cookie && facts.range && facts.conditional);
        assert!(facts.precondition && facts.ambiguous_host && facts.control.no_cache);
        assert_eq!(facts.control.max_age, Some(3));
    }

    #[test]
    fn fields_that_tell_another_story_than_the_target_are_seen() {
        let read = |name, value| {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            RequestFacts::read(&Method::GET, &headers, &Credentials::default())
        };
        assert!(read("x-forwarded-host", "a").retold && read("forwarded", "host=a").retold);
        assert!(read("x-original-url", "/").overridden);
        let harmless = read("x-forwarded-for", "::1");
        assert!(!harmless.retold && !harmless.overridden);
        for host in ["a@b", "a/b", "a,b", "a b", "a\\b", "a?b"] {
            assert!(read("host", host).ambiguous_host, "{host}");
        }
        for host in ["", "a.example:80", "[::1]:8080", "a_b.example."] {
            assert!(!read("host", host).ambiguous_host, "{host}");
        }
    }

    #[test]
    fn a_method_nobody_knows_counts_as_unsafe() {
        let class = |name: &str| class(&Method::from_bytes(name.as_bytes()).unwrap());
        assert_eq!(class("M-SEARCH"), MethodClass::Unsafe);
        assert_eq!(class("get"), MethodClass::Unsafe);
        assert_eq!(class("PROPFIND"), MethodClass::Safe);
    }
}
