//! The counts of a client, and the events of its endpoints.

use std::{fmt, time::Duration};

use scrimp_core::Counter;

use super::Shared;

/// Counters of a client.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: Counter,
    pub(crate) failed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) not_sent: Counter,
    pub(crate) degraded: Counter,
    pub(crate) connections: Counter,
}

/// Counts of a [`RedisClient`](crate::RedisClient) since it was built, and its present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RedisStats {
    /// Commands sent.
    pub calls: u64,
    /// Commands that ended with an error.
    pub failed: u64,
    /// Commands without a result in time.
    pub timed_out: u64,
    /// Commands that were not sent, because the breaker of their endpoint was open. Each of them is
    /// a degraded execution: its request goes on without Redis.
    pub not_sent: u64,
    /// Times that an endpoint stopped serving.
    pub degraded: u64,
    /// Connections opened.
    pub connections: u64,
    /// Endpoints known now: one, or the primaries of a cluster.
    pub endpoints: u64,
    /// Endpoints that do not serve now.
    pub unavailable: u64,
}

/// Change of an endpoint, as [`notify_degraded`](crate::RedisClientBuilder::notify_degraded)
/// hears of it. `Display` writes it as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Degradation {
    /// The endpoint stopped serving.
    Began {
        /// Host and port, or path.
        endpoint: String,
        /// The failure.
        reason: String,
    },
    /// The endpoint serves again.
    Ended {
        /// Host and port, or path.
        endpoint: String,
        /// Length of the outage.
        after: Duration,
    },
}

// === impl Shared ===

impl Shared {
    pub(super) fn stats(&self) -> RedisStats {
        let (counts, all) = (&self.counts, self.endpoints.all());
        let down = all.iter().filter(|one| one.down_since.lock().is_some());
        RedisStats {
            calls: counts.calls.get(),
            failed: counts.failed.get(),
            timed_out: counts.timed_out.get(),
            not_sent: counts.not_sent.get(),
            degraded: counts.degraded.get(),
            connections: counts.connections.get(),
            unavailable: down.count() as u64,
            endpoints: all.len() as u64,
        }
    }
}

// === impl Degradation ===

impl fmt::Display for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { endpoint, reason } => {
                write!(f, "{endpoint} stopped serving: {reason}")
            }
            Self::Ended { endpoint, after } => {
                write!(f, "{endpoint} serves again after {after:?}")
            }
        }
    }
}
