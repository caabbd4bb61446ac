//! Which request fields say who asks.

use http::{HeaderMap, HeaderName, header};

use super::{facts, sieve::Sieve};

/// Fields that hold a secret of whoever asks: the standard ones, and those that widely used
/// APIs and gateways take a key or a token in.
const KNOWN: [&str; 8] = [
    "api-key",
    "ocp-apim-subscription-key",
    "private-token",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
];

/// The fields whose presence makes an answer one user's (RFC 9111 §3.5 speaks of
/// Authorization; an upstream that knows its clients by another field means the same).
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    names: Box<[HeaderName]>,
    sieve: Sieve,
    /// Lets these names through, and those of all fields that decide what is done with a
    /// request.
    telling: Sieve,
}

// === impl Credentials ===

impl Credentials {
    pub(crate) fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let names: Box<[_]> = names.into_iter().collect();
        let sieve = names
            .iter()
            .fold(Sieve::EMPTY, |sieve, name| sieve.and(name.as_str()));
        Self {
            telling: sieve.or(&facts::TELLING),
            sieve,
            names,
        }
    }

    /// Whether the field is one of them.
    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        self.sieve.lets_through(name.as_str()) && self.names.contains(name)
    }

    /// False if a field of this name decides nothing, which is so of most.
    #[inline]
    pub(crate) fn may_tell(&self, name: &HeaderName) -> bool {
        self.telling.lets_through(name.as_str())
    }

    /// Whether all credentials that a request has are among these fields.
    pub(crate) fn are_all_in(&self, request: &HeaderMap, fields: &[HeaderName]) -> bool {
        let mut present = self.names.iter().filter(|name| request.contains_key(*name));
        present.all(|name| fields.contains(name))
    }
}

impl Default for Credentials {
    fn default() -> Self {
        let standard = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION];
        Self::new(
            standard
                .into_iter()
                .chain(KNOWN.map(HeaderName::from_static)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_list_is_found_and_nothing_else() {
        let long = HeaderName::from_bytes(&[b'x'; 300]).expect("a name");
        let longer = HeaderName::from_bytes(&[b'x'; 301]).expect("a name");
        let list = Credentials::new([header::AUTHORIZATION, long.clone()]);
        assert!(list.contains(&header::AUTHORIZATION) && list.contains(&long));
        for name in [header::ACCEPT, header::IF_NONE_MATCH, longer] {
            assert!(!list.contains(&name), "{name}");
        }
        assert!(!Credentials::new([]).contains(&header::AUTHORIZATION));
        let names = KNOWN
            .into_iter()
            .chain(["authorization", "proxy-authorization"]);
        for name in names.map(HeaderName::from_static) {
            assert!(Credentials::default().contains(&name), "{name}");
        }
    }

    #[test]
    fn credentials_are_all_in_a_key_if_none_that_is_sent_is_missing() {
        let mut request = HeaderMap::new();
        let list = Credentials::default();
        let key = HeaderName::from_static("x-api-key");
        assert!(list.are_all_in(&request, &[]));
        request.insert(key.clone(), "1".parse().expect("a value"));
        assert!(list.are_all_in(&request, std::slice::from_ref(&key)));
        request.insert(header::AUTHORIZATION, "2".parse().expect("a value"));
        assert!(!list.are_all_in(&request, &[key]));
    }
}
