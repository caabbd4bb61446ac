//! The parts of a target by which requests are told apart.

use std::borrow::Cow;

use http::{HeaderValue, Uri};

use super::{
    authority::{authority_of, has_userinfo, is_named_by},
    uri::Target,
};

/// The parts of a target that belong into the key of a request.
///
/// Schemes, authorities and default ports that RFC 3986 calls equivalent have one form (§6.2.2.1,
/// §6.2.3). A trailing dot stays, and so does the port where the scheme is unknown, as in origin
/// form. Path and query stay as they are spelled: an upstream may answer `/%70` otherwise than
/// `/p`, as many routers do, and then the answer to one is none to the other.
#[derive(Debug)]
pub struct TargetParts<'a> {
    /// The scheme, in lower case; empty if it is unknown.
    pub scheme: Cow<'a, str>,
    /// The authority, in lower case, without user information and default port; empty if it is
    /// unknown.
    pub authority: Cow<'a, str>,
    /// Path and query, as spelled.
    pub path_and_query: &'a str,
    /// What else selects the answer, nearly always nothing: user information, and the URI that
    /// the request shows if it was rewritten.
    pub more: Cow<'a, str>,
    uri: &'a Uri,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Returns the parts of the target. Asks for Host only if the URI has no authority.
    #[must_use]
    #[inline]
    pub fn parts(&self, host: impl FnOnce() -> Option<&'a HeaderValue>) -> TargetParts<'a> {
        let uri = self.uri;
        let path = uri.path_and_query();
        let (authority, user) = match uri.authority() {
            Some(authority) if is_plain(authority.as_str()) => (authority.as_str().into(), false),
            Some(_) => (lower(authority_of(uri, None)), has_userinfo(uri)),
            None => (lower(authority_of(uri, host())), false),
        };
        TargetParts {
            scheme: lower(uri.scheme_str().unwrap_or_default()),
            authority,
            path_and_query: path.map_or("/", |path| path.as_str()),
            more: match user || self.rewritten.is_some() {
                true => self.more(),
                false => "".into(),
            },
            uri,
        }
    }

    #[cold]
    fn more(&self) -> Cow<'a, str> {
        let authority = match has_userinfo(self.uri) {
            true => self.uri.authority().map_or("", |full| full.as_str()),
            false => "",
        };
        let shown = self.rewritten.map(Uri::to_string);
        format!("{authority} {}", shown.unwrap_or_default()).into()
    }
}

// === impl TargetParts ===

impl TargetParts<'_> {
    /// Returns whether a line of Host says no more than the authority does.
    #[must_use]
    #[inline]
    pub fn are_of_host(&self, host: &HeaderValue) -> bool {
        let bytes = host.as_bytes();
        let same =
            bytes == self.authority.as_bytes() || is_named_by(self.uri, &self.authority, host);
        same && !bytes.is_empty()
    }
}

/// Returns whether an authority is a host in lower case and nothing else.
#[inline]
fn is_plain(authority: &str) -> bool {
    let special = |byte: u8| byte.is_ascii_uppercase() || byte == b'@' || byte == b':';
    !authority
        .bytes()
        .fold(false, |any, byte| any | special(byte))
}

fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => text.to_ascii_lowercase().into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use http::Extensions;

    use super::*;
    use crate::target::TargetUri;

    type All = (String, String, String, String);

    fn parts(uri: &'static str, host: Option<&'static str>) -> All {
        let (uri, host) = (Uri::from_static(uri), host.map(HeaderValue::from_static));
        let extensions = Extensions::new();
        let target = TargetUri::shown().of(&extensions, &uri);
        let parts = target.parts(|| host.as_ref());
        let path = parts.path_and_query.into();
        (
            parts.scheme.into(),
            parts.authority.into(),
            path,
            parts.more.into(),
        )
    }

    #[test]
    fn equivalent_schemes_authorities_and_ports_have_one_form() {
        let plain = parts("http://shop.test/p", None);
        for uri in [
            "HTTP://Shop.TEST/p",
            "http://shop.test:80/p",
            "http://shop.test:/p",
        ] {
            assert_eq!(parts(uri, Some("ignored")), plain, "{uri}");
        }
        assert_eq!(
            parts("/p", Some("Shop.test")),
            parts("/p", Some("shop.test"))
        );
        let (.., more) = plain;
        assert_eq!(more, "");
    }

    #[test]
    fn what_an_upstream_may_answer_otherwise_stays_apart() {
        let plain = parts("http://shop.test/p", None);
        for uri in [
            "http://shop.test./p",
            "http://shop.test:8080/p",
            "https://shop.test/p",
            "http://shop.test/%70",
            "http://shop.test/a/../p",
            "http://ann@shop.test/p",
        ] {
            assert_ne!(parts(uri, None), plain, "{uri}");
        }
        // The port may not be the default one of the scheme, which is not known.
        assert_ne!(parts("/p", Some("a:80")), parts("/p", Some("a")));
        assert_ne!(
            parts("http://ann@shop.test/p", None),
            parts("http://bob@shop.test/p", None)
        );
    }

    #[test]
    fn a_rewritten_uri_is_a_part() {
        let of = |shown: &'static str| {
            let mut extensions = Extensions::new();
            extensions.insert(Uri::from_static("/"));
            let find = TargetUri::new(Extensions::get::<Uri>);
            let shown = Uri::from_static(shown);
            find.of(&extensions, &shown)
                .parts(|| None)
                .more
                .into_owned()
        };
        assert_ne!(of("/de/"), of("/fr/"));
        assert_eq!(of("/"), "");
    }

    #[test]
    fn host_says_no_more_if_it_names_the_authority() {
        let says_no_more = |uri: &'static str, host: &'static str| {
            let (uri, host) = (Uri::from_static(uri), HeaderValue::from_static(host));
            let extensions = Extensions::new();
            let target = TargetUri::shown().of(&extensions, &uri);
            target.parts(|| Some(&host)).are_of_host(&host)
        };
        for host in ["a", "A", "a:80"] {
            assert!(says_no_more("http://a/", host), "{host}");
        }
        for host in ["b", "a:81", "a.", "u@a", ""] {
            assert!(!says_no_more("http://a/", host), "{host}");
        }
        assert!(says_no_more("/", "a:80") && says_no_more("/", "A"));
        assert!(!says_no_more("/", "u@a") && !says_no_more("/", ""));
    }
}
