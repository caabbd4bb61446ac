//! What a layer was set to, and what its services share.

use std::sync::Arc;

use http::HeaderName;
use scrimp_core::{Clock, Ledger, Money};

use crate::{
    cache_status::cache_name,
    epoch::Epochs,
    policy::Mode,
    rule::{Cookies, RuleSet},
};

/// Marks the log of invalidations keeps apart, about 10 MB when full.
const MAX_MARKS: usize = 1 << 18;

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) name: Box<str>,
    pub(crate) rules: RuleSet,
    pub(crate) targets: Vec<HeaderName>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) price: Money,
    pub(crate) explain: bool,
    pub(crate) strict_cookies: bool,
}

/// What all services of a layer share.
#[derive(Debug)]
pub(crate) struct Shared<St> {
    pub(crate) config: Config,
    pub(crate) store: St,
    pub(crate) epochs: Arc<Epochs>,
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            mode: Mode::default(),
            name: cache_name("scrimp"),
            rules: RuleSet::default(),
            targets: vec![HeaderName::from_static("cdn-cache-control")],
            clock: Clock::system(),
            ledger: None,
            price: Money::ZERO,
            explain: false,
            strict_cookies: true,
        }
    }

    pub(crate) fn epochs() -> Arc<Epochs> {
        Arc::new(Epochs::new(MAX_MARKS))
    }

    /// What a request with cookies means where no rule says it.
    pub(crate) fn default_cookies(&self) -> Cookies {
        match self.mode {
            Mode::Shared if self.strict_cookies => Cookies::Bypass,
            Mode::Shared | Mode::Private => Cookies::Ignore,
        }
    }
}
