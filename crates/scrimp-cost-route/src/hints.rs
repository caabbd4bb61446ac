//! Hints that a request carries.

use std::sync::Arc;

use http::Extensions;
use scrimp_core::{Currency, ExchangeRates, Money, extensions::Carried};

use crate::{Filters, Usage, engine::Bounds, refuse::Refused};

/// Requirements of a request on its provider. They are in its extensions, and all are optional.
///
/// A request that [carries](Carried) others, such as a batch, gets a provider that each of them may
/// have: it passes the filters of each, and has all their tags. If there is none, or they are for
/// different models or routes, it is refused, marked as one to be sent
/// [`Apart`](scrimp_core::extensions::Apart), as scrimp's `BatchLayer` then does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hints {
    pub(crate) filters: Filters,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<Box<str>>,
    pub(crate) hedge: Option<Money>,
}

/// Hints that are checked, of one request or of all that it carries.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) bounds: Bounds,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<Box<str>>,
    /// Worth of a second of waiting.
    pub(crate) hedge: Option<Money>,
    /// True if they are of several requests, which do not ask for the same.
    pub(crate) mixed: bool,
}

// === impl Wanted ===

impl Wanted {
    /// Reads the hints of a request.
    pub(crate) fn of(request: &Extensions, rates: &ExchangeRates) -> Result<Self, Refused> {
        let Some(Carried(all)) = request.get() else {
            let hints = request.get::<Hints>();
            return hints.map_or_else(|| Ok(Self::default()), |hints| hints.clone().checked());
        };
        let mut hints = all.iter().map(|one| one.get::<Hints>());
        let first = hints.next().flatten().cloned().unwrap_or_default();
        let (mut wanted, none) = (first.clone().checked()?, Hints::default());
        for other in hints {
            let other = other.unwrap_or(&none);
            wanted.mixed |= *other != first;
            wanted = wanted.and(other.clone().checked()?, rates)?;
        }
        Ok(wanted)
    }

    /// Combines the hints of two requests that are carried together.
    fn and(mut self, other: Self, rates: &ExchangeRates) -> Result<Self, Refused> {
        if self.route != other.route || self.model != other.model {
            return Err(Refused::Mixed);
        }
        let bounds = self.bounds.and(other.bounds, rates);
        self.bounds = bounds.map_err(|missing| Refused::NoCandidate(missing.into()))?;
        let added = other
            .tags
            .into_iter()
            .filter(|tag| !self.tags.contains(tag));
        let added: Vec<_> = added.collect();
        self.tags.extend(added);
        if self.hedge != other.hedge {
            // What is cheap for one is not for the other.
            self.hedge = Some(Money::zero(Currency::USD));
        }
        let both = self.usage.zip(other.usage);
        self.usage = both.map(|(a, b)| a.plus(&b));
        Ok(self)
    }
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

    /// Sets what a second of the caller's waiting is worth, in place of the layer's
    /// [`hedge`](crate::CostRouteLayerBuilder::hedge). 0 or less makes no second call.
    #[must_use]
    pub fn hedge(mut self, second: Money) -> Self {
        self.hedge = Some(second);
        self
    }

    fn checked(self) -> Result<Wanted, Refused> {
        Ok(Wanted {
            bounds: self.filters.checked().map_err(Refused::Filters)?,
            tags: self.tags,
            route: self.route,
            usage: self.usage,
            model: self.model,
            hedge: self.hedge,
            mixed: false,
        })
    }
}
