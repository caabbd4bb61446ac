//! The client of the server that is warmed.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{HOST, USER_AGENT},
    uri::{Authority, Scheme},
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use scrimp_core::BoxError;
use tower_service::Service;

use crate::error::{Error, Result};

const CONNECT: Duration = Duration::from_secs(5);
/// Shorter than the 5 s after which many servers close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(2);
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("scrimp-warm/", env!("CARGO_PKG_VERSION")));

/// Sends requests for any host to one server, and names the host in Host.
#[derive(Debug, Clone)]
pub(super) struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    to: (Scheme, Authority),
}

// === impl Client ===

impl Client {
    /// Returns a client of the server at a URI with scheme and host.
    pub(super) fn new(to: &Uri) -> Result<Self> {
        let scheme = to.scheme().cloned().unwrap_or(Scheme::HTTP);
        let authority = to.authority().cloned();
        let authority = authority.ok_or_else(|| Error::new(format!("{to} has no host")))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        connector.enforce_http(false);
        let tls = tls(scheme == Scheme::HTTPS)?;
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = https
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .set_host(false)
            .build(connector);
        Ok(Self {
            inner,
            to: (scheme, authority),
        })
    }
}

impl Service<Request<Empty<Bytes>>> for Client {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Empty<Bytes>>) -> Self::Future {
        let mut parts = request.uri().clone().into_parts();
        let host = parts.authority.as_ref().unwrap_or(&self.to.1);
        let host = HeaderValue::from_str(host.as_str());
        (parts.scheme, parts.authority) = (Some(self.to.0.clone()), Some(self.to.1.clone()));
        let (Ok(host), Ok(uri)) = (host, Uri::from_parts(parts)) else {
            return Box::pin(async { Err("the URI cannot be sent".into()) });
        };
        *request.uri_mut() = uri;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let response = self.inner.request(request);
        Box::pin(async move { response.await.map_err(|error| reason(&error).into()) })
    }
}

/// Words an error of the client with its cause, which says more.
fn reason(error: &legacy::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Returns the settings of TLS. The certificate authorities of the system are read only if they are needed.
fn tls(needed: bool) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if needed {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(Error::new(
                "the system has no certificate authorities, which https needs: install ca-certificates",
            ));
        }
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = versions
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(format!("cannot use TLS: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
