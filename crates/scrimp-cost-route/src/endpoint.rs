//! The place that the requests of a provider go to.

use std::fmt;

use http::{
    Uri,
    uri::{self, Authority, PathAndQuery, Scheme},
};

/// Endpoint that a request's URI is rewritten to.
#[derive(Clone)]
pub(crate) struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    /// Path that comes before the request's own, without a slash at its end.
    path: Box<str>,
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns the endpoint that a URI names, if it has a scheme and an authority and no
    /// query.
    pub(crate) fn new(uri: &Uri) -> Option<Self> {
        if uri.query().is_some() {
            return None;
        }
        Some(Self {
            scheme: uri.scheme()?.clone(),
            authority: uri.authority()?.clone(),
            path: uri.path().trim_end_matches('/').into(),
        })
    }

    /// Returns the URI at this endpoint. `None` if its path would be longer than a URI can hold,
    /// which the request decides.
    pub(crate) fn rewrite(&self, uri: &Uri) -> Option<Uri> {
        let own = uri.path_and_query().filter(|own| own.as_str() != "*");
        let path = match own {
            // Nothing is put before it: its bytes are shared.
            Some(own) if self.path.is_empty() => own.clone(),
            own => {
                let own = own.map_or("/", PathAndQuery::as_str);
                // A path before a path, or before a path and a query, is one too: only its
                // length can be wrong.
                PathAndQuery::try_from([&*self.path, own].concat()).ok()?
            }
        };
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        // What they hold was checked when they were made.
        Some(Uri::from_parts(parts).expect("scheme, authority and path make a URI"))
    }
}

/// A name before the host is a credential, and is not written.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            authority,
            path,
        } = self;
        let authority = authority.as_str().rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{authority}{path}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewritten(endpoint: &str, uri: &str) -> Option<String> {
        let endpoint = Endpoint::new(&endpoint.parse().unwrap()).unwrap();
        let uri = endpoint.rewrite(&uri.parse().unwrap())?;
        Some(uri.to_string())
    }

    #[test]
    fn a_path_goes_before_the_requests_own() {
        for (endpoint, uri, expected) in [
            ("https://a.example", "/x?y=1", "https://a.example/x?y=1"),
            (
                "https://a.example/v1/",
                "/x?y=1",
                "https://a.example/v1/x?y=1",
            ),
            (
                "https://a.example/v1",
                "http://b.example?y",
                "https://a.example/v1?y",
            ),
            ("https://a.example/v1", "*", "https://a.example/v1/"),
            ("https://a.example", "*", "https://a.example/"),
            ("https://a.example", "b.example:443", "https://a.example/"),
        ] {
            assert_eq!(rewritten(endpoint, uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn a_uri_that_would_be_too_long_is_none() {
        let long = |length: usize| format!("/{}", "x".repeat(length - 1));
        let most = usize::from(u16::MAX) - 1;
        assert!(rewritten("http://a", &long(most)).is_some());
        assert!(rewritten("http://a/v1", &long(most - 3)).is_some());
        assert_eq!(rewritten("http://a/v1", &long(most - 2)), None);
    }

    proptest! {
        #[test]
        fn no_request_makes_a_rewrite_panic(path in "[/?#*][!-~\u{80}-\u{ff}]{0,40}") {
            let Ok(path) = PathAndQuery::try_from(path) else {
                return Ok(());
            };
            for endpoint in ["http://a", "http://a/v1", "http://a/v1/*"] {
                let endpoint = Endpoint::new(&Uri::from_static(endpoint)).unwrap();
                let uri = Uri::builder().scheme("http").authority("b");
                let uri = uri.path_and_query(path.clone()).build().unwrap();
                let uri = endpoint.rewrite(&uri).unwrap();
                prop_assert_eq!(uri.authority().unwrap(), "a");
            }
        }
    }
}
