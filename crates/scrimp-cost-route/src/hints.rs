//! What a request says about itself.

use std::sync::Arc;

use crate::{Filters, Usage};

/// Tells what a request asks of its provider. In the request's extensions; all of it is optional.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub(crate) filters: Filters,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
}

// === impl Hints ===

impl Hints {
    /// Returns hints that say nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a provider must be like for the request, on top of what the layer asks. If no
    /// provider is, the request is refused with 503; if a limit is out of its range, or in a
    /// currency without an exchange rate, with 500.
    #[must_use]
    pub fn filters(mut self, filters: Filters) -> Self {
        self.filters = filters;
        self
    }

    /// Adds a tag that a provider must have.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets the route that the request is booked under.
    #[must_use]
    pub fn route(mut self, route: impl Into<Arc<str>>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Sets what the request is expected to use, tokens of the answer included.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}
