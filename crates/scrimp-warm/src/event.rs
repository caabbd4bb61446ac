//! Events of a run.

use std::{fmt, time::Duration};

use http::{StatusCode, Uri};

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

/// Reason for the end of a run that did not make all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StopReason {
    /// The highest number of calls is reached.
    Calls,
    /// The budget of the run is used up.
    Budget,
    /// A layer or a server refuses calls: for money (402), for longer than the run waits, or too often in a
    /// row.
    Refused,
    /// The caller of the run asked it to stop.
    Asked,
    /// The journal could not be written.
    Journal,
}

// === impl StopReason ===

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "stopped: the highest number of calls is reached",
            Self::Budget => "stopped: the budget is used up",
            Self::Refused => "stopped: calls are refused",
            Self::Asked => "stopped on request",
            Self::Journal => "stopped: the journal cannot be written",
        })
    }
}
