//! The builder: the upstream, the cache and the fields.
//!
//! Limits of the clients' side are in `limits`.

use std::{
    convert::Infallible,
    ops::{Bound, RangeBounds},
    time::Duration,
};

use axum::{extract::Request, response::IntoResponse};
use bytes::Bytes;
use http::{
    Response, Uri,
    uri::{Authority, Scheme},
};
use http_body::Body;
use rustls::ClientConfig;
use scrimp_cache::{CacheLayer, MemoryStore, Store};
use scrimp_core::{BoxError, SettingError, Settings};
use tower::{Layer, Service};

use crate::{
    cached::Cached,
    config::{Config, Server, Upstream},
    gateway::{self, Gateway},
    outside::Outside,
    service::GatewayService,
    tls,
    upstream::{GatewayUpstream, Layers},
};

/// Name of the type in errors of settings.
const OWNER: &str = "Gateway";
/// Range of times.
const TIMES: (Bound<Duration>, Bound<Duration>) = (
    Bound::Excluded(Duration::ZERO),
    Bound::Included(Duration::from_secs(86_400)),
);

/// Builds a [`Gateway`]. Made by [`Gateway::builder`].
#[must_use = "a builder does nothing until `build` is called"]
#[derive(Debug)]
pub struct GatewayBuilder(Settings<Config>);

// === impl Gateway ===

impl Gateway {
    /// Starts a gateway in front of `upstream`: `http://HOST[:PORT]` or `https://HOST[:PORT]`,
    /// without a path.
    ///
    /// An `https` upstream is verified against the certificate authorities of the system, or
    /// [`upstream_ca`](GatewayBuilder::upstream_ca), and chooses HTTP/2 or HTTP/1.1.
    pub fn builder(upstream: impl TryInto<Uri, Error: Into<BoxError>>) -> GatewayBuilder {
        let shape = "a URL such as http://127.0.0.1:9000";
        let upstream = SettingError::read(OWNER, "upstream", upstream, shape);
        let config = Config {
            app: None,
            upstream: Upstream {
                // Replaced below, or unused.
                scheme: Scheme::HTTP,
                authority: Authority::from_static("localhost"),
                http2: false,
                roots: None,
            },
            cached: Cached::by(CacheLayer::new(MemoryStore::new(256 << 20))),
            layers: Layers::default(),
            outside: Outside::default(),
            preserve_host: false,
            trust_forwarded: false,
            upstream_timeout: Duration::from_secs(60),
            server: Server::default(),
        };
        let upstream = upstream.and_then(|uri| origin(&uri));
        GatewayBuilder(Settings::new(OWNER, config).checked(
            upstream,
            |config, (scheme, authority)| {
                config.upstream.scheme = scheme;
                config.upstream.authority = authority;
            },
        ))
    }

    /// Starts a gateway in front of an axum router or another service, such as one that chooses among several
    /// gateways. Of the builder's settings, those of the clients' side and [`tls`](GatewayBuilder::tls) apply.
    ///
    /// The service gets requests as clients sent them. One that is not made by
    /// [`Gateway::router`] or [`Gateway::service`] has to check them itself.
    pub fn of(app: impl Into<GatewayService>) -> GatewayBuilder {
        let app = app.into();
        let unused = Self::builder(Uri::from_static("http://localhost"));
        unused.set(|config| config.app = Some(app))
    }
}

// === impl GatewayBuilder ===

impl GatewayBuilder {
    /// Sets the cache, over any store. Default: a shared one with 256 MiB of memory and no rules.
    pub fn cache<St: Store>(self, cache: CacheLayer<St>) -> Self {
        self.set(|config| config.cached = Cached::by(cache))
    }

    /// Passes all requests through and stores nothing.
    pub fn no_cache(self) -> Self {
        self.set(|config| config.cached = Cached::not())
    }

    /// Adds a layer around the upstream, inside the cache: it sees the calls that are made, and no hit.
    /// A rate limit or a budget belongs here, on its own or shared by all gateways of a fleet. A layer
    /// that is added later is outside of the earlier ones.
    pub fn around_upstream<L, R>(self, layer: L) -> Self
    where
        L: Layer<GatewayUpstream> + Send + Sync + 'static,
        L::Service: Service<Request, Response = Response<R>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.set(|config| config.layers.add(layer))
    }

    /// Adds a layer around the cache: it sees all requests that the gateway does not refuse itself. A
    /// layer that lets one request fill a key, such as that of `scrimp-stampede`, belongs here. A layer
    /// that is added later is outside of the earlier ones.
    pub fn around_cache<L>(self, layer: L) -> Self
    where
        L: Layer<GatewayService> + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse,
        <L::Service as Service<Request>>::Error: Into<Infallible>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.set(|config| config.outside.add(layer))
    }

    /// Sends the client's Host to the upstream. Default: the upstream's own.
    ///
    /// The upstream is then called over HTTP/1.1: in HTTP/2 the host of a request is that of the
    /// connection.
    pub fn preserve_host(self) -> Self {
        self.set(|config| config.preserve_host = true)
    }

    /// Trusts and extends the Forwarded and X-Forwarded-* fields of clients. Only for a gateway
    /// that no client but a trusted proxy can reach.
    pub fn trust_forwarded(self) -> Self {
        self.set(|config| config.trust_forwarded = true)
    }

    /// Limits the time until the upstream's response head, the request's upload included.
    /// Range: above 0 and at most a day. Default: 60 s.
    pub fn upstream_timeout(self, time: Duration) -> Self {
        self.time("upstream_timeout", time, |config, time| {
            config.upstream_timeout = time;
        })
    }

    /// Calls the upstream over HTTP/2 only, without asking ("prior knowledge"). Not together with
    /// [`preserve_host`](Self::preserve_host). Default: HTTP/1.1 for `http`, and the upstream's
    /// choice for `https`.
    pub fn upstream_http2(self) -> Self {
        self.set(|config| config.upstream.http2 = true)
    }

    /// Trusts these certificate authorities (PEM) for an `https` upstream, and no others.
    /// Default: those of the system.
    pub fn upstream_ca(self, pem: impl AsRef<[u8]>) -> Self {
        let problem = |error| problem("upstream_ca", "must be certificates in PEM", error);
        let roots = tls::roots(pem.as_ref()).map_err(problem);
        Self(self.0.checked(roots, |config, roots| {
            config.upstream.roots = Some(roots);
        }))
    }

    /// Builds the gateway.
    ///
    /// # Errors
    ///
    /// If the upstream is not `http://HOST[:PORT]` or `https://HOST[:PORT]`, a number or a time is
    /// out of its range, a certificate or a key cannot be used, or two settings contradict each
    /// other.
    pub fn build(self) -> Result<Gateway, SettingError> {
        let (config, tls) = self.finish()?;
        Ok(Gateway::from_config(config, tls))
    }

    /// Builds the client of the upstream alone, for a stack of several upstreams inside the layers of
    /// another gateway.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_upstream(self) -> Result<GatewayUpstream, SettingError> {
        let (config, tls) = self.finish()?;
        let upstream = gateway::proxy(&config, tls);
        Ok(config
            .layers
            .around(&upstream)
            .unwrap_or_else(|| GatewayUpstream::new(upstream)))
    }

    fn finish(self) -> Result<(Config, ClientConfig), SettingError> {
        let mut config = self.0.finish()?;
        let https = config.upstream.scheme == Scheme::HTTPS;
        let refuse = |setting, problem: &str| Err(SettingError::new(OWNER, setting, problem));
        if config.upstream.http2 && config.preserve_host {
            return refuse("upstream_http2", "must not be used with `preserve_host`");
        }
        if config.upstream.roots.is_some() && !https {
            return refuse("upstream_ca", "must be used with an https upstream only");
        }
        // A connection to an http upstream needs no authorities.
        let none = (!https).then(rustls::RootCertStore::empty);
        let roots = config.upstream.roots.take().or(none);
        let tls = tls::client(roots)
            .map_err(|error| problem("upstream_ca", "must be set for this upstream", error))?;
        Ok((config, tls))
    }

    pub(crate) fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }

    pub(crate) fn checked<T>(
        self,
        value: Result<T, SettingError>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        Self(self.0.checked(value, change))
    }

    pub(crate) fn within<T: PartialOrd + std::fmt::Debug>(
        self,
        setting: &'static str,
        value: T,
        range: impl RangeBounds<T>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        Self(self.0.within(setting, value, range, change))
    }

    pub(crate) fn time(
        self,
        setting: &'static str,
        time: Duration,
        change: impl FnOnce(&mut Config, Duration),
    ) -> Self {
        self.within(setting, time, TIMES, change)
    }
}

/// Makes the error of a setting that something else rejects.
pub(crate) fn problem(setting: &'static str, must: &str, error: BoxError) -> SettingError {
    SettingError::new(OWNER, setting, format_args!("{must}: {error}")).with_source(error)
}

/// Returns the scheme and the authority of a supported upstream.
fn origin(uri: &Uri) -> Result<(Scheme, Authority), SettingError> {
    let refuse = |problem: &str| Err(SettingError::new(OWNER, "upstream", problem));
    let (scheme, authority) = match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
            (scheme.clone(), authority.clone())
        }
        _ => return refuse("must be like http://HOST[:PORT] or https://HOST[:PORT]"),
    };
    if authority.as_str().contains('@') {
        return refuse("must not have a user name");
    }
    if uri
        .path_and_query()
        .is_some_and(|path| path.as_str() != "/")
    {
        return refuse("must not have a path or a query");
    }
    Ok((scheme, authority))
}
