//! The parts of a target that tell requests apart.

use std::borrow::Cow;

use http::{HeaderValue, Uri, Version};

use super::{
    authority::{HostBytes, authority_of, has_userinfo, is_named_by, scheme},
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
    /// The [scheme](super::scheme), in lower case; empty if it is unknown.
    pub scheme: Cow<'a, str>,
    /// The authority of the URI, in lower case, without user information and default port; in
    /// origin form the host that Host names. Empty without either, and for a Host that is not a
    /// plain name.
    pub authority: Cow<'a, [u8]>,
    /// Path and query, as spelled.
    pub path_and_query: &'a str,
    /// Other parts that select the response, usually empty: user information, and the shown URI of
    /// a rewritten request.
    pub more: Cow<'a, str>,
    uri: &'a Uri,
    /// The first line of Host.
    first: Option<&'a HeaderValue>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Returns the parts of the target of a request with this version and this first line of Host.
    /// None for a Host that does not count.
    #[must_use]
    #[inline]
    pub fn parts(&self, version: Version, first: Option<&'a HeaderValue>) -> TargetParts<'a> {
        let uri = self.uri;
        if uri.authority().is_none() {
            return self.of_origin(first);
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        // The bytes from `:` to `Z`: capital letters, and the separators of port and user.
        let plain = !has_in::<b':', b'Z'>(authority.as_bytes());
        TargetParts {
            scheme: lower(scheme(uri, version, self.received)),
            authority: match plain {
                true => authority.as_bytes().into(),
                false => lower_bytes(authority_of(uri, None).as_bytes()),
            },
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()),
            more: match self.rewritten.is_none() && (plain || !has_userinfo(uri)) {
                true => "".into(),
                false => self.more(),
            },
            uri,
            first,
        }
    }

    /// Returns the parts of a target in origin form, which are those that HTTP/2 tells otherwise.
    #[inline]
    fn of_origin(&self, first: Option<&'a HeaderValue>) -> TargetParts<'a> {
        let host = first.map(|host| (host.as_bytes(), HostBytes::of(host)));
        let authority: Cow<'a, [u8]> = match host {
            Some((host, bytes)) if bytes.plain => match bytes.capitals {
                true => host.to_ascii_lowercase().into(),
                false => host.into(),
            },
            _ => (&[]).into(),
        };
        TargetParts {
            scheme: self.uri.scheme_str().map_or("".into(), lower),
            authority,
            path_and_query: self.uri.path_and_query().map_or("/", |path| path.as_str()),
            more: match self.rewritten {
                None => "".into(),
                Some(_) => self.more(),
            },
            uri: self.uri,
            first,
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
    /// Returns the part that a line of Host adds, in lower case. The first line adds nothing if it
    /// names the authority, as the target says enough then. Every further line does, as readers
    /// disagree on which of them counts.
    ///
    /// The first line must be the one that the parts were made of.
    #[must_use]
    #[inline]
    pub fn host<'h>(&self, host: &'h HeaderValue) -> Option<Cow<'h, [u8]>> {
        let first = self.first.is_some_and(|first| std::ptr::eq(first, host));
        let named = match self.uri.authority() {
            _ if !first || self.authority.is_empty() => false,
            Some(_) => {
                let same = host.as_bytes() == &*self.authority;
                same || is_named_by(self.uri, &self.authority, host)
            }
            None => true,
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
    use http::{Extensions, HeaderMap, header};

    use super::*;
    use crate::target::TargetUri;

    /// Returns everything that a target adds to a key, for these lines of Host.
    fn written(
        find: TargetUri,
        uri: &'static str,
        version: Version,
        hosts: &[&str],
    ) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let (uri, extensions) = (Uri::from_static(uri), Extensions::new());
        let first = headers.get(header::HOST);
        let parts = find.of(&extensions, &uri).parts(version, first);
        let added = headers.get_all(header::HOST).iter();
        let added = added.filter_map(|host| parts.host(host));
        let added = added.map(|host| format!("host {}", String::from_utf8_lossy(&host)));
        let more = parts.more.to_string();
        let authority = std::str::from_utf8(&parts.authority).expect("a name is ASCII");
        [&*parts.scheme, authority, parts.path_and_query]
            .map(str::to_owned)
            .into_iter()
            .chain(added)
            .chain((!more.is_empty()).then_some(more))
            .collect()
    }

    fn sent(uri: &'static str, hosts: &[&str]) -> Vec<String> {
        written(TargetUri::shown(), uri, Version::HTTP_11, hosts)
    }

    fn received(uri: &'static str, version: Version, hosts: &[&str]) -> Vec<String> {
        written(TargetUri::shown().received(), uri, version, hosts)
    }

    #[test]
    fn equivalent_schemes_authorities_and_ports_have_one_form() {
        let plain = sent("http://shop.test/p", &[]);
        assert_eq!(plain, ["http", "shop.test", "/p"]);
        for uri in [
            "HTTP://Shop.TEST/p",
            "http://shop.test:80/p",
            "http://shop.test:/p",
        ] {
            assert_eq!(sent(uri, &[]), plain, "{uri}");
        }
    }

    #[test]
    fn targets_that_an_upstream_may_answer_differently_stay_apart() {
        let plain = sent("http://shop.test/p", &[]);
        for uri in [
            "http://shop.test./p",
            "http://shop.test:8080/p",
            "https://shop.test/p",
            "http://shop.test/%70",
            "http://shop.test/a/../p",
            "http://ann@shop.test/p",
        ] {
            assert_ne!(sent(uri, &[]), plain, "{uri}");
        }
        assert_ne!(
            sent("http://ann@shop.test/p", &[]),
            sent("http://bob@shop.test/p", &[])
        );
    }

    #[test]
    fn a_server_has_one_target_over_all_versions_of_http() {
        let first = received("/p", Version::HTTP_11, &["Shop.Test"]);
        assert_eq!(first, ["", "shop.test", "/p"]);
        for version in [Version::HTTP_2, Version::HTTP_3] {
            for uri in ["http://shop.test/p", "https://Shop.test/p"] {
                assert_eq!(received(uri, version, &[]), first, "{uri}");
                assert_eq!(received(uri, version, &["shop.test"]), first, "{uri}");
            }
        }
    }

    #[test]
    fn hosts_that_disagree_are_apart_over_all_versions_of_http() {
        let honest = received("/p", Version::HTTP_11, &["shop.test"]);
        let uri = "https://shop.test/p";
        for hosts in [
            &["evil"][..],
            &["shop.test", "evil"],
            &["evil", "shop.test"],
            &["shop.test", "shop.test"],
            &[""],
        ] {
            let two = received(uri, Version::HTTP_2, hosts);
            assert_ne!(two, honest, "{hosts:?}");
            assert_ne!(
                two,
                received("/p", Version::HTTP_11, &["evil"]),
                "{hosts:?}"
            );
            assert_ne!(received("/p", Version::HTTP_11, hosts), honest, "{hosts:?}");
        }
        for odd in ["shop.test@evil", "shop.test/", "shop.test, evil"] {
            assert_ne!(received("/p", Version::HTTP_11, &[odd]), honest, "{odd}");
        }
        assert_ne!(received("/p", Version::HTTP_10, &[]), honest);
        assert_ne!(
            received("/p", Version::HTTP_11, &[""]),
            received("/p", Version::HTTP_11, &[])
        );
    }

    #[test]
    fn a_rewritten_uri_is_a_part() {
        let of = |shown: &'static str| {
            let mut extensions = Extensions::new();
            extensions.insert(Uri::from_static("/"));
            let find = TargetUri::new(Extensions::get::<Uri>);
            let shown = Uri::from_static(shown);
            let target = find.of(&extensions, &shown);
            target.parts(Version::HTTP_11, None).more.into_owned()
        };
        assert_ne!(of("/de/"), of("/fr/"));
        assert_eq!(of("/"), "");
    }

    #[test]
    fn host_adds_nothing_if_it_names_the_authority() {
        for host in ["a", "A", "a:80"] {
            assert_eq!(sent("http://a/", &[host]), sent("http://a/", &[]), "{host}");
        }
        for host in ["b", "a:81", "a.", "u@a", ""] {
            assert_ne!(sent("http://a/", &[host]), sent("http://a/", &[]), "{host}");
        }
        // The port may not be the default port of the scheme, which is unknown.
        assert_ne!(sent("/", &["a:80"]), sent("/", &["a"]));
    }
}
