//! No-Vary-Search in a build without the feature: all of a query counts.

use http::{HeaderMap, Request};

/// Never made.
#[derive(Debug, Clone)]
pub(crate) enum Variance {}

#[derive(Debug, Default)]
pub(crate) struct Variances(());

// === impl Variance ===

impl Variance {
    pub(crate) fn counting(&self, _: &str) -> Vec<(String, String)> {
        match *self {}
    }
}

// === impl Variances ===

impl Variances {
    #[expect(clippy::unused_self, reason = "as it is with the feature")]
    pub(crate) fn get<B>(&self, _: &Request<B>) -> Option<Variance> {
        None
    }

    #[expect(clippy::unused_self, reason = "as it is with the feature")]
    pub(crate) fn confirm(&self, _: &Request<()>, _: &HeaderMap, _: Option<&Variance>) -> bool {
        true
    }
}
