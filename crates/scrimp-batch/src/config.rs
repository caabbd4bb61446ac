//! The settings of a layer.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::{Ledger, Money, RetryBudget};
use scrimp_http::{credentials::Credentials, target::TargetUri};

use crate::{BatchWindow, RateLimit, settings::LaneSettings};

/// Longest pause before the first retry. It doubles with each further retry.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before the first retry of an item that met a limit. It doubles with each further retry.
const FIRST_SLOW_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause before any retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A rate limit, as a setting.
#[derive(Clone)]
pub(crate) struct Limiter(pub(crate) Arc<dyn RateLimit>);

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) lanes: LaneSettings,
    pub(crate) items: Option<usize>,
    pub(crate) bytes: usize,
    pub(crate) weight: Option<u64>,
    pub(crate) max_request: u64,
    pub(crate) max_answer: usize,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) rate_limit: Option<Limiter>,
    /// Longest wait before a retry that an upstream may ask for.
    pub(crate) patience: Duration,
    pub(crate) dedupe: bool,
    pub(crate) share_tenants: bool,
    pub(crate) share_services: bool,
    pub(crate) credentials: Credentials,
    pub(crate) target_uri: TargetUri,
    pub(crate) price: Option<Money>,
    pub(crate) waiting: Option<Money>,
    pub(crate) ledger: Option<Ledger>,
}

// === impl Limiter ===

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(rate limit)")
    }
}

// === impl Config ===

impl Config {
    pub(crate) fn new() -> Self {
        Self {
            lanes: LaneSettings::new(),
            items: None,
            bytes: 1 << 20,
            weight: None,
            max_request: 64 << 10,
            max_answer: 16 << 20,
            timeout: Duration::from_secs(5),
            retries: 2,
            retry_budget: RetryBudget::new(0.2, 100).expect("0.2 is within 0 and 1"),
            rate_limit: None,
            patience: Duration::from_secs(10),
            dedupe: true,
            share_tenants: false,
            share_services: false,
            credentials: Credentials::default(),
            target_uri: TargetUri::default(),
            price: None,
            waiting: None,
            ledger: None,
        }
    }

    /// Returns the window that was set; else the economic window if both prices are set; else one
    /// that does not hold a lone caller back.
    pub(crate) fn window(&self) -> BatchWindow {
        self.lanes
            .window
            .unwrap_or_else(|| match (self.price, self.waiting) {
                (Some(price), Some(waiting)) => {
                    BatchWindow::economic(price, waiting, BatchWindow::DEFAULT_MOST)
                }
                _ => BatchWindow::when_idle(Duration::from_millis(50)),
            })
    }
}

/// Returns a random pause before a retry, with full jitter: requests that failed together are not
/// retried together.
pub(crate) fn pause(attempt: u32) -> Duration {
    let most = FIRST_PAUSE
        .saturating_mul(1 << attempt.min(16))
        .min(LONGEST_PAUSE);
    most.mul_f64(fastrand::f64())
}

/// Returns a random pause before items that met a limit of the upstream are sent again. Limits are per
/// second or longer, so it is longer than [`pause`], and never short.
pub(crate) fn slow_pause(attempt: u32) -> Duration {
    let most = FIRST_SLOW_PAUSE
        .saturating_mul(1 << attempt.min(16))
        .min(LONGEST_PAUSE);
    most.mul_f64(0.5 + fastrand::f64() / 2.0)
}
