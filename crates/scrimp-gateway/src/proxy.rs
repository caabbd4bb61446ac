//! The client of the upstream.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{
    HeaderValue, StatusCode, Uri, Version,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::headers;

/// Shorter than the 5 s after which Node and many others close an idle connection, so that no
/// request is written to a connection that is about to close.
const POOL_IDLE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);

/// A pool of connections to one upstream.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: Authority,
    preserve_host: bool,
    timeout: Duration,
}

/// The reason why there is no response, and its form for the client.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// A proxy error type of RFC 9209 §2.3.
    pub(crate) error: &'static str,
    pub(crate) why: &'static str,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn new(upstream: Authority, preserve_host: bool, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .set_host(false)
            .build(connector);
        Self {
            client,
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
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstream.clone());
        parts.path_and_query = path.or(Some(PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(parts).expect("all three parts are present");
        *request.version_mut() = Version::HTTP_11;
    }

    async fn send(&self, request: Request) -> Result<Response<Incoming>, Failure> {
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(response)) => check(response),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn Error, "the upstream failed");
                Err(explain(&error))
            }
            Err(_) => Err(Failure {
                status: StatusCode::GATEWAY_TIMEOUT,
                error: "http_response_timeout",
                why: "the upstream did not respond in time",
            }),
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

// === impl Failure ===

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl Error for Failure {}

fn check(response: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    let broken = |why| Failure {
        status: StatusCode::BAD_GATEWAY,
        error: "http_protocol_error",
        why,
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(broken(
            "the upstream switched protocols, which the request did not ask for",
        ));
    }
    if headers::is_compressed_for_transfer(response.headers()) {
        return Err(broken(
            "the upstream used a transfer coding that the request did not accept",
        ));
    }
    Ok(response)
}

fn explain(error: &hyper_util::client::legacy::Error) -> Failure {
    use StatusCode as S;
    let hyper = cause::<hyper::Error>(error);
    let io = cause::<io::Error>(error).map(io::Error::kind);
    let (status, error, why) = if hyper.is_some_and(hyper::Error::is_user) {
        // The client's body is the only part of this gateway that can fail inside hyper.
        let why = "the request's body broke off";
        (S::BAD_REQUEST, "http_request_error", why)
    } else if error.is_connect() {
        match io {
            Some(io::ErrorKind::TimedOut) => {
                let why = "the upstream could not be reached in time";
                (S::GATEWAY_TIMEOUT, "connection_timeout", why)
            }
            Some(io::ErrorKind::ConnectionRefused) => {
                let why = "the upstream refused the connection";
                (S::BAD_GATEWAY, "connection_refused", why)
            }
            _ => {
                let why = "the upstream could not be reached";
                (S::BAD_GATEWAY, "destination_unavailable", why)
            }
        }
    } else if hyper.is_some_and(hyper::Error::is_parse) {
        let why = "the upstream did not speak HTTP";
        (S::BAD_GATEWAY, "http_protocol_error", why)
    } else {
        let why = "the upstream closed the connection before it responded";
        (S::BAD_GATEWAY, "connection_terminated", why)
    };
    Failure { status, error, why }
}

/// Returns the first `E` in the chain of sources.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|e| e.downcast_ref())
}
