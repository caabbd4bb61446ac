//! The effects of a response to a write on other resources.

use http::{HeaderMap, HeaderValue, header};
use scrimp_http::groups::CACHE_GROUP_INVALIDATION;

/// The relevant header fields of a response, read in one pass.
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
            match *name {
                header::LOCATION => said.location = said.location.or(Some(value)),
                header::CONTENT_LOCATION => {
                    said.content_location = said.content_location.or(Some(value));
                }
                header::VARY => said.varies = true,
                _ => said.groups |= *name == CACHE_GROUP_INVALIDATION,
            }
        }
        said
    }
}
