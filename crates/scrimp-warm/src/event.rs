//! Events of a run.

use std::time::Duration;

use http::{StatusCode, Uri};

use crate::report::StopReason;

/// An event of a run, for progress.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WarmEvent<'a> {
    /// The run begins.
    Started {
        /// Requests of the run: each URI in each variant.
        requests: u64,
        /// Those of them that an earlier run has done.
        resumed: u64,
    },
    /// A request ended.
    Ended {
        /// Its URI.
        uri: &'a Uri,
        /// Its variant, from zero.
        variant: usize,
        /// Its end.
        outcome: WarmOutcome,
        /// Time that it took, with its body.
        took: Duration,
    },
    /// A layer or a server refused a call. The run goes on after this time, with the same request.
    Paused(Duration),
    /// No further request begins.
    Stopped(StopReason),
}

/// End of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarmOutcome {
    /// A cache had a fresh response. No call was made.
    Fresh,
    /// A call was made, and a cache stored the response.
    Stored,
    /// A call was made, and the cache did not store the response.
    NotStored,
    /// A call was made. No cache says whether it stored the response.
    Fetched,
    /// The response has a status other than success.
    Status(StatusCode),
    /// A layer or a server refused the call for now. It is made again later.
    Refused(StatusCode),
    /// There is no complete response.
    Failed,
    /// There was no complete response in time.
    TimedOut,
}
