//! A provider: where it is, what it costs, what it is like, how much it takes.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Uri,
    request::Parts,
    uri::{self, Authority, PathAndQuery, Scheme},
};

use crate::{Price, engine::Prior};

/// Somebody who answers requests, for a price.
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) name: Arc<str>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) map: Option<Map>,
    pub(crate) price: Price,
    pub(crate) prior: Prior,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    pub(crate) tokens_per_minute: Option<NonZeroU32>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) timeout: Option<Duration>,
}

/// What a request's URI is rewritten to.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    /// Comes before the request's own path; no slash at its end.
    path: Box<str>,
}

/// Changes head and body of a request to what this provider wants to get.
#[derive(Clone)]
pub(crate) struct Map(pub(crate) Arc<MapFn>);

/// A function from a head and a body to a body, which may change the head too.
pub(crate) type MapFn = dyn Fn(&mut Parts, Bytes) -> Bytes + Send + Sync;

// === impl Provider ===

impl Provider {
    /// A provider of this name. Its price is not known, it takes a second, and 99 % of its
    /// calls go well, with a quality of 0.9, until told otherwise or seen otherwise.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            endpoint: None,
            headers: Vec::new(),
            map: None,
            price: Price::Unknown,
            prior: Prior {
                first_byte: Duration::from_millis(500),
                latency: Duration::from_secs(1),
                reliability: 0.99,
                quality: 0.9,
            },
            tags: Vec::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrency: None,
            timeout: None,
        }
    }

    /// Where requests go: scheme, authority, and a path that is put before theirs. Without
    /// one, requests keep their URI, as is right where each provider has its own service.
    ///
    /// The request's own header fields go there too. A credential on the request would be
    /// shown to whichever provider is chosen, or failed over to: give each provider its own
    /// with [`bearer`](Self::bearer) or [`header`](Self::header).
    ///
    /// # Panics
    ///
    /// If the URI has no scheme or authority, or has a query.
    #[must_use]
    pub fn endpoint(mut self, uri: &Uri) -> Self {
        let (Some(scheme), Some(authority), None) = (uri.scheme(), uri.authority(), uri.query())
        else {
            panic!(
                "Provider: `endpoint` must be like https://api.example.com/v1, with a scheme \
                 and an authority and without a query, not {uri}"
            );
        };
        self.endpoint = Some(Endpoint {
            scheme: scheme.clone(),
            authority: authority.clone(),
            path: uri.path().trim_end_matches('/').into(),
        });
        self
    }

    /// A header field to send, in place of any of that name that the request has. Its value
    /// is marked as sensitive, so that it is in no log.
    #[must_use]
    pub fn header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.push((name, value));
        self
    }

    /// A credential: sent as `Authorization: Bearer ...`, and in no log.
    ///
    /// # Panics
    ///
    /// If it holds what a header field can't.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else {
            panic!("Provider: `bearer` must be visible ASCII, as header fields are");
        };
        self.header(http::header::AUTHORIZATION, value)
    }

    /// Changes the request for this provider: the name of a model in the body, a version in
    /// the path. Needs the whole body, so a request whose body is above the limit of
    /// [`CostRouteLayer::buffer`](crate::CostRouteLayer::buffer) does not go to it.
    #[must_use]
    pub fn map(mut self, map: impl Fn(&mut Parts, Bytes) -> Bytes + Send + Sync + 'static) -> Self {
        self.map = Some(Map(Arc::new(map)));
        self
    }

    /// What it costs.
    #[must_use]
    pub fn price(mut self, price: impl Into<Price>) -> Self {
        self.price = price.into();
        self
    }

    /// How long it takes until the answer is whole, before it was seen.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.prior.latency = latency;
        self.prior.first_byte = latency / 2;
        self
    }

    /// The share of its calls that succeed, before it was seen.
    ///
    /// # Panics
    ///
    /// If it is not within 0 and 1.
    #[must_use]
    pub fn reliability(mut self, share: f64) -> Self {
        self.prior.reliability = share_of("reliability", share);
        self
    }

    /// The quality of its answers, before it was seen.
    ///
    /// # Panics
    ///
    /// If it is not within 0 and 1.
    #[must_use]
    pub fn quality(mut self, quality: f64) -> Self {
        self.prior.quality = share_of("quality", quality);
        self
    }

    /// A word that requests may ask for: a region, a model family.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Requests it takes per minute; beyond them it is passed over.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: NonZeroU32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Tokens it takes per minute, by what requests are expected to use.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: NonZeroU32) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Calls it takes at a time, bodies included.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        assert!(
            calls > 0,
            "Provider: `concurrency` must be at least 1, not 0"
        );
        self.concurrency = Some(calls);
        self
    }

    /// How long to wait for the first byte of its answer. Default: the layer's.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a request this provider's.
    pub(crate) fn dress(&self, parts: &mut Parts) {
        if let Some(endpoint) = &self.endpoint {
            parts.uri = endpoint.rewrite(&parts.uri);
            // It names the old authority; clients put the new one in.
            parts.headers.remove(http::header::HOST);
        }
        for (name, value) in &self.headers {
            parts.headers.insert(name.clone(), value.clone());
        }
    }
}

fn share_of(setting: &str, share: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&share),
        "Provider: `{setting}` must be within 0 and 1, not {share}"
    );
    share
}

// === impl Endpoint ===

impl Endpoint {
    fn rewrite(&self, uri: &Uri) -> Uri {
        let path = match uri.path_and_query() {
            // Nothing is put before it: its bytes are shared.
            Some(own) if own.as_str() != "*" && self.path.is_empty() => Ok(own.clone()),
            Some(own) if own.as_str() != "*" => {
                PathAndQuery::try_from([&*self.path, own.as_str()].concat())
            }
            _ => PathAndQuery::try_from([&*self.path, "/"].concat()),
        };
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = path.ok();
        // Two valid paths make a valid path.
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
