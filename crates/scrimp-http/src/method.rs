//! Properties of methods, from the
//! [IANA registry](https://www.iana.org/assignments/http-methods) (RFC 9110 §16.1).

use http::Method;

/// Properties that a method's definition promises (RFC 9110 §9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Properties {
    /// The method only asks for a response (§9.2.1).
    pub safe: bool,
    /// Sending it twice has the same effect as sending it once (§9.2.2).
    pub idempotent: bool,
    /// Its definition lets a cache store the response (§9.2.3).
    pub cacheable: bool,
}

const fn of(safe: bool, idempotent: bool, cacheable: bool) -> Properties {
    Properties {
        safe,
        idempotent,
        cacheable,
    }
}

const SAFE_CACHEABLE: Properties = of(true, true, true);
const SAFE: Properties = of(true, true, false);
const IDEMPOTENT: Properties = of(false, true, false);
const NEITHER: Properties = of(false, false, false);
/// POST: its response may be stored for later GETs, if the response allows it (§9.3.3).
const POST: Properties = of(false, false, true);

/// Every method of the registry, by name.
pub const REGISTRY: [(&str, Properties); 40] = [
    ("ACL", IDEMPOTENT),
    ("BASELINE-CONTROL", IDEMPOTENT),
    ("BIND", IDEMPOTENT),
    ("CHECKIN", IDEMPOTENT),
    ("CHECKOUT", IDEMPOTENT),
    ("CONNECT", NEITHER),
    ("COPY", IDEMPOTENT),
    ("DELETE", IDEMPOTENT),
    ("GET", SAFE_CACHEABLE),
    ("HEAD", SAFE_CACHEABLE),
    ("LABEL", IDEMPOTENT),
    ("LINK", IDEMPOTENT),
    ("LOCK", NEITHER),
    ("MERGE", IDEMPOTENT),
    ("MKACTIVITY", IDEMPOTENT),
    ("MKCALENDAR", IDEMPOTENT),
    ("MKCOL", IDEMPOTENT),
    ("MKREDIRECTREF", IDEMPOTENT),
    ("MKWORKSPACE", IDEMPOTENT),
    ("MOVE", IDEMPOTENT),
    ("OPTIONS", SAFE),
    ("ORDERPATCH", IDEMPOTENT),
    ("PATCH", NEITHER),
    ("POST", POST),
    ("PRI", SAFE),
    ("PROPFIND", SAFE),
    ("PROPPATCH", IDEMPOTENT),
    ("PUT", IDEMPOTENT),
    ("QUERY", SAFE_CACHEABLE),
    ("REBIND", IDEMPOTENT),
    ("REPORT", SAFE),
    ("SEARCH", SAFE),
    ("TRACE", SAFE),
    ("UNBIND", IDEMPOTENT),
    ("UNCHECKOUT", IDEMPOTENT),
    ("UNLINK", IDEMPOTENT),
    ("UNLOCK", IDEMPOTENT),
    ("UPDATE", IDEMPOTENT),
    ("UPDATEREDIRECTREF", IDEMPOTENT),
    ("VERSION-CONTROL", IDEMPOTENT),
];

/// Returns the properties of a method. An unregistered method has none of them.
///
/// Names are case-sensitive (§9.1): `get` is not GET.
#[must_use]
#[inline]
pub fn properties(method: &Method) -> Properties {
    match *method {
        Method::GET | Method::HEAD => SAFE_CACHEABLE,
        Method::POST => POST,
        _ => by_name(method.as_str()),
    }
}

fn by_name(name: &str) -> Properties {
    REGISTRY
        .binary_search_by_key(&name, |(known, _)| known)
        .map_or(NEITHER, |at| REGISTRY[at].1)
}

/// Reports whether the method only asks for a response.
#[must_use]
#[inline]
pub fn is_safe(method: &Method) -> bool {
    properties(method).safe
}

/// Reports whether sending the method twice has the same effect as sending it once.
#[must_use]
#[inline]
pub fn is_idempotent(method: &Method) -> bool {
    properties(method).idempotent
}

/// Reports whether content in a request of this method can have a meaning. In GET, HEAD and DELETE
/// it has no defined meaning, and servers may ignore or refuse it (§9.3.1, §9.3.2, §9.3.5).
#[must_use]
#[inline]
pub fn has_use_for_content(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str) -> Method {
        Method::from_bytes(name.as_bytes()).unwrap()
    }

    #[test]
    fn every_registered_method_is_found_by_its_name() {
        assert!(REGISTRY.is_sorted_by_key(|(name, _)| name));
        for (name, expected) in REGISTRY {
            assert_eq!(properties(&method(name)), expected, "{name}");
        }
    }

    #[test]
    fn safe_methods_are_idempotent() {
        for (name, properties) in REGISTRY {
            assert!(!properties.safe || properties.idempotent, "{name}");
        }
    }

    #[test]
    fn methods_outside_rfc_9110_have_their_registered_properties() {
        for name in ["QUERY", "PROPFIND", "SEARCH", "REPORT", "TRACE", "OPTIONS"] {
            assert!(is_safe(&method(name)), "{name}");
        }
        assert!(properties(&method("QUERY")).cacheable);
        assert!(!properties(&method("REPORT")).cacheable);
        for name in ["CONNECT", "PATCH", "LOCK", "POST"] {
            assert!(
                !is_safe(&method(name)) && !is_idempotent(&method(name)),
                "{name}"
            );
        }
        assert!(is_idempotent(&method("MOVE")) && !is_safe(&method("MOVE")));
    }

    #[test]
    fn an_unknown_method_has_no_property() {
        for name in ["get", "M-SEARCH", "PURGE", "QUERYX"] {
            assert_eq!(properties(&method(name)), NEITHER, "{name}");
        }
    }

    #[test]
    fn content_has_no_meaning_in_three_methods() {
        for (name, _) in REGISTRY {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let none = ["GET", "HEAD", "DELETE"].contains(&name);
            assert_eq!(has_use_for_content(&method), !none, "{name}");
        }
    }
}
