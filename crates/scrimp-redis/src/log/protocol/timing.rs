//! Times of the protocol. All are durations on a node's own monotonic clock.

use std::time::Duration;

/// Policy of a node that may have missed an invalidation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenBehind {
    /// No stored response is used, unless the upstream confirms it.
    #[default]
    Bypass,
    /// Stored responses are used for this long after the log was last known to be complete. Then it is
    /// as with [`Bypass`](Self::Bypass).
    UseFor(Duration),
}

/// Times of the protocol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Longest time for which invalidations are gathered before they are appended.
    pub(crate) gather: Duration,
    /// Time between two beats of the elected node.
    pub(crate) beat: Duration,
    /// Silence after which another node tries to be elected.
    pub(crate) vacant: Duration,
    /// Silence after which a node reads the log.
    pub(crate) missed: Duration,
    /// First and longest time before a failed call is repeated.
    pub(crate) retry: Duration,
    pub(crate) longest_retry: Duration,
    pub(crate) when_behind: WhenBehind,
}

// === impl WhenBehind ===

impl WhenBehind {
    pub(super) fn grace(self) -> Duration {
        match self {
            Self::Bypass => Duration::ZERO,
            Self::UseFor(time) => time,
        }
    }
}

// === impl Timing ===

impl Default for Timing {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(5),
            beat: Duration::from_secs(1),
            vacant: Duration::from_millis(1_500),
            missed: Duration::from_millis(2_500),
            retry: Duration::from_millis(50),
            longest_retry: Duration::from_secs(1),
            when_behind: WhenBehind::default(),
        }
    }
}
