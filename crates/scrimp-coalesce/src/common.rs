//! What the services of a layer share.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use http::{Extensions, HeaderMap, Request, Uri};
use scrimp_core::extensions::Since;
use scrimp_flight::{
    MemoryBudget,
    single_flight::{Flight, FlightTable},
};
use scrimp_http::target::TargetUri;

use crate::{
    answer::Birth,
    call::BoxCall,
    config::Config,
    deliver::Asker,
    key::written,
    marks::Marks,
    stats::{CoalesceStats, Counters},
    tasks::Tasks,
    window::{Kept, Recent},
};

/// What the services of a layer share.
pub(crate) struct Common {
    pub(crate) config: Config,
    pub(crate) table: FlightTable<BoxCall>,
    pub(crate) recent: Option<Recent>,
    pub(crate) budget: MemoryBudget,
    pub(crate) state: Arc<State>,
    pub(crate) tasks: Weak<Tasks>,
}

/// What layer and services hold. What runs in the background holds [`Common`] alone, so that
/// it ends when they are gone.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) common: Arc<Common>,
    _tasks: Arc<Tasks>,
}

/// What a request is for, and what was known when it was made.
pub(crate) struct Asked<'a> {
    pub(crate) since: Option<Since>,
    target_uri: TargetUri,
    extensions: &'a Extensions,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

/// What a layer's clones and handles share too.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(crate) fn by<B>(common: &Common, request: &'a Request<B>, asker: &Asker) -> Self {
        Self {
            since: asker.since,
            target_uri: common.config.target_uri,
            extensions: request.extensions(),
            uri: request.uri(),
            headers: request.headers(),
        }
    }

    fn target(&self) -> u64 {
        let target = self.target_uri.of(self.extensions, self.uri);
        written(target.uri, self.headers)
    }
}

// === impl Owner ===

impl Owner {
    pub(crate) fn new(config: Config) -> Self {
        let tasks = Arc::default();
        let common = Arc::new(Common {
            table: FlightTable::new(config.max_keys),
            recent: config.window.map(Recent::new),
            budget: MemoryBudget::new(config.max_total_bytes),
            state: Arc::default(),
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
    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Puts the result of a flight into the window.
    pub(crate) fn keep(&self, flight: &Flight<BoxCall>, kept: Kept) {
        if let Some(recent) = &self.recent {
            let (key, born) = (flight.key().clone(), flight.terms().born);
            recent.put(key, born, kept, self.config.clock.instant());
        }
    }

    /// Whether a call that began then can have an answer for who asks now.
    pub(crate) fn holds(&self, born: Birth, asked: &Asked<'_>) -> bool {
        let reaches = |since| born.since.is_some_and(|born| born.reaches(since));
        asked.since.is_none_or(reaches) && self.state.marks.hold(born.writes, || asked.target())
    }

    /// Remembers that answers to this key are not to be shared.
    pub(crate) fn bar(&self, hash: u64, reason: &'static str) {
        tracing::debug!(reason, "an answer is not shared; its key is remembered");
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
            ..self.state.counters.read()
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
