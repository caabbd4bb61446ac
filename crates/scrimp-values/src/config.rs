//! The settings.

use std::{sync::Arc, time::Duration};

use scrimp_core::Clock;

/// Name in errors of settings.
pub(crate) const OWNER: &str = "ValueCache";

pub(crate) struct Config<V> {
    pub(crate) max_bytes: u64,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) weight: Option<Weigh<V>>,
    pub(crate) clock: Clock,
}

pub(crate) type Weigh<V> = Arc<dyn Fn(&V) -> u64 + Send + Sync>;

// === impl Config ===

impl<V> Default for Config<V> {
    fn default() -> Self {
        Self {
            max_bytes: 0,
            lifetime: None,
            weight: None,
            clock: Clock::system(),
        }
    }
}
