//! The caches in front that are known, and the fields that each reads.

use http::HeaderName;
use scrimp_http::{
    cache_control::{CDN_CACHE_CONTROL, SURROGATE_CONTROL, X_ACCEL_EXPIRES},
    groups::{CACHE_TAG, SURROGATE_KEY, XKEY},
};

/// A cache in front, by the fields that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cdn {
    /// Cloudflare: CDN-Cache-Control and Cache-Tag.
    Cloudflare,
    /// Fastly: Surrogate-Control and Surrogate-Key.
    Fastly,
    /// nginx: X-Accel-Expires. It knows no tags.
    Nginx,
    /// Any cache that reads the standard field, CDN-Cache-Control (RFC 9213), without tags.
    Targeted,
    /// Varnish: CDN-Cache-Control and xkey, which [`VARNISH_VCL`](crate::VARNISH_VCL) reads.
    Varnish,
}

/// The form of a field with tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TagField {
    pub(super) name: HeaderName,
    pub(super) separator: char,
    /// Maximum length of one line in bytes.
    pub(super) max_line: usize,
}

/// Maximum length of all keys with their separators. Fastly applies the keys within the first 16 KB, and
/// Cloudflare takes no more than 16 KB; neither says whether that is 16,000 bytes or 16,384.
pub(super) const MAX_KEYS: usize = 16_000;

/// Maximum length of a line for Varnish, whose `http_resp_hdr_len` is 8 KiB by default. Several
/// lines are allowed.
const VARNISH_LINE: usize = 8_000;

// === impl Cdn ===

impl Cdn {
    /// Returns the field for lifetimes.
    pub(super) fn lifetime_field(self) -> HeaderName {
        match self {
            Self::Cloudflare | Self::Varnish | Self::Targeted => CDN_CACHE_CONTROL,
            Self::Fastly => SURROGATE_CONTROL,
            Self::Nginx => X_ACCEL_EXPIRES,
        }
    }

    /// Returns the field for tags, if there is one.
    pub(super) fn tag_field(self) -> Option<TagField> {
        let (name, separator, max_line) = match self {
            Self::Cloudflare => (CACHE_TAG, ',', MAX_KEYS),
            Self::Fastly => (SURROGATE_KEY, ' ', MAX_KEYS),
            Self::Varnish => (XKEY, ' ', VARNISH_LINE),
            Self::Nginx | Self::Targeted => return None,
        };
        Some(TagField {
            name,
            separator,
            max_line,
        })
    }
}
