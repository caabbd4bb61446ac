//! What the answer to a write says of other things.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The groups that a write invalidates (RFC 9875 §3).
pub(super) const GROUPS: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// What counts of an answer's header fields, read in one pass.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) location: Option<&'a HeaderValue>,
    pub(super) content_location: Option<&'a HeaderValue>,
    pub(super) varies: bool,
    pub(super) groups: bool,
}

impl<'a> Said<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            if name == header::LOCATION {
                said.location.get_or_insert(value);
            } else if name == header::CONTENT_LOCATION {
                said.content_location.get_or_insert(value);
            } else if name == header::VARY {
                said.varies = true;
            } else if name == GROUPS {
                said.groups = true;
            }
        }
        said
    }
}
