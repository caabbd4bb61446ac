//! The settings of a layer, as its services use them.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use scrimp_core::{Clock, KeyBy, Ledger, Money, PrivateIf, Purger};
use scrimp_http::{
    cache_control::CDN_CACHE_CONTROL,
    groups::{CACHE_TAG, SURROGATE_KEY},
    target::TargetUri,
};

use crate::{
    cache_status::CacheName,
    changes::Changes,
    kept::KeptTypes,
    monitor::Sampling,
    packed::CommonParts,
    policy::{Mode, facts::Telling},
    rule::{Cookies, Rule, RuleSet},
};

/// The settings of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) name: CacheName,
    pub(crate) rules: RuleSet,
    pub(crate) targets: Vec<HeaderName>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) price: Money,
    pub(crate) monitor: Option<Sampling>,
    pub(crate) explain: bool,
    pub(crate) heuristics: bool,
    pub(crate) strict_cookies: bool,
    pub(crate) telling: Telling,
    pub(crate) private_if: PrivateIf,
    pub(crate) key_by: KeyBy,
    pub(crate) tag_headers: Vec<HeaderName>,
    pub(crate) strip_tag_headers: bool,
    pub(crate) tagger: Option<Function<TagFn>>,
    pub(crate) fallback: Option<Function<FallbackFn>>,
    pub(crate) store_timeout: Duration,
    pub(crate) target_uri: TargetUri,
    /// Extensions of responses that are stored.
    pub(crate) kept: Option<KeptTypes>,
    /// Longest time that a response is stored.
    pub(crate) retention: Option<Duration>,
    /// Carriers of purges to the caches in front.
    pub(crate) purgers: Vec<Function<dyn Purger>>,
    /// Header fields and selections that responses have in common.
    pub(crate) common: CommonParts,
    /// Changes of responses whose lifetime is learned.
    pub(crate) changes: Changes,
}

/// A function set by the operator. It has no text form.
pub(crate) struct Function<F: ?Sized>(pub(crate) Arc<F>);

/// A function from a request, and the upstream's status if there was one, to a response.
pub(crate) type FallbackFn =
    dyn Fn(&Request<()>, Option<StatusCode>) -> Option<Response<Bytes>> + Send + Sync;

/// A function from request and response to tags.
pub(crate) type TagFn = dyn Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync;

// === impl Function ===

impl<F: ?Sized> Clone for Function<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: ?Sized> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: CacheName::default(),
            rules: RuleSet::default(),
            targets: vec![CDN_CACHE_CONTROL],
            clock: Clock::system(),
            ledger: None,
            price: Money::ZERO,
            monitor: None,
            explain: false,
            heuristics: true,
            strict_cookies: true,
            telling: Telling::default(),
            private_if: PrivateIf::default(),
            key_by: KeyBy::default(),
            tag_headers: vec![CACHE_TAG, SURROGATE_KEY],
            strip_tag_headers: false,
            tagger: None,
            fallback: None,
            store_timeout: Duration::from_millis(100),
            target_uri: TargetUri::default(),
            kept: None,
            retention: None,
            purgers: Vec::new(),
            common: CommonParts::default(),
            changes: Changes::default(),
        }
    }
}

impl Config {
    /// Returns what cookies mean for a request that this rule, or no rule, matches.
    pub(crate) fn cookies(&self, rule: Option<&Rule>) -> Cookies {
        rule.and_then(|rule| rule.cookies).unwrap_or({
            match self.mode {
                Mode::Shared if self.strict_cookies => Cookies::Bypass,
                Mode::Shared | Mode::Private => Cookies::Ignore,
            }
        })
    }
}
