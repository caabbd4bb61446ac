//! The parts of a target that tell requests apart.

use std::borrow::Cow;

use http::{HeaderValue, Uri};

use super::{
    authority::{authority_of, has_userinfo, is_named_by},
    uri::Target,
};
use crate::scan::has_in;

/// The parts of a target that belong in the key of a request.
///
/// Schemes, authorities and default ports that RFC 3986 calls equivalent have one form (§6.2.2.1,
/// §6.2.3). A trailing dot stays, and so does the port if the scheme is unknown, as in origin
/// form. Path and query stay as they are spelled: an upstream may respond to `/%70` differently
/// than to `/p`, as many routers do, and one response is then not valid for the other.
#[derive(Debug)]
pub struct TargetParts<'a> {
    /// The scheme, in lower case; empty if it is unknown.
    pub scheme: Cow<'a, str>,
    /// The authority of the URI, in lower case, without user information and default port;
    /// empty in origin form, in which [Host](Self::host) has it.
    pub authority: Cow<'a, str>,
    /// Path and query, as spelled.
    pub path_and_query: &'a str,
    /// Other parts that select the response, usually empty: user information, and the shown URI of
    /// a rewritten request.
    pub more: Cow<'a, str>,
    uri: &'a Uri,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Returns the parts of the target.
    #[must_use]
    #[inline]
    pub fn parts(&self) -> TargetParts<'a> {
        let uri = self.uri;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        // The bytes from `:` to `Z`: capital letters, and the separators of port and user.
        let plain = !has_in::<b':', b'Z'>(authority.as_bytes());
        TargetParts {
            scheme: uri.scheme_str().map_or("".into(), lower),
            authority: match plain {
                true => authority.into(),
                false => lower(authority_of(uri, None)),
            },
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()),
            more: match self.rewritten.is_none() && (plain || !has_userinfo(uri)) {
                true => "".into(),
                false => self.more(),
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
    /// Returns the part that a line of Host adds: in origin form the authority, in lower case;
    /// otherwise nothing if it names the authority of the URI.
    #[must_use]
    #[inline]
    pub fn host<'h>(&self, host: &'h HeaderValue) -> Option<Cow<'h, [u8]>> {
        let same = host.as_bytes() == self.authority.as_bytes();
        let named = match self.uri.authority() {
            Some(_) => same || is_named_by(self.uri, &self.authority, host),
            None => false,
        };
        (!named).then(|| lower_bytes(host.as_bytes()))
    }
}

#[inline]
fn lower(text: &str) -> Cow<'_, str> {
    match has_in::<b'A', b'Z'>(text.as_bytes()) {
        true => text.to_ascii_lowercase().into(),
        false => text.into(),
    }
}

#[inline]
fn lower_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    match has_in::<b'A', b'Z'>(text) {
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

    fn parts(uri: &'static str) -> All {
        let (uri, extensions) = (Uri::from_static(uri), Extensions::new());
        let parts = TargetUri::shown().of(&extensions, &uri).parts();
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
        let plain = parts("http://shop.test/p");
        for uri in [
            "HTTP://Shop.TEST/p",
            "http://shop.test:80/p",
            "http://shop.test:/p",
        ] {
            assert_eq!(parts(uri), plain, "{uri}");
        }
        let (.., more) = plain;
        assert_eq!(more, "");
    }

    #[test]
    fn targets_that_an_upstream_may_answer_differently_stay_apart() {
        let plain = parts("http://shop.test/p");
        for uri in [
            "http://shop.test./p",
            "http://shop.test:8080/p",
            "https://shop.test/p",
            "http://shop.test/%70",
            "http://shop.test/a/../p",
            "http://ann@shop.test/p",
        ] {
            assert_ne!(parts(uri), plain, "{uri}");
        }
        assert_ne!(
            parts("http://ann@shop.test/p"),
            parts("http://bob@shop.test/p")
        );
    }

    #[test]
    fn a_rewritten_uri_is_a_part() {
        let of = |shown: &'static str| {
            let mut extensions = Extensions::new();
            extensions.insert(Uri::from_static("/"));
            let find = TargetUri::new(Extensions::get::<Uri>);
            let shown = Uri::from_static(shown);
            find.of(&extensions, &shown).parts().more.into_owned()
        };
        assert_ne!(of("/de/"), of("/fr/"));
        assert_eq!(of("/"), "");
    }

    #[test]
    fn host_adds_the_authority_that_the_uri_does_not_have() {
        let added = |uri: &'static str, host: &'static str| {
            let (uri, host) = (Uri::from_static(uri), HeaderValue::from_static(host));
            let extensions = Extensions::new();
            let parts = TargetUri::shown().of(&extensions, &uri).parts();
            let added = parts.host(&host).map(Cow::into_owned);
            added.map(|bytes| String::from_utf8(bytes).unwrap())
        };
        for host in ["a", "A", "a:80"] {
            assert_eq!(added("http://a/", host), None, "{host}");
        }
        for host in ["b", "a:81", "a.", "u@a", ""] {
            assert_eq!(added("http://a/", host).as_deref(), Some(host));
        }
        assert_eq!(added("/", "Shop.Test").as_deref(), Some("shop.test"));
        // The port may not be the default port of the scheme, which is unknown.
        assert_eq!(added("/", "a:80").as_deref(), Some("a:80"));
        assert_eq!(added("/", "").as_deref(), Some(""));
    }
}
