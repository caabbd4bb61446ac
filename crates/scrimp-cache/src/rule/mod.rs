//! The operator's rules, in addition to HTTP.

mod build;
mod builder;
mod check;
mod display;
mod learned;
mod parse;
mod path;
mod set;
mod suffix;
mod template;

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use scrimp_http::{media_type, target::host_without_port};

use crate::pattern::Pattern;

pub use build::RuleError;
pub use builder::RuleBuilder;
pub(crate) use check::Check;
pub(crate) use learned::LearnedTtl;
pub(crate) use set::{Matched, Place, RuleSet};
pub(crate) use template::Template;

/// One rule: conditions, and settings that apply if all of them hold.
///
/// Rules are tried in order and the first that matches decides. A rule with a condition on
/// the response (its content type or its status) is skipped while there is no response
/// yet; it decides about storing and TTL only, never about the key.
///
/// A path that upstreams read in different ways (`/static/..%2faccount`, `/account;x.css`,
/// `//account`, `/account%00.css`) could get a personal page treated as a public one. In
/// doubt, a condition on the path holds only for a rule that bypasses the cache.
///
/// If a condition depends on the end of a path (`/**.css`), a response whose media type does not
/// fit such a file is not one, whatever its name. The rule does not apply to it. It is stored only
/// if the origin gives it a lifetime, and the request had no cookies.
///
/// Rules are built with [`Rule::builder`] or parsed from text, and written as text by
/// [`Display`](fmt::Display):
///
/// ```
/// use scrimp_cache::Rule;
///
/// let rule: Rule = "path=/api/products query=category,page header=x-customer-tier ttl=5m".parse()?;
/// # Ok::<(), scrimp_cache::RuleError>(())
/// ```
///
/// | word | meaning |
/// |---|---|
/// | `name=products` | the route's name in the ledger; without it, the path pattern |
/// | `method=GET` | condition: the method; GET includes HEAD |
/// | `host=*.example.com` | condition: the host; `*` one label, `**` any |
/// | `path=/api/**` | condition: the path; `*` one segment, `**` any |
/// | `if-header=x-beta` `if-header=x-beta:1` | condition: a request field is present, or has a value |
/// | `content-type=image/*` | condition: the response's media type |
/// | `status=404,410` | condition: the response's status |
/// | `query=category,page` | key: these parameters, in any order; `query=none`: no query at all |
/// | `header=x-customer-tier` | key: a request field's value |
/// | `cookie=session` | key: a cookie's value; other cookies are ignored |
/// | `auth=shared` | the response is the same for every authorised caller, and authentication runs outside the cache |
/// | `ttl=2m` `ttl=infinite` | freshness lifetime, in place of the origin's |
/// | `ttl=learned(30s,1h)` `ttl=learned(30s,1h,2%)` | the same, learned from changes: out of date for 5 % of the time at most, or for another share ([`learned_ttl`](RuleBuilder::learned_ttl)) |
/// | `tag=product:{id}` | tags; `{id}` is that segment of the path, `{query.page}` a parameter, `{header.x-y}` a response field |
/// | `negative-ttl=30s` | the same for 404 and 410 |
/// | `min-ttl=5s` `max-ttl=1h` | bounds on lifetimes, the origin's too |
/// | `jitter=10%` | a lifetime is shortened at random by up to this, so that responses stored together do not expire together |
/// | `max-body=1MiB` | larger bodies are not stored |
/// | `fail-safe=1h` | serve stale for this long if the upstream fails |
/// | `soft-timeout=200ms` | serve stale if the upstream takes longer, and let it finish in the background |
/// | `events=keep` | store event streams and the like ([`keep_events`](RuleBuilder::keep_events)), which are not stored otherwise |
/// | `answers=complete` | store complete answers of language models only ([`complete_answers`](RuleBuilder::complete_answers)); needs the feature `llm` |
/// | `body-key` | store responses to POST too, by a digest of the body (see [`BodyDigestLayer`](scrimp_core::BodyDigestLayer)) |
/// | `bypass` | neither store nor serve from the store |
/// | `ignore-cookies` | store and serve although the request has cookies |
/// | `ignore-client-control` | clients cannot force a call: their `no-cache`, `no-store`, `max-age` and `min-fresh` are ignored |
/// | `store-set-cookie` | store although the response sets cookies |
/// | `override-origin` | store in spite of `no-store`, `private` and `no-cache` |
#[derive(Clone, Default, PartialEq)]
pub struct Rule {
    /// Name of the route; empty by default.
    pub(crate) name: Box<str>,
    pub(crate) when: When,
    pub(crate) key: KeySpec,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) limits: Limits,
    pub(crate) fail_safe: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) keep_events: bool,
    pub(crate) check: Check,
    pub(crate) body_key: bool,
    pub(crate) ignore_client_control: bool,
    pub(crate) bypass: bool,
    pub(crate) cookies: Option<Cookies>,
    pub(crate) store_set_cookie: bool,
    pub(crate) override_origin: bool,
    pub(crate) tags: Vec<Template>,
}

/// The conditions of a rule; an empty one always holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct When {
    pub(crate) methods: Vec<Method>,
    pub(crate) host: Option<Pattern>,
    pub(crate) path: Option<Pattern>,
    pub(crate) headers: Vec<(HeaderName, Option<HeaderValue>)>,
    pub(crate) content_type: Option<Pattern>,
    pub(crate) statuses: Vec<StatusCode>,
}

/// The parts of a key besides authority and path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KeySpec {
    pub(crate) query: QueryKey,
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) cookies: Vec<Box<str>>,
    /// Authorised callers share a response, apart from callers without credentials.
    pub(crate) authorised: bool,
}

/// The part of the query that belongs to a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum QueryKey {
    /// The whole query, as it is written: the safe default.
    #[default]
    All,
    /// No part of the query.
    None,
    /// These parameters.
    Only(Parameters),
}

/// Names of parameters, each once and sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) names: Box<[Box<str>]>,
    /// All upstreams read each name as it is written, except for its case.
    pub(crate) plain: bool,
}

/// Treatment of requests with cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookies {
    /// The response may be personal: the cache is bypassed.
    Bypass,
    /// Cookies do not change the response.
    Ignore,
}

/// Computes a lifetime from request and response; `None` leaves it to the next source.
pub(crate) type TtlFn = dyn Fn(&Request<()>, &Response<()>) -> Option<Duration> + Send + Sync;

/// Bounds on what is stored and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limits {
    /// Lifetime of 404 and 410 responses, in place of `ttl`.
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) min_ttl: Option<Duration>,
    pub(crate) max_ttl: Option<Duration>,
    /// Largest random reduction of a lifetime, in thousandths.
    pub(crate) jitter: u16,
    pub(crate) max_body: Option<u64>,
}

/// A freshness lifetime.
#[derive(Clone)]
pub(crate) enum Ttl {
    Fixed(Duration),
    Learned(LearnedTtl),
    With(Arc<TtlFn>),
}

// === impl Parameters ===

impl Parameters {
    pub(crate) fn new(mut names: Vec<Box<str>>) -> Self {
        names.sort();
        names.dedup();
        Self {
            plain: names.iter().all(|name| name.bytes().all(Self::is_plain)),
            names: names.into(),
        }
    }

    /// Returns whether all upstreams read this byte of a name as it is written, except for its case.
    pub(crate) const fn is_plain(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
    }
}

// === impl Rule ===

impl Rule {
    /// Starts a rule that matches everything and changes nothing.
    pub fn builder() -> RuleBuilder {
        RuleBuilder::default()
    }

    /// Returns the route's name, as the ledger shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        let when = &self.when;
        match (&*self.name, when.path.as_ref().or(when.host.as_ref())) {
            ("", Some(pattern)) => pattern.as_str(),
            ("", None) => "*",
            (name, _) => name,
        }
    }

    /// Returns the tags for a response.
    pub(crate) fn tags(&self, request: &Request<()>, response: &Response<()>) -> Vec<String> {
        let captures = match &self.when.path {
            Some(path) if !self.tags.is_empty() => path.captures(request.uri().path()),
            _ => Vec::new(),
        };
        self.tags
            .iter()
            .map(|tag| tag.fill(&captures, request, response))
            .collect()
    }

    /// Returns the lifetime for a response, if the rule sets one. `learn` returns a learned one.
    pub(crate) fn ttl(
        &self,
        request: &Request<()>,
        response: &Response<()>,
        learn: impl FnOnce(LearnedTtl) -> Duration,
    ) -> Option<Duration> {
        let nothing = matches!(response.status().as_u16(), 404 | 410);
        if nothing && self.limits.negative_ttl.is_some() {
            return self.limits.negative_ttl;
        }
        match self.ttl.as_ref()? {
            Ttl::Fixed(ttl) => Some(*ttl),
            Ttl::Learned(bounds) => Some(learn(*bounds)),
            Ttl::With(ttl) => ttl(request, response),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("when", &self.when)
            .field("key", &self.key)
            .field("ttl", &self.ttl)
            .field("bypass", &self.bypass)
            .finish_non_exhaustive()
    }
}

// === impl Ttl ===

impl PartialEq for Ttl {
    /// Compares functions by identity: one equals only itself and its copies.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(own), Self::Fixed(other)) => own == other,
            (Self::Learned(own), Self::Learned(other)) => own == other,
            (Self::With(own), Self::With(other)) => Arc::ptr_eq(own, other),
            (Self::Fixed(_) | Self::Learned(_) | Self::With(_), _) => false,
        }
    }
}

impl fmt::Debug for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(ttl) => ttl.fmt(f),
            Self::Learned(bounds) => fmt::Display::fmt(bounds, f),
            Self::With(_) => f.write_str("(function)"),
        }
    }
}

// === impl When ===

impl When {
    pub(crate) fn needs_response(&self) -> bool {
        self.content_type.is_some() || !self.statuses.is_empty()
    }

    /// Returns whether the conditions on the request hold. `doubt` is the result for a condition
    /// on a path that upstreams read in different ways; `None` if the path is not one.
    ///
    /// `authority` returns that of the request, which all rules share.
    pub(crate) fn request<'a, B>(
        &self,
        request: &'a Request<B>,
        authority: impl FnOnce() -> &'a [u8],
        doubt: Option<bool>,
    ) -> bool {
        let method = |method: &Method| {
            method == request.method()
                || (method == Method::GET && request.method() == Method::HEAD)
        };
        let header = |(name, wanted): &(HeaderName, Option<HeaderValue>)| match wanted {
            None => request.headers().contains_key(name),
            Some(wanted) => request
                .headers()
                .get_all(name)
                .iter()
                .any(|value| value == wanted),
        };
        (self.methods.is_empty() || self.methods.iter().any(method))
            && self
                .path
                .as_ref()
                .is_none_or(|path| doubt.unwrap_or_else(|| path.matches(request.uri().path())))
            && self.host.as_ref().is_none_or(|wanted| {
                let authority = authority();
                wanted.may_begin(authority) && wanted.matches_bytes(host_without_port(authority))
            })
            && self.headers.iter().all(header)
    }

    /// Returns whether the conditions on the response hold.
    pub(crate) fn response<B>(&self, response: &Response<B>) -> bool {
        let media_type = || {
            let essence = media_type::of(response.headers())?;
            std::str::from_utf8(essence).ok()
        };
        (self.statuses.is_empty() || self.statuses.contains(&response.status()))
            && self
                .content_type
                .as_ref()
                .is_none_or(|wanted| media_type().is_some_and(|found| wanted.matches(found)))
    }
}
