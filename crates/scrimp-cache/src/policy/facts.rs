//! A request, read once.

use http::{HeaderMap, HeaderName, Method, header};

use super::control::RequestControl;

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
    pub(crate) authorization: bool,
    pub(crate) cookie: bool,
    pub(crate) range: bool,
    /// If-None-Match or If-Modified-Since: a cache can answer these.
    pub(crate) conditional: bool,
    /// If-Match or If-Unmodified-Since: only an origin can.
    pub(crate) precondition: bool,
    /// More than one Host, which no two readers need to agree on.
    pub(crate) ambiguous_host: bool,
}

// === impl RequestFacts ===

impl RequestFacts {
    /// Reads a request in one pass over its header fields.
    pub(crate) fn read(method: &Method, headers: &HeaderMap) -> Self {
        let mut facts = Self {
            method: class(method),
            control: RequestControl::default(),
            authorization: false,
            cookie: false,
            range: false,
            conditional: false,
            precondition: false,
            ambiguous_host: false,
        };
        let mut control = false;
        let mut hosts = 0;
        for name in headers.iter().map(|(name, _)| name) {
            facts.note(name, &mut control, &mut hosts);
        }
        facts.ambiguous_host = hosts > 1;
        if control {
            facts.control = RequestControl::parse(headers.get_all(header::CACHE_CONTROL));
        }
        facts
    }

    fn note(&mut self, name: &HeaderName, control: &mut bool, hosts: &mut u8) {
        // The first byte sorts out most names without comparing them.
        match name.as_str().as_bytes()[0] {
            b'a' if name == header::AUTHORIZATION => self.authorization = true,
            b'c' if name == header::CACHE_CONTROL => *control = true,
            b'c' if name == header::COOKIE => self.cookie = true,
            b'h' if name == header::HOST => *hosts = hosts.saturating_add(1),
            b'i' if name == header::IF_NONE_MATCH || name == header::IF_MODIFIED_SINCE => {
                self.conditional = true;
            }
            b'i' if name == header::IF_MATCH || name == header::IF_UNMODIFIED_SINCE => {
                self.precondition = true;
            }
            b'r' if name == header::RANGE => self.range = true,
            _ => {}
        }
    }
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
        let facts = RequestFacts::read(&Method::GET, &headers);
        assert!(facts.authorization && facts.cookie && facts.range && facts.conditional);
        assert!(facts.precondition && facts.ambiguous_host && facts.control.no_cache);
        assert_eq!(facts.control.max_age, Some(3));
    }

    #[test]
    fn a_method_nobody_knows_counts_as_unsafe() {
        let class = |name: &str| class(&Method::from_bytes(name.as_bytes()).unwrap());
        assert_eq!(class("M-SEARCH"), MethodClass::Unsafe);
        assert_eq!(class("get"), MethodClass::Unsafe);
        assert_eq!(class("PROPFIND"), MethodClass::Safe);
    }
}
