//! Real duration of a replay.
#![expect(
    clippy::disallowed_types,
    reason = "while a replay runs, tokio's clock shows virtual time"
)]

use std::time::{Duration, Instant};

/// Measures time by the machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

// === impl Stopwatch ===

impl Stopwatch {
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
