//! Results of decoding the answer to a batch.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use scrimp_core::Clock;
use scrimp_http::retry_after::retry_after;

use super::words::{OfBatch, of_batch};

/// Bytes of a failure that are read for a message.
const READ: usize = 4_000;

/// Result of decoding the answer to a batch.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decoded {
    /// Answers in the order of the items; `None` for an item without one.
    Answers(Vec<Option<Response<Bytes>>>),
    /// The upstream stopped within a batch that is too large. Items without an answer from `at` on
    /// were not carried out, and are sent again in smaller batches.
    Stopped {
        /// Answers in the order of the items.
        answers: Vec<Option<Response<Bytes>>>,
        /// Index of the first item that was not carried out.
        at: usize,
        /// Number of items that the upstream takes, if it says so.
        limit: Option<usize>,
    },
    /// No item was carried out: the batch was too large, or one of its items was refused. The
    /// batch is halved until it is accepted, or the item is found.
    Split,
    /// No item was carried out: the upstream takes this number of items at most. It is remembered,
    /// and the items are sent again in batches of this size.
    AtMost(usize),
    /// No item was carried out: the upstream takes no batches. The items are sent one by one, and so
    /// are the next ones for a time.
    Alone,
    /// The response is the answer to every item. It is about the batch, so no cache may keep it for
    /// an item.
    Whole,
}

/// Meaning of an item's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The answer is final, good or bad.
    Final,
    /// The answer may be better in a moment, or after the time that the upstream asks for.
    Transient(Option<Duration>),
    /// The upstream is at a limit of its own and did not carry the item out. It is sent again after a
    /// pause, or after the time that the upstream asks for, whatever its method.
    NotDone(Option<Duration>),
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

    /// Returns the meaning of a failure without any answers.
    ///
    /// 400, 413 and 422 [split](Self::Split) the batch. 403, 404, 405, 410, 415, 501 and the
    /// redirects that keep the method are about the endpoint: the items go [alone](Self::Alone).
    /// Any other status is that of each item.
    #[must_use]
    pub fn of_failure(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 413 | 422 => Self::Split,
            301 | 307 | 308 | 403 | 404 | 405 | 410 | 415 | 501 => Self::Alone,
            _ => Self::Whole,
        }
    }

    /// Returns the meaning of a failure of a batch of this many items, by its body as well: a message
    /// may name a limit, or say that batches are not taken.
    pub(crate) fn of_response(items: usize, response: &Response<Bytes>) -> Self {
        let decoded = Self::of_failure(response.status());
        if !matches!(decoded, Self::Split) {
            return decoded;
        }
        let body = response.body();
        let body = &body[..body.len().min(READ)];
        let text = String::from_utf8_lossy(body).to_ascii_lowercase();
        match of_batch(&text, items) {
            Some(OfBatch::TooLarge(Some(limit))) => Self::AtMost(limit),
            Some(OfBatch::NotTaken) => Self::Alone,
            Some(OfBatch::TooLarge(None)) | None => decoded,
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
