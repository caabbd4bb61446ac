//! Results of decoding the answer to a batch.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use scrimp_core::Clock;
use scrimp_http::retry_after::retry_after;

/// Result of decoding the answer to a batch.
#[derive(Debug)]
pub enum Decoded {
    /// Answers in the order of the items; `None` for an item without one.
    Answers(Vec<Option<Response<Bytes>>>),
    /// No item was carried out: the batch was too large, or one of its items was refused. The
    /// batch is halved until it is accepted, or the item is found.
    Split,
    /// The response is the answer to every item.
    Whole,
}

/// Meaning of an item's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is final, good or bad.
    Final,
    /// The answer may be better in a moment, or after the time that the upstream asks for.
    Transient(Option<Duration>),
    /// Further calls are useless: no item of the batch is retried.
    Critical,
}

// === impl Decoded ===

impl Decoded {
    /// Returns no answer for each of the items.
    #[must_use]
    pub fn unattributed(items: usize) -> Self {
        Self::Answers((0..items).map(|_| None).collect())
    }

    /// Returns the meaning of a failure without any answers: 400, 413 and 422 split the batch.
    #[must_use]
    pub fn of_failure(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 413 | 422 => Self::Split,
            _ => Self::Whole,
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Returns the verdict by status, with the wait of Retry-After if the failure is transient.
    pub(crate) fn of<B>(answer: &Response<B>) -> Self {
        match answer.status().as_u16() {
            401 => Self::Critical,
            429 | 500 | 502 | 503 | 504 => Self::Transient(wait(answer)),
            _ => Self::Final,
        }
    }
}

/// Returns the wait that a response asks for. The clock is read only if it asks for one.
pub(crate) fn wait<B>(response: &Response<B>) -> Option<Duration> {
    let headers = response.headers();
    headers.get(RETRY_AFTER)?;
    retry_after(headers, Clock::system().wall())
}
