//! The end of a request's body, noted by the clients' side and read by the upstream's.
//!
//! The error of the body itself does not always come back: an HTTP/2 call reports only that its
//! stream was reset.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use http::StatusCode;

use crate::reply::Failure;

const BROKE_OFF: u8 = 1;
const TOO_SLOW: u8 = 2;

/// The state of a request's body, in the request's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upload(Arc<AtomicU8>);

// === impl Upload ===

impl Upload {
    pub(crate) fn broke_off(&self) {
        self.0.store(BROKE_OFF, Ordering::Relaxed);
    }

    pub(crate) fn was_too_slow(&self) {
        self.0.store(TOO_SLOW, Ordering::Relaxed);
    }

    /// Returns the failure, if the body has failed.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.0.load(Ordering::Relaxed) {
            BROKE_OFF => Some(BROKEN),
            TOO_SLOW => Some(SLOW),
            _ => None,
        }
    }
}

/// The client has broken its body off.
pub(crate) const BROKEN: Failure = Failure {
    name: "request-broken-off",
    status: StatusCode::BAD_REQUEST,
    error: "http_request_error",
    why: "the request's body broke off",
};

const SLOW: Failure = Failure {
    name: "request-too-slow",
    status: StatusCode::REQUEST_TIMEOUT,
    error: "http_request_error",
    why: "the request's body arrived too slowly",
};
