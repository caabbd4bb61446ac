//! Purges of caches in front of this process.

use std::fmt;

use http::Uri;

/// An invalidation by an operator, for the caches in front.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Purge {
    /// Stored responses that it hits.
    pub target: PurgeTarget,
    /// Stored responses become stale, and are not gone.
    pub soft: bool,
}

/// The target of a [`Purge`].
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PurgeTarget {
    /// Everything that carries a tag, in whichever [version](crate::tag::versioned).
    Tag(Box<str>),
    /// Everything with a tag that has this prefix.
    TagPrefix(Box<str>),
    /// Everything with a tag, or a path and query, that matches. `*` matches anything.
    Glob(Box<str>),
    /// Everything of a URI. Without an authority, it stands for its path and query on every one.
    Uri(Uri),
    /// Everything of an authority whose path has this prefix. Without an authority, it stands for
    /// every one.
    UriPrefix(Uri),
    /// Everything of an authority.
    Authority(Box<str>),
    /// Everything that an authority's Cache-Groups put into a group (RFC 9875).
    Group {
        /// The authority.
        authority: Box<str>,
        /// The name of the group.
        group: Box<str>,
    },
    /// Everything.
    Everything,
}

/// Carries purges to a cache in front: a CDN, Varnish, nginx.
///
/// A cache calls it after it has invalidated its own stored responses, so that the cache in front
/// cannot fetch an old one again.
pub trait Purger: Send + Sync + 'static {
    /// Takes a purge. It returns at once: delivery takes place in the background.
    fn purge(&self, purge: &Purge);
}

// === impl Purge ===

impl Purge {
    /// Makes a hard purge.
    #[must_use]
    pub fn new(target: PurgeTarget) -> Self {
        Self {
            target,
            soft: false,
        }
    }

    /// Makes stored responses stale, not gone.
    #[must_use]
    pub fn soft(self) -> Self {
        Self { soft: true, ..self }
    }
}

// === impl PurgeTarget ===

impl PurgeTarget {
    /// Returns the kind of target as a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tag(_) => "tag",
            Self::TagPrefix(_) => "prefix",
            Self::Glob(_) => "glob",
            Self::Uri(_) => "uri",
            Self::UriPrefix(_) => "uri_prefix",
            Self::Authority(_) => "authority",
            Self::Group { .. } => "group",
            Self::Everything => "everything",
        }
    }
}

/// Names and targets may hold credentials, and are not written.
impl fmt::Debug for PurgeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for Purge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purge")
            .field("target", &self.target)
            .field("soft", &self.soft)
            .finish()
    }
}
