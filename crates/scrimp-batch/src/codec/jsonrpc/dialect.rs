//! Errors by which services refuse batches or calls without carrying them out.
//!
//! JSON-RPC 2.0 leaves codes from -32000 to -32099 to services, and each uses them in its own way: a
//! code that means "too fast" at one means "no batches" at another. So the words of the message
//! decide first, and the code where they say nothing.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::codec::{
    json,
    words::{OfBatch, has, of_batch, wait},
};

/// Error of a call or of a batch that was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The batch is too large, or its answer would be; with the number of calls that are taken, if the
    /// error names it.
    TooLarge(Option<usize>),
    /// Batches are not taken.
    NoBatches,
    /// The caller is too fast, or the service has too much to do.
    Busy(Option<Duration>),
}

/// Longest message and data that are read.
const READ: usize = 2_000;

/// Words of a limit on time, which a message about batches can have, too.
const PER_TIME: &[&str] = &[
    "rate limit",
    "rate-limit",
    "ratelimit",
    "rate exceeded",
    "call rate",
    "per second",
    "per minute",
    "/second",
    "/sec",
    "/min",
    "throttl",
    "compute unit",
];

/// Words of a limit on requests.
const BUSY: &[&str] = &[
    "too many requests",
    "request limit",
    "requests limit",
    "request count",
    "request rate",
    "requests per",
    "capacity exceeded",
    "exceeded its capacity",
    "quota",
    "server is busy",
];

/// Words of an error that is about the call itself, whatever its code.
const OF_THE_CALL: &[&str] = &[
    "revert", "gas", "nonce", "range", "result", "logs", "method", "auth", "param",
];

/// Codes that several services use for "too fast" (EIP-1474, and what nodes and gateways document).
const BUSY_CODES: [i64; 6] = [429, -32_005, -32_016, -32_029, -32_090, -32_097];

/// Codes of JSON-RPC for calls that are at fault themselves: method not found, invalid params, parse
/// error.
const AT_FAULT: [i64; 3] = [-32_601, -32_602, -32_700];

/// An error, as far as it is understood.
pub(super) struct RpcError<'a> {
    code: Option<i64>,
    /// Message and data, in lower case.
    text: String,
    data: Option<&'a RawValue>,
}

// === impl RpcError ===

impl<'a> RpcError<'a> {
    /// Reads the error of a response; `None` if it has none. In JSON-RPC 1.0 and its kin, `null`
    /// stands for none, and the error may be a string.
    pub(super) fn of(response: &json::Fields<'a>) -> Option<Self> {
        let error = json::get(response, "error").filter(|error| error.get() != "null")?;
        let fields = json::object(error.get().as_bytes()).unwrap_or_default();
        let data = json::get(&fields, "data");
        let message = match json::get(&fields, "message") {
            Some(message) => json::text(message).unwrap_or_default(),
            None => json::text(error).unwrap_or_default(),
        };
        let more = data.map_or("", RawValue::get);
        let text = message.chars().take(READ).chain([' ']);
        let text = text.chain(more.chars().take(READ));
        Some(Self {
            code: json::get(&fields, "code").and_then(json::number),
            text: text.collect::<String>().to_ascii_lowercase(),
            data,
        })
    }

    /// Reports whether the error is one that services give for a whole batch that they did not carry
    /// out: invalid request, parse error, and geth's limit on a response.
    pub(super) fn may_be_of_a_batch(&self) -> bool {
        matches!(self.code, Some(-32_600 | -32_700 | -32_003))
    }

    /// Returns why the call, or one of `calls` in a batch, was not carried out; `None` if it may have
    /// been.
    pub(super) fn refusal(&self, calls: usize) -> Option<Refusal> {
        let text = self.text.as_str();
        if has(text, &["revert"]) {
            return None; // The words of a contract, which was called.
        }
        let per_time = has(text, PER_TIME);
        match of_batch(text, calls).filter(|_| !per_time) {
            Some(OfBatch::NotTaken) => return Some(Refusal::NoBatches),
            Some(OfBatch::TooLarge(limit)) => return Some(Refusal::TooLarge(limit)),
            None => {}
        }
        let logs = has(text, &["log", "range"]);
        if has(text, &["response"]) && has(text, &["too large", "too big", "exceed"]) && !logs {
            return Some(Refusal::TooLarge(None));
        }
        if self.is_of_its_call() {
            return None;
        }
        let by_code = self.code.is_some_and(|code| BUSY_CODES.contains(&code));
        let busy = per_time || has(text, BUSY) || by_code && !self.is_of_the_call();
        busy.then(|| Refusal::Busy(wait(text, self.data)))
    }

    /// Reports whether the code is one for calls that are at fault themselves.
    pub(super) fn is_of_its_call(&self) -> bool {
        self.code.is_some_and(|code| AT_FAULT.contains(&code))
    }

    /// Reports whether the message is about the call itself. 429 has one meaning everywhere.
    fn is_of_the_call(&self) -> bool {
        let slot = self.code == Some(-32_016) && has(&self.text, &["slot"]);
        self.code != Some(429) && (slot || has(&self.text, OF_THE_CALL))
    }
}

#[cfg(test)]
mod tests;
