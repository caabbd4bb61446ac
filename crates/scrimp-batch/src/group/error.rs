//! Errors of one request of a batch.

use std::{error::Error, fmt, time::Duration};

use scrimp_core::SharedError;

/// Reason why a request of a [`Group`](super::Group) has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// The call failed, for all requests of the batch.
    Upstream(SharedError),
    /// The upstream answered other requests and not this one, which may have been carried out.
    Missing,
    /// The number of answers is wrong, so that they cannot be matched to the requests.
    Count {
        /// Requests in the batch.
        asked: usize,
        /// Answers of the upstream.
        answered: usize,
    },
    /// The call took longer than this. The request may have been carried out.
    TimedOut(Duration),
    /// The task that made the call panicked, or its runtime was shut down.
    Lost,
    /// The request was polled outside of a tokio runtime, and was not sent.
    NoRuntime,
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
                "the upstream gave {answered} answers in order to a batch of {asked} requests; the \
                 numbers must be equal"
            ),
            Self::TimedOut(limit) => write!(
                f,
                "the call for the whole batch took more than {limit:?}; the request may or may \
                 not have been carried out"
            ),
            Self::Lost => f.write_str(
                "the task that made the call for the whole batch panicked or was shut down",
            ),
            Self::NoRuntime => {
                f.write_str("batches need a tokio runtime, and this thread is in none")
            }
        }
    }
}

impl Error for GroupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The upstream's error, without the wrapper that shares it.
            Self::Upstream(error) => Some(error.get_ref()),
            _ => None,
        }
    }
}
