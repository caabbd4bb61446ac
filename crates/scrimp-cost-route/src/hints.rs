//! What a request may say about itself.

use std::sync::Arc;

use crate::{Usage, engine::Filters};

/// In a request's extensions: what it asks of its provider. All of it is optional.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub(crate) filters: Filters,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
}

// === impl Hints ===

impl Hints {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a provider must be like for it, on top of what the layer asks.
    #[must_use]
    pub fn filters(mut self, filters: Filters) -> Self {
        self.filters = filters;
        self
    }

    /// A tag that a provider must have.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The route it is booked under.
    #[must_use]
    pub fn route(mut self, route: impl Into<Arc<str>>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// What it is expected to use, tokens of the answer included.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}
