//! Purges in a CDN's own terms.

use std::fmt;

/// Kind of a purge in a CDN's terms. One request purges items of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ItemKind {
    /// A key or tag that responses carry.
    Key,
    /// A URL.
    Url,
    /// All URLs with a prefix.
    Prefix,
    /// All URLs of a host.
    Host,
    /// An expression in the CDN's own language.
    Expression,
    /// Everything.
    Everything,
}

/// One purge in a CDN's terms.
///
/// The value may be a name that a client chose, or hold a secret, and is not written by `Debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PurgeItem {
    /// Its kind.
    pub kind: ItemKind,
    /// The key, URL, prefix, host or expression; empty for everything.
    pub value: Box<str>,
    /// Stored responses become stale, and are not gone.
    pub soft: bool,
}

/// A [`Purge`](scrimp_core::Purge) in a CDN's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expressed {
    /// These items together hit what the purge hits.
    Exactly(Vec<PurgeItem>),
    /// They hit more, because the CDN cannot do it more precisely.
    Wider(Vec<PurgeItem>),
    /// The CDN has nothing but a purge of everything for it.
    Not,
}

// === impl ItemKind ===

impl ItemKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 6] = [
        Self::Key,
        Self::Url,
        Self::Prefix,
        Self::Host,
        Self::Expression,
        Self::Everything,
    ];
}

// === impl PurgeItem ===

impl PurgeItem {
    /// Makes a hard purge.
    #[must_use]
    pub fn new(kind: ItemKind, value: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            value: value.into(),
            soft: false,
        }
    }

    /// Makes a hard purge of everything.
    #[must_use]
    pub fn everything() -> Self {
        Self::new(ItemKind::Everything, "")
    }

    /// Sets whether it is soft.
    #[must_use]
    pub fn with_soft(self, soft: bool) -> Self {
        Self { soft, ..self }
    }
}

impl fmt::Debug for PurgeItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeItem")
            .field("kind", &self.kind)
            .field("soft", &self.soft)
            .finish_non_exhaustive()
    }
}
