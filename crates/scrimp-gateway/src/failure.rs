//! Failures of the upstream, and of a request's body on the way there.

use std::{error::Error, io};

use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::{headers, reply::Failure, upload::BROKEN};

/// The upstream did not respond in time.
pub(crate) const TIMED_OUT: Failure = Failure {
    name: "upstream-timeout",
    status: StatusCode::GATEWAY_TIMEOUT,
    error: "http_response_timeout",
    why: "the upstream did not respond in time",
};

/// A layer around the upstream has failed by itself.
pub(crate) const LAYER_FAILED: Failure = Failure {
    name: "layer-failed",
    status: StatusCode::BAD_GATEWAY,
    error: "proxy_internal_error",
    why: "the upstream could not be called",
};

/// Returns the response if the gateway can pass it on.
pub(crate) fn check(response: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let why = "the upstream switched protocols, which the request did not ask for";
        return Err(bad("upstream-protocol", "http_protocol_error", why));
    }
    if headers::is_compressed_for_transfer(response.headers()) {
        let why = "the upstream used a transfer coding that the request did not accept";
        return Err(bad("upstream-protocol", "http_protocol_error", why));
    }
    Ok(response)
}

/// Explains why there is no response.
pub(crate) fn explain(error: &hyper_util::client::legacy::Error) -> Failure {
    let hyper = cause::<hyper::Error>(error);
    if hyper.is_some_and(hyper::Error::is_user) {
        // The client's body is the only part of this gateway that can fail inside hyper.
        return BROKEN;
    }
    if let Some(tls) = cause::<io::Error>(error).and_then(tls_error) {
        return explain_tls(tls);
    }
    if error.is_connect() {
        return explain_connect(cause::<io::Error>(error).map(io::Error::kind));
    }
    if hyper.is_some_and(hyper::Error::is_parse) {
        let why = "the upstream did not speak HTTP";
        return bad("upstream-protocol", "http_protocol_error", why);
    }
    let why = "the upstream closed the connection before it responded";
    bad("upstream-closed", "connection_terminated", why)
}

fn explain_connect(kind: Option<io::ErrorKind>) -> Failure {
    match kind {
        Some(io::ErrorKind::TimedOut) => Failure {
            name: "upstream-unreachable",
            status: StatusCode::GATEWAY_TIMEOUT,
            error: "connection_timeout",
            why: "the upstream could not be reached in time",
        },
        Some(io::ErrorKind::ConnectionRefused) => {
            let why = "the upstream refused the connection";
            bad("upstream-unreachable", "connection_refused", why)
        }
        _ => {
            let why = "the upstream could not be reached";
            bad("upstream-unreachable", "destination_unavailable", why)
        }
    }
}

fn explain_tls(error: &rustls::Error) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            let why = "the upstream's certificate is not valid";
            bad("upstream-certificate", "tls_certificate_error", why)
        }
        rustls::Error::AlertReceived(_) => {
            let why = "the upstream refused the TLS connection";
            bad("upstream-tls", "tls_alert_received", why)
        }
        _ => {
            let why = "the upstream did not speak TLS";
            bad("upstream-tls", "tls_protocol_error", why)
        }
    }
}

const fn bad(name: &'static str, error: &'static str, why: &'static str) -> Failure {
    Failure {
        name,
        status: StatusCode::BAD_GATEWAY,
        error,
        why,
    }
}

/// Returns rustls' error, which an error of I/O holds but does not list among its sources.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner
        .downcast_ref()
        .or_else(|| tls_error(inner.downcast_ref()?))
}

/// Returns the first `E` in the chain of sources.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|e| e.downcast_ref())
}
