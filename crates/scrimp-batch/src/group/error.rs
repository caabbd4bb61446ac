//! What can go wrong with one request of many.

use std::{error::Error, fmt, time::Duration};

use scrimp_core::SharedError;

/// Why a request of a [`Group`](super::Group) has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// The call failed, for all requests of the batch.
    Upstream(SharedError),
    /// The upstream answered others and not this request. Whether it was carried out is
    /// unknown.
    Missing,
    /// The upstream gave so many answers in order that it cannot be known whose they are.
    Count {
        /// Requests in the batch.
        asked: usize,
        /// Answers that came.
        answered: usize,
    },
    /// The call took longer than this. Whether the request was carried out is unknown.
    TimedOut(Duration),
    /// The task that made the call panicked, or its runtime was shut down.
    Lost,
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(_) => f.write_str("the call for the whole batch failed"),
            Self::Missing => {
                f.write_str("the upstream left this request out of its answer to the batch")
            }
            Self::Count { asked, answered } => write!(
                f,
                "the upstream gave {answered} answers to a batch of {asked} requests; answers in \
                 order must be as many"
            ),
            Self::TimedOut(limit) => write!(
                f,
                "the call for the whole batch took more than {limit:?}; the request may or may \
                 not have been carried out"
            ),
            Self::Lost => f.write_str("the task that made the call for the whole batch is gone"),
        }
    }
}

impl Error for GroupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Not the wrapper that shares it, but what the upstream said.
            Self::Upstream(error) => Some(error.get_ref()),
            _ => None,
        }
    }
}
