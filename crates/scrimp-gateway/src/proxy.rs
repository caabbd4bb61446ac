//! The client of the upstream.

use std::{error::Error, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{
    HeaderValue, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;

use crate::{
    failure::{self, TIMED_OUT},
    headers,
    reply::Failure,
    upload::Upload,
};

/// Shorter than the 5 s after which Node and many others close an idle connection, so that no
/// request is written to a connection that is about to close.
const POOL_IDLE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of a response that one connection to the upstream holds.
const BUFFER: usize = 64 << 10;
/// Bytes of responses that the upstream may send ahead in one HTTP/2 connection, and in one stream.
const WINDOWS: (u32, u32) = (1 << 20, 256 << 10);
/// Longest list of fields in an HTTP/2 response.
const FIELDS: u32 = 64 << 10;

/// A pool of connections to one upstream.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: Scheme,
    upstream: Authority,
    preserve_host: bool,
    timeout: Duration,
}

/// HTTP versions that are spoken with the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    Http1,
    /// As the upstream chooses in the TLS handshake.
    Either,
    Http2,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn new(
        (scheme, upstream): (Scheme, Authority),
        tls: ClientConfig,
        versions: Versions,
        preserve_host: bool,
        timeout: Duration,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        connector.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = https.https_or_http();
        let connector = match versions {
            Versions::Http1 => https.enable_http1().wrap_connector(connector),
            Versions::Either => https.enable_all_versions().wrap_connector(connector),
            Versions::Http2 => https.enable_http2().wrap_connector(connector),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .set_host(false)
            .http1_max_buf_size(BUFFER)
            .http2_only(versions == Versions::Http2)
            .http2_initial_connection_window_size(WINDOWS.0)
            .http2_initial_stream_window_size(WINDOWS.1)
            .http2_max_header_list_size(FIELDS)
            .build(connector);
        Self {
            client,
            scheme,
            upstream,
            preserve_host,
            timeout,
        }
    }

    /// Converts a clean request into one for the upstream.
    fn address(&self, request: &mut Request) {
        let version = request.version();
        headers::append_via(request.headers_mut(), version);
        if !self.preserve_host || !request.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(self.upstream.as_str());
            request
                .headers_mut()
                .insert(HOST, host.expect("an authority is visible ASCII"));
        }
        let path = request.uri().path_and_query().cloned();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.upstream.clone());
        parts.path_and_query = path.or(Some(PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).expect("all three parts are present");
        *request.version_mut() = Version::HTTP_11;
    }

    async fn send(&self, request: Request) -> Result<Response<Incoming>, Failure> {
        let upload = request.extensions().get::<Upload>().cloned();
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) => failure::check(response),
            Ok(Err(error)) => {
                let upstream = self.upstream.as_str();
                tracing::warn!(
                    error = &error as &dyn Error,
                    upstream,
                    "the upstream failed"
                );
                let upload = upload.and_then(|upload| upload.failure());
                Err(upload.unwrap_or_else(|| failure::explain(&error)))
            }
            Err(_) => {
                let upstream = self.upstream.as_str();
                tracing::warn!(upstream, "the upstream did not answer in time");
                Err(TIMED_OUT)
            }
        }
    }

    /// Sends a request to the upstream, and returns its response. The bodies are not read here.
    pub(crate) async fn forward(
        self: Arc<Self>,
        mut request: Request,
    ) -> Result<Response, Failure> {
        self.address(&mut request);
        let mut response = self.send(request).await?;
        let version = response.version();
        headers::strip_response(response.headers_mut());
        headers::append_via(response.headers_mut(), version);
        Ok(response.map(Body::new))
    }
}
