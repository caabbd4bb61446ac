//! Reasons not to store a response.

/// Reason why a response is not stored. The text goes into `Cache-Status` as its `detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoStore,
    Private,
    Authorization,
    SetCookie,
    VaryStar,
    Disguised,
    Status,
    NotCacheable,
    Partial,
    TooLarge,
    TooManyTags,
    ContentType,
    SearchVariance,
    Rule,
}

// === impl Refusal ===

impl Refusal {
    /// Returns the refusal as a `detail` token.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::VaryStar => "vary-star",
            Self::Disguised => "field-name",
            Self::Status => "status",
            Self::NotCacheable => "no-lifetime",
            Self::Partial => "partial",
            Self::TooLarge => "too-large",
            Self::TooManyTags => "too-many-tags",
            Self::ContentType => "content-type",
            Self::SearchVariance => "no-vary-search",
            Self::Rule => "rule",
        }
    }
}
