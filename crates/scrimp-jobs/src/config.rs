//! The settings.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::Clock;

use crate::{account::Accounts, books::Books, client::Client, codec::JobCodec, queue::JobQueue};

/// The name of the built type, for errors.
pub(crate) const OWNER: &str = "BatchJobsLayer";

/// The longest time of a setting, and of a request's deadline.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Settings that are times and numbers.
#[derive(Debug, Clone)]
pub(crate) struct Timings {
    pub(crate) window: Duration,
    pub(crate) job_time: Duration,
    pub(crate) call_time: Duration,
    pub(crate) margin: Duration,
    pub(crate) patience: Duration,
    pub(crate) shortest_poll: Duration,
    pub(crate) longest_poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) settle: Duration,
    pub(crate) retention: Duration,
}

/// Settings that are bounds.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) max_body: usize,
    pub(crate) max_requests: u64,
    pub(crate) max_bytes: u64,
    pub(crate) max_per_tenant: usize,
    pub(crate) max_jobs: usize,
    pub(crate) job_items: usize,
    pub(crate) job_bytes: u64,
    pub(crate) calls_at_once: usize,
}

pub(crate) struct Config {
    pub(crate) codec: Arc<dyn JobCodec>,
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) client: Client,
    pub(crate) accounts: Accounts,
    pub(crate) books: Books,
    pub(crate) keep_files: bool,
    pub(crate) dry_run: bool,
    pub(crate) clock: Clock,
    pub(crate) timings: Timings,
    pub(crate) bounds: Bounds,
}

impl Default for Timings {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            window: minutes(1),
            job_time: minutes(60),
            call_time: minutes(1),
            margin: minutes(2),
            patience: minutes(24 * 60),
            shortest_poll: Duration::from_secs(5),
            longest_poll: minutes(2),
            timeout: minutes(10),
            settle: minutes(2),
            retention: minutes(3 * 24 * 60),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            max_requests: 1_000_000,
            max_bytes: 4 << 30,
            max_per_tenant: 100_000,
            max_jobs: 16,
            job_items: usize::MAX,
            job_bytes: 100_000_000,
            calls_at_once: 64,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("codec", &self.codec.name())
            .field("accounts", &self.accounts)
            .field("timings", &self.timings)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
