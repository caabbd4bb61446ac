//! A provider whose settings were checked.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Uri, header,
    request::Parts,
    uri::{self, Authority, PathAndQuery, Scheme},
};

use crate::{Price, engine::Prior};

/// What a [`Provider`](crate::Provider) was set to.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
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

/// Changes head and body of a request to what a provider wants to get.
#[derive(Clone)]
pub(crate) struct Map(pub(crate) Arc<MapFn>);

/// A function from a head and a body to a body, which may change the head too.
pub(crate) type MapFn = dyn Fn(&mut Parts, Bytes) -> Bytes + Send + Sync;

// === impl Profile ===

impl Profile {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
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

    /// Makes a request this provider's.
    pub(crate) fn dress(&self, parts: &mut Parts) {
        if let Some(endpoint) = &self.endpoint {
            parts.uri = endpoint.rewrite(&parts.uri);
            // It names the old authority; clients put the new one in.
            parts.headers.remove(header::HOST);
        }
        for (name, value) in &self.headers {
            parts.headers.insert(name.clone(), value.clone());
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns the endpoint that a URI names, if it has a scheme and an authority and no
    /// query.
    pub(crate) fn new(uri: &Uri) -> Option<Self> {
        if uri.query().is_some() {
            return None;
        }
        Some(Self {
            scheme: uri.scheme()?.clone(),
            authority: uri.authority()?.clone(),
            path: uri.path().trim_end_matches('/').into(),
        })
    }

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

// === impl Map ===

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
