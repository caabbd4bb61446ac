//! The facts of a request, read once.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use scrimp_http::{
    cache_control::RequestControl,
    credentials::Credentials,
    method,
    names::Sieve,
    role::{DECIDING, is_indifferent},
    target::{HostBytes, OVERRIDING, RETELLING, forwarded_claims, overrides, retells},
};

/// Class of a method for a cache (RFC 9110 §9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodClass {
    Get,
    Head,
    /// A safe method that a cache does not answer: OPTIONS, TRACE and the like.
    Safe,
    /// A method that changes something: its success invalidates (RFC 9111 §4.4). An unknown method
    /// counts as unsafe.
    Unsafe,
}

/// Everything the policy needs from a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestFacts {
    pub(crate) method: MethodClass,
    pub(crate) control: RequestControl,
    /// A field that identifies the caller.
    pub(crate) authorization: bool,
    pub(crate) cookie: bool,
    pub(crate) range: bool,
    /// If-None-Match or If-Modified-Since: a cache can answer these.
    pub(crate) conditional: bool,
    /// If-Match or If-Unmodified-Since: only an origin can answer these.
    pub(crate) precondition: bool,
    /// More than one Host, or one that two readers may take for two hosts.
    pub(crate) ambiguous_host: bool,
    pub(crate) host: bool,
    /// Capitals in the host, which have no meaning.
    pub(crate) host_in_capitals: bool,
    /// A field that upstreams may prefer to the target URI: see [`retells`].
    pub(crate) retold: bool,
    /// A field that may turn it into another request: see [`overrides`].
    pub(crate) overridden: bool,
}

/// Filter that passes all fields that [`RequestFacts`] are read from, except credentials.
static TELLING: Sieve = DECIDING
    .sieve()
    .or(RETELLING.sieve())
    .or(OVERRIDING.sieve());

/// The fields that identify the caller, and a filter that passes these and all other fields that
/// decide how a request is treated.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub(crate) credentials: Credentials,
    /// The list of credentials is the default.
    plain: bool,
    sieve: Sieve,
}

// === impl Telling ===

impl Telling {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            sieve: TELLING.or(credentials.sieve()),
            plain: credentials.is_plain(),
            credentials,
        }
    }

    /// Returns false for a field that decides nothing, as most fields.
    #[inline]
    fn may_tell(&self, name: &HeaderName) -> bool {
        !(self.plain && is_indifferent(name)) && self.sieve.lets_through(name.as_str())
    }
}

impl Default for Telling {
    fn default() -> Self {
        Self::new(Credentials::default())
    }
}

// === impl RequestFacts ===

impl RequestFacts {
    /// Reads a request in one pass over its header fields.
    pub(crate) fn read(method: &Method, headers: &HeaderMap, telling: &Telling) -> Self {
        Self::read_with_host(method, headers, telling).0
    }

    /// Reads a request, and returns its Host too, which the key needs, from the same pass.
    #[inline]
    pub(crate) fn read_with_host<'a>(
        method: &Method,
        headers: &'a HeaderMap,
        telling: &Telling,
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
            // First, as every request has it.
            if *name == header::HOST {
                facts.note_host(value);
                host.get_or_insert(value);
            } else if telling.may_tell(name) {
                facts.note(name, value, telling, &mut control);
            }
        }
        if control {
            facts.control = RequestControl::parse(headers.get_all(header::CACHE_CONTROL));
        }
        (facts, host)
    }

    /// Returns the facts of a GET for the whole response, without conditions.
    pub(crate) fn of_whole(self) -> Self {
        Self {
            method: MethodClass::Get,
            range: false,
            conditional: false,
            ..self
        }
    }

    fn note_host(&mut self, value: &HeaderValue) {
        let bytes = HostBytes::of(value);
        self.ambiguous_host |= self.host || !bytes.plain;
        self.host_in_capitals = bytes.capitals;
        self.host = true;
    }

    fn note(
        &mut self,
        name: &HeaderName,
        value: &HeaderValue,
        telling: &Telling,
        control: &mut bool,
    ) {
        match *name {
            header::CACHE_CONTROL => *control = true,
            header::COOKIE => self.cookie = true,
            header::IF_NONE_MATCH | header::IF_MODIFIED_SINCE => self.conditional = true,
            header::IF_MATCH | header::IF_UNMODIFIED_SINCE => self.precondition = true,
            header::RANGE => self.range = true,
            _ => {
                self.authorization |= telling.credentials.contains(name);
                // Forwarded with addresses alone claims nothing of the target.
                let claims = || {
                    *name != header::FORWARDED
                        || forwarded_claims(value.as_bytes()).next().is_some()
                };
                self.retold |= retells(name) && claims();
                self.overridden |= overrides(name);
            }
        }
    }
}

fn class(method: &Method) -> MethodClass {
    match *method {
        Method::GET => MethodClass::Get,
        Method::HEAD => MethodClass::Head,
        // It is a tunnel: its target is not a resource that could be stored or changed.
        Method::CONNECT => MethodClass::Safe,
        _ if method::is_safe(method) => MethodClass::Safe,
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
        let facts = RequestFacts::read(&Method::GET, &headers, &Telling::default());
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
            RequestFacts::read(&Method::GET, &headers, &Telling::default())
        };
        assert!(read("x-forwarded-host", "a").retold && read("forwarded", "host=a").retold);
        assert!(read("x-original-url", "/").overridden);
        let harmless = read("x-forwarded-for", "::1");
        assert!(!harmless.retold && !harmless.overridden);
        let harmless = read("forwarded", "for=\"[::1]\";by=_proxy, for=1");
        assert!(!harmless.retold && !harmless.overridden);
        for host in ["a@b", "a/b", "a,b", "a b", "a\\b", "a?b"] {
            assert!(read("host", host).ambiguous_host, "{host}");
        }
        for host in ["", "a.example:80", "[::1]:8080", "a_b.example."] {
            assert!(!read("host", host).ambiguous_host, "{host}");
        }
    }

    #[test]
    fn an_unknown_method_counts_as_unsafe_and_a_tunnel_changes_nothing() {
        let class = |name: &str| class(&Method::from_bytes(name.as_bytes()).unwrap());
        for name in ["M-SEARCH", "get", "PURGE", "LOCK"] {
            assert_eq!(class(name), MethodClass::Unsafe, "{name}");
        }
        for name in [
            "PROPFIND", "QUERY", "REPORT", "SEARCH", "TRACE", "OPTIONS", "CONNECT",
        ] {
            assert_eq!(class(name), MethodClass::Safe, "{name}");
        }
    }

    #[test]
    fn a_field_decides_the_same_if_it_is_written_with_an_underscore() {
        let read = |name: &str| {
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, HeaderValue::from_static("x"));
            RequestFacts::read(&Method::GET, &headers, &Telling::default())
        };
        assert!(read("x_original_url").overridden && read("X_Original_URL").overridden);
        assert!(read("x_forwarded_host").retold);
        assert!(read("x_api_key").authorization && read("x_forwarded_user").authorization);
    }
}
