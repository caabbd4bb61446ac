//! The targets of an invalidation.

use std::fmt;

use http::{HeaderMap, Uri};
use scrimp_core::{Purge, PurgeTarget, tag::SEPARATORS};
use scrimp_http::target::{authority, normal, normal_authority};

use super::{
    epoch::Target,
    tags::{
        anywhere_tag, authority_tag, group_tag, name_tag, path_tag, prefix_tag, target_of,
        target_tag,
    },
};
use crate::pattern::Pattern;

/// A target to invalidate: hard, so that it is gone, or soft, so that it is stale.
///
/// ```
/// use scrimp_cache::Invalidation;
///
/// // A price changed: the product is gone, and so is every list page of its category.
/// let changes = [
///     Invalidation::tag("product:42"),
///     Invalidation::prefix("products:list:electronics:"),
/// ];
/// # let _ = changes;
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Invalidation {
    what: What,
    soft: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum What {
    Tag(Box<str>),
    Version(Box<str>, u64),
    Prefix(Box<str>),
    Glob(Box<str>),
    Uri(Uri),
    UriPrefix(Uri),
    Authority(Box<str>),
    Group(Box<str>, Box<str>),
    Everything,
}

// === impl Invalidation ===

impl Invalidation {
    /// Hits everything that carries a tag.
    pub fn tag(tag: impl Into<Box<str>>) -> Self {
        Self::hard(What::Tag(tag.into()))
    }

    /// Hits everything made from an older version of an entity.
    ///
    /// A response that carries the tag with a version (`user:7@12`) is gone if its version is
    /// lower, even if it is fetched later, from a replica that lags. A response that carries the
    /// tag without a version is gone if it was fetched before. Events may come late, twice or out
    /// of order.
    pub fn version(tag: impl Into<Box<str>>, version: u64) -> Self {
        Self::hard(What::Version(tag.into(), version))
    }

    /// Hits everything with a tag that has this prefix. It is one step if the prefix ends in `:`
    /// or `/`, else a [`glob`](Self::glob).
    pub fn prefix(prefix: impl Into<Box<str>>) -> Self {
        Self::hard(What::Prefix(prefix.into()))
    }

    /// Hits everything with a tag, or a path and query, that matches; `*` matches anything.
    ///
    /// The last 256 patterns are held individually. Everything older than a forgotten pattern is
    /// invalid.
    pub fn glob(pattern: impl Into<Box<str>>) -> Self {
        Self::hard(What::Glob(pattern.into()))
    }

    /// Hits everything stored for a target URI, whatever its key consists of.
    ///
    /// A URI without an authority, such as `/products/7`, stands for its path and query on every
    /// authority. A handler knows only those.
    pub fn uri(uri: Uri) -> Self {
        Self::hard(What::Uri(uri))
    }

    /// Hits everything stored for the URIs of one authority whose path has this prefix.
    ///
    /// Without an authority, or if the prefix does not end in `/`, it is a [`glob`](Self::glob), and
    /// hits every authority.
    pub fn uri_prefix(uri: Uri) -> Self {
        Self::hard(What::UriPrefix(uri))
    }

    /// Hits everything stored for an authority, such as `api.example.com`.
    pub fn authority(authority: impl Into<Box<str>>) -> Self {
        Self::hard(What::Authority(authority.into()))
    }

    /// Hits everything of an authority that its Cache-Groups put into a group (RFC 9875).
    pub fn group(authority: impl Into<Box<str>>, group: impl Into<Box<str>>) -> Self {
        Self::hard(What::Group(authority.into(), group.into()))
    }

    /// Hits everything.
    pub fn everything() -> Self {
        Self::hard(What::Everything)
    }

    /// Makes stored responses stale, not gone.
    ///
    /// They are validated before they are served, or served during a refresh or while the upstream
    /// is down, as far as their policy allows. A [`version`](Self::version) is always hard.
    pub fn soft(self) -> Self {
        Self { soft: true, ..self }
    }

    /// Makes it hard.
    pub(super) fn hardened(self) -> Self {
        Self {
            soft: false,
            ..self
        }
    }

    fn hard(what: What) -> Self {
        Self { what, soft: false }
    }

    pub(crate) fn is_soft(&self) -> bool {
        self.soft
    }

    pub(crate) fn target(&self) -> Target {
        let one = Target::tag;
        let none = HeaderMap::new();
        match &self.what {
            What::Tag(tag) => one(name_tag(tag)),
            What::Version(tag, version) => Target::Version(name_tag(tag), *version),
            What::Prefix(prefix) if prefix.ends_with(SEPARATORS) => one(prefix_tag(prefix)),
            What::Prefix(prefix) => Target::Glob(Pattern::literal_prefix(prefix)),
            What::Glob(pattern) => Target::Glob(Pattern::name(pattern)),
            What::Uri(uri) if uri.authority().is_none() => one(anywhere_tag(target_of(uri))),
            What::Uri(uri) => one(target_tag(uri, &none)),
            What::UriPrefix(uri) => {
                let path = normal(uri.path());
                match path.ends_with('/') && uri.authority().is_some() {
                    true => one(path_tag(authority(uri, &none), &path)),
                    false => Target::Glob(Pattern::literal_prefix(&path)),
                }
            }
            What::Authority(authority) => one(authority_tag(authority)),
            What::Group(authority, group) => one(group_tag(authority, group)),
            What::Everything => Target::Everything,
        }
    }
}

impl Invalidation {
    /// Returns the purge of the caches in front. They know no versions, so all of an entity go.
    pub(super) fn purge(&self) -> Purge {
        let target = match self.what.clone() {
            What::Tag(tag) | What::Version(tag, _) => PurgeTarget::Tag(tag),
            What::Prefix(prefix) => PurgeTarget::TagPrefix(prefix),
            What::Glob(pattern) => PurgeTarget::Glob(pattern),
            What::Uri(uri) => PurgeTarget::Uri(uri),
            What::UriPrefix(uri) => PurgeTarget::UriPrefix(uri),
            What::Authority(authority) => PurgeTarget::Authority(authority),
            What::Group(authority, group) => PurgeTarget::Group { authority, group },
            What::Everything => PurgeTarget::Everything,
        };
        let soft = self.soft && !matches!(self.what, What::Version(..));
        Purge { target, soft }
    }

    /// Describes what it hits, as keys and tags have it: in full, for the operator who asked.
    pub(super) fn description(&self) -> String {
        let uri = |uri: &Uri, target: &str| {
            let authority = uri.authority().map_or("*", |authority| authority.as_str());
            format!("{}{}", normal_authority(authority), normal(target))
        };
        match &self.what {
            What::Tag(tag) => format!("tag {tag}"),
            What::Version(tag, version) => format!("versions of {tag} before {version}"),
            What::Prefix(prefix) => format!("tags with the prefix {prefix}"),
            What::Glob(pattern) => format!("tags and targets like {pattern}"),
            What::Uri(one) => format!("uri {}", uri(one, target_of(one))),
            What::UriPrefix(one) => format!("uris with the prefix {}", uri(one, one.path())),
            What::Authority(authority) => format!("authority {}", normal_authority(authority)),
            What::Group(authority, group) => {
                format!("group {group} of {}", normal_authority(authority))
            }
            What::Everything => "everything".to_owned(),
        }
    }
}

/// Names and targets may hold credentials. Of them, the authority and the path of a URI are written.
impl fmt::Debug for Invalidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, uri) = match &self.what {
            What::Tag(_) => ("tag", None),
            What::Version(..) => ("version", None),
            What::Prefix(_) => ("prefix", None),
            What::Glob(_) => ("glob", None),
            What::Uri(uri) => ("uri", Some(uri)),
            What::UriPrefix(uri) => ("uri_prefix", Some(uri)),
            What::Authority(_) => ("authority", None),
            What::Group(..) => ("group", None),
            What::Everything => ("everything", None),
        };
        let mut debug = f.debug_struct("Invalidation");
        debug.field("kind", &kind).field("soft", &self.soft);
        if let Some(uri) = uri {
            let host = uri.host().unwrap_or_default();
            debug.field("uri", &format_args!("{host}{}", uri.path()));
        }
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::carried::{Carried, OwnTarget},
        *,
    };
    use scrimp_core::KeyBuf;

    fn stored(authority: &str, target: &str) -> Carried {
        let key = KeyBuf::new().to_key();
        Carried::new([], [], "").of(OwnTarget::new(&key, authority, target))
    }

    #[test]
    fn a_prefix_of_an_address_hits_what_begins_with_it() {
        for (prefix, hit, spared) in [
            (
                "/a/",
                [("a.example", "/a/b"), ("b.example", "/a/")],
                ("a.example", "/ab"),
            ),
            (
                "http://a.example/a/",
                [("a.example", "/a/b"), ("a.example", "/a/")],
                ("b.example", "/a/b"),
            ),
            (
                "http://a.example/a",
                [("a.example", "/a/b"), ("a.example", "/ab")],
                ("a.example", "/b/a"),
            ),
        ] {
            let target = Invalidation::uri_prefix(prefix.parse().unwrap()).target();
            for (authority, path) in hit {
                assert!(target.hits(&stored(authority, path)), "{prefix}: {path}");
            }
            let (authority, path) = spared;
            assert!(!target.hits(&stored(authority, path)), "{prefix}: {path}");
        }
    }

    #[test]
    fn a_prefix_that_ends_in_a_separator_is_no_pattern() {
        let is_tag = |prefix: &str| match Invalidation::prefix(prefix).target() {
            Target::Tags(tags) => tags.contains(&prefix_tag(prefix)),
            _ => false,
        };
        assert!(is_tag("user:") && is_tag("shop/"));
        assert!(!is_tag("user"));
    }

    #[test]
    fn what_is_hardened_is_not_soft() {
        let soft = Invalidation::tag("a").soft();
        assert!(soft.is_soft());
        assert!(!soft.hardened().is_soft());
    }

    #[test]
    fn names_and_queries_are_not_written() {
        let address = "http://key:secret@a.example/a/b?token=secret".parse();
        let shown = format!("{:?}", Invalidation::uri(address.unwrap()).soft());
        for part in ["\"uri\"", "soft: true", "a.example/a/b"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
        let shown = format!("{:?}", Invalidation::tag("user:secret"));
        assert!(
            shown.contains("\"tag\"") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
