//! Hints that a request carries.

use std::sync::Arc;

use crate::{Filters, Usage};

/// Requirements of a request on its provider. They are in its extensions, and all are optional.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub(crate) filters: Filters,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<Box<str>>,
}

// === impl Hints ===

impl Hints {
    /// Returns empty hints.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets filters for the request, in addition to the layer's. If no provider passes them,
    /// the request is refused with 503. If a limit is out of its range, or in a currency
    /// without an exchange rate, it is refused with 500.
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

    /// Sets the model that the request is for, where the request itself does not name it. See
    /// [`Provider::model`](crate::Provider::model).
    #[must_use]
    pub fn model(mut self, model: impl Into<Box<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the expected usage of the request, including tokens of the answer.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}
