//! The settings.

use std::time::Duration;

use http::HeaderValue;
use scrimp_core::Money;
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{SessionKey, fetching::Fetching};

/// The name of the built type, for errors.
pub(crate) const OWNER: &str = "PrefetchLayer";

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) session: SessionKey,
    pub(crate) fetching: Fetching,
    /// Value to a caller of not having to wait.
    pub(crate) value: Option<Money>,
    pub(crate) min_confidence: f64,
    pub(crate) lead: Duration,
    /// Time for which a fetched response is of use, unless the cache knows better.
    pub(crate) keep: Duration,
    pub(crate) session_idle: Duration,
    pub(crate) max_sessions: usize,
    pub(crate) max_items: usize,
    pub(crate) max_pending: usize,
    pub(crate) per_request: usize,
    pub(crate) rest: Duration,
    /// Fetches go out with the credentials of their session.
    pub(crate) personal: bool,
    pub(crate) credentials: Credentials,
    pub(crate) target_uri: TargetUri,
    /// The value of Speculation-Rules, if browsers do the fetching.
    pub(crate) rules: Option<HeaderValue>,
    /// Browsers do the fetching, by links of pages.
    pub(crate) links: bool,
}

/// Value and price of a prefetch, in units of one currency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stakes {
    pub(crate) value: Money,
    pub(crate) price: Money,
}

// === impl Config ===

impl Config {
    pub(crate) fn new(session: SessionKey) -> Self {
        Self {
            session,
            fetching: Fetching::new(16),
            value: None,
            min_confidence: 0.0,
            lead: Duration::from_secs(5),
            keep: Duration::from_secs(120),
            session_idle: Duration::from_secs(1800),
            max_sessions: 10_000,
            max_items: 16_384,
            max_pending: 1_024,
            per_request: 3,
            rest: Duration::from_secs(600),
            personal: false,
            credentials: Credentials::default(),
            target_uri: TargetUri::default(),
            rules: None,
            links: false,
        }
    }

    /// Reports whether browsers do the fetching.
    pub(crate) fn is_for_browsers(&self) -> bool {
        self.rules.is_some() || self.links
    }

    /// Returns what a prefetch is worth, if anything is to be fetched.
    pub(crate) fn stakes(&self) -> Option<Stakes> {
        let (value, price) = self.value.zip(self.fetching.price)?;
        (!value.is_zero()).then_some(Stakes { value, price })
    }
}

// === impl Stakes ===

impl Stakes {
    /// Returns `P · value of waiting − (1 − P) · price`.
    pub(crate) fn expected(&self, probability: f64) -> f64 {
        probability * self.value.as_f64() - (1.0 - probability) * self.price.as_f64()
    }
}
