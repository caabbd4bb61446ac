//! Failures of commands.

use std::{error::Error, fmt};

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Reason why a command has no result.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The breaker of the endpoint is open. Nothing was sent.
    Open,
    /// There was no answer in time.
    TimedOut,
    /// The connection failed, or the server cannot serve now.
    Down(RedisError),
    /// The server answered with an error that is about this command alone.
    Refused(RedisError),
}

// === impl Failure ===

impl Failure {
    /// Sorts an error of redis-rs.
    pub(crate) fn of(error: RedisError) -> Self {
        // A slot that moves between two nodes is no failure of either.
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
        if error.is_timeout() {
            return Self::TimedOut;
        }
        match error.kind() {
            ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly) => {
                Self::Down(error)
            }
            ErrorKind::Server(_)
            | ErrorKind::Extension
            | ErrorKind::Client
            | ErrorKind::UnexpectedReturnType => Self::Refused(error),
            _ => Self::Down(error),
        }
    }

    /// Reports whether the endpoint is to blame, rather than the command.
    pub(crate) fn blames_endpoint(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Down(_))
    }

    /// Reports whether a new connection is needed. A server that has become a replica serves
    /// nothing on the old one.
    pub(crate) fn needs_connection(&self) -> bool {
        matches!(self, Self::Down(error)
            if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
                || !matches!(error.kind(), ErrorKind::Server(_)))
    }

    /// Reports whether the server takes no writes now, though it serves: it has no memory to spare, cannot
    /// save, or has too few replicas.
    pub(crate) fn refuses_writes(&self) -> bool {
        ["OOM", "MISCONF", "NOREPLICAS"]
            .iter()
            .any(|code| self.has_code(code))
    }

    /// Reports whether the server answered with an error of this code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("Redis is not available, and is left alone"),
            Self::TimedOut => f.write_str("Redis did not answer in time"),
            Self::Down(_) => f.write_str("Redis cannot be used now"),
            Self::Refused(_) => f.write_str("Redis refused a command"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open | Self::TimedOut => None,
            Self::Down(error) | Self::Refused(error) => Some(error),
        }
    }
}
