//! The state that the services of a layer share.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use http::Request;
use scrimp_core::{Tasks, extensions::Since};
use scrimp_flight::{
    MemoryBudget,
    single_flight::{Flight, FlightTable},
};

use crate::{
    config::Config,
    key::written_by,
    shared::flight::{Birth, BoxCall},
    shared::window::{Kept, Recent},
    shared::writes::Marks,
    stats::{CoalesceStats, Counters},
};

/// State that the services of a layer share.
pub(crate) struct Common {
    pub(crate) config: Config,
    pub(crate) table: FlightTable<BoxCall>,
    pub(crate) recent: Option<Recent>,
    pub(crate) budget: MemoryBudget,
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
    pub(crate) tasks: Weak<Tasks>,
}

/// Owner of a layer's background tasks, held by the layer and its services. The tasks hold only
/// [`Common`], so that they end when the last owner is dropped.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) common: Arc<Common>,
    _tasks: Arc<Tasks>,
}

// === impl Owner ===

impl Owner {
    pub(crate) fn new(config: Config) -> Self {
        let tasks = Arc::default();
        let common = Arc::new(Common {
            table: FlightTable::new(config.max_keys),
            recent: config.window.map(Recent::new),
            budget: MemoryBudget::new(config.max_total_bytes),
            counters: Counters::default(),
            marks: Marks::default(),
            tasks: Arc::downgrade(&tasks),
            config,
        });
        Self {
            common,
            _tasks: tasks,
        }
    }
}

// === impl Common ===

impl Common {
    /// Puts the result of a flight into the window.
    pub(crate) fn keep(&self, flight: &Flight<BoxCall>, kept: Kept) {
        if let Some(recent) = &self.recent {
            let (key, born) = (flight.key().clone(), flight.terms().born);
            recent.put(key, born, kept, self.config.clock.instant());
        }
    }

    /// Reports whether a call that began at `born` may answer this request.
    pub(crate) fn holds<B>(&self, born: Birth, request: &Request<B>) -> bool {
        let since = request.extensions().get::<Since>();
        let reaches = |since: &Since| born.since.is_some_and(|born| born.reaches(*since));
        since.is_none_or(reaches)
            && self
                .marks
                .hold(born.writes, || written_by(&self.config, request))
    }

    /// Remembers that responses to this key are not shareable.
    pub(crate) fn bar(&self, hash: u64, reason: &'static str) {
        tracing::debug!(reason, "a response is not shared; its key is remembered");
        let now = self.config.clock.instant();
        self.table.bar(hash, now, now + self.config.remember);
    }

    pub(crate) fn stats(&self) -> CoalesceStats {
        let (window_entries, window_bytes) = self.recent.as_ref().map_or((0, 0), Recent::size);
        CoalesceStats {
            in_flight: self.table.len() as u64,
            remembered: self.table.barred() as u64,
            window_entries,
            window_bytes,
            held_bytes: self.budget.held() as u64,
            ..self.counters.read()
        }
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("config", &self.config)
            .field("in_flight", &self.table.len())
            .finish_non_exhaustive()
    }
}
