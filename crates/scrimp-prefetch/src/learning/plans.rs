//! Prefetches that are planned, in flight, or fetched and of use.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use http::Request;
use tokio::time::Instant;

use crate::{ItemId, fetch::Fetch};

/// Identity of a prefetch: its target, and the session if the response is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey {
    pub(crate) item: ItemId,
    pub(crate) session: Option<u64>,
}

/// A request that is to be sent.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) request: Request<()>,
    /// The session that it is for.
    pub(crate) session: u64,
    /// The cautious probability of what it is made for.
    pub(crate) cautious: f64,
    pub(crate) inner: Arc<dyn Fetch>,
}

/// The prefetches that are not over, by key. There is room for a fixed number, and one for each key.
#[derive(Debug)]
pub(super) struct Plans {
    all: HashMap<PlanKey, Entry>,
    /// When something is due: the start of a plan, or the end of a response's use.
    due: BTreeMap<(Instant, u64), PlanKey>,
    next: u64,
    most: usize,
    watched: usize,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// Its place among those that are due.
    due: Option<(Instant, u64)>,
}

#[derive(Debug)]
enum State {
    Planned(Box<Plan>),
    InFlight {
        /// A caller has asked for the same meanwhile.
        is_late: bool,
        /// The probability with which it was expected to be useful.
        cautious: f64,
    },
    There {
        is_used: bool,
        since: Instant,
    },
    Watched(Watch),
}

/// A prefetch that is not made, of which it is watched whether it would have been useful.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub(super) session: u64,
    /// The cautious probability of what it would have been made for.
    pub(super) cautious: f64,
    /// It would have been made by now.
    pub(super) has_begun: bool,
}

/// Conclusions from the first request for the target of a prefetch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// The response was there, in time or not.
    There { in_time: bool },
    /// It would have been made, and is watched no more.
    Watched(Watch),
}

/// A plan or an end that is due.
pub(super) enum Due {
    Start(PlanKey, Box<Plan>),
    /// One that is not made would begin.
    Watch(PlanKey, Watch),
    /// No caller has asked for it.
    Wasted,
    Over,
}

/// Facts that were to be said of a response when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    InTime,
    /// A caller had asked for it already.
    Late,
    /// Its session was forgotten.
    Forgotten,
}

// === impl Plans ===

impl Plans {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: HashMap::new(),
            due: BTreeMap::new(),
            next: 0,
            most,
            watched: 0,
        }
    }

    /// Reports whether a prefetch is planned, in flight or of use.
    pub(super) fn contains(&self, key: PlanKey) -> bool {
        let entry = self.all.get(&key);
        entry.is_some_and(|entry| !matches!(entry.state, State::Watched(_)))
    }

    /// Ends the watching of a key. Returns what was watched.
    pub(super) fn unwatch(&mut self, key: PlanKey) -> Option<Watch> {
        let State::Watched(watch) = self.all.get(&key)?.state else {
            return None;
        };
        self.remove(key);
        Some(watch)
    }

    /// Watches a key from a time on, unless it is in use already. At most a quarter of the room is for that.
    pub(super) fn watch(&mut self, key: PlanKey, at: Instant, watch: Watch) {
        if self.all.contains_key(&key) || self.watched >= self.most / 4 || self.is_full() {
            return;
        }
        self.watched += 1;
        let due = Some(self.put(key, at));
        let state = State::Watched(watch);
        self.all.insert(key, Entry { state, due });
    }

    pub(super) fn is_full(&self) -> bool {
        self.all.len() >= self.most
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Adds a plan for a key that has none.
    pub(super) fn plan(&mut self, key: PlanKey, at: Instant, plan: Box<Plan>) {
        debug_assert!(!self.contains(key) && !self.is_full());
        let due = Some(self.put(key, at));
        let state = State::Planned(plan);
        self.all.insert(key, Entry { state, due });
    }

    /// Notes that a caller has asked for a target at this time. For the first one after the response has come,
    /// returns whether it was there in time.
    pub(super) fn asked(&mut self, key: PlanKey, at: Instant) -> Option<Asked> {
        let entry = self.all.get_mut(&key)?;
        match &mut entry.state {
            State::Planned(_) => {
                // The caller has it now.
                self.remove(key);
                None
            }
            State::InFlight { is_late, .. } => {
                *is_late = true;
                None
            }
            State::There { is_used, since } => {
                // A slow call of a caller may end after the prefetch that it was before.
                let in_time = at >= *since;
                (!std::mem::replace(is_used, true)).then_some(Asked::There { in_time })
            }
            State::Watched(_) => {
                let watch = self.unwatch(key)?;
                watch.has_begun.then_some(Asked::Watched(watch))
            }
        }
    }

    /// Returns the next thing that is due by now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let (at, _) = *self.due.first_key_value()?.0;
        if at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let entry = self.remove(key)?;
        Some(match entry.state {
            State::Planned(plan) => Due::Start(key, plan),
            State::Watched(watch) if !watch.has_begun => Due::Watch(key, watch),
            State::There { is_used: false, .. } => Due::Wasted,
            State::There { is_used: true, .. } | State::InFlight { .. } | State::Watched(_) => {
                Due::Over
            }
        })
    }

    /// Notes that a plan has started, which is expected to be useful with this probability.
    pub(super) fn started(&mut self, key: PlanKey, cautious: f64) {
        let state = State::InFlight {
            is_late: false,
            cautious,
        };
        self.all.insert(key, Entry { state, due: None });
    }

    /// Returns the probability with which what is in flight was expected to be useful. 0 if it was forgotten.
    pub(super) fn expected(&self, key: PlanKey) -> f64 {
        match self.all.get(&key).map(|entry| &entry.state) {
            Some(State::InFlight { cautious, .. }) => *cautious,
            _ => 0.0,
        }
    }

    /// Notes that a response is there and of use for a time.
    pub(super) fn arrived(&mut self, key: PlanKey, now: Instant, keep: Duration) -> Arrival {
        let arrival = self.over(key);
        if arrival != Arrival::Forgotten {
            self.keep(key, arrival == Arrival::Late, (now, keep));
        }
        arrival
    }

    /// Keeps a key from being fetched for a time.
    pub(super) fn rest(&mut self, key: PlanKey, now: Instant, time: Duration) {
        if self.over(key) != Arrival::Forgotten {
            self.keep(key, true, (now, time));
        }
    }

    /// Forgets what is planned, in flight or there for one session. A call in flight ends by itself, and leaves nothing
    /// here. Returns how many responses were there and unused.
    pub(super) fn forget(&mut self, session: u64) -> u64 {
        let own = self.all.iter().filter(|(key, entry)| match &entry.state {
            State::Planned(plan) => plan.session == session,
            State::Watched(watch) => watch.session == session,
            State::InFlight { .. } | State::There { .. } => key.session == Some(session),
        });
        let own: Vec<_> = own.map(|(key, _)| *key).collect();
        let gone = own.into_iter().filter_map(|key| self.remove(key));
        let is_unused = |entry: &Entry| matches!(entry.state, State::There { is_used: false, .. });
        gone.filter(is_unused).count() as u64
    }

    fn keep(&mut self, key: PlanKey, is_used: bool, (since, time): (Instant, Duration)) {
        let due = Some(self.put(key, since + time));
        let state = State::There { is_used, since };
        self.all.insert(key, Entry { state, due });
    }

    /// Takes out a call that has ended.
    fn over(&mut self, key: PlanKey) -> Arrival {
        match self.remove(key).map(|entry| entry.state) {
            None => Arrival::Forgotten,
            Some(State::InFlight { is_late: true, .. }) => Arrival::Late,
            Some(_) => Arrival::InTime,
        }
    }

    fn put(&mut self, key: PlanKey, at: Instant) -> (Instant, u64) {
        let due = (at, self.next);
        self.next += 1;
        self.due.insert(due, key);
        due
    }

    fn remove(&mut self, key: PlanKey) -> Option<Entry> {
        let entry = self.all.remove(&key)?;
        if let Some(due) = &entry.due {
            self.due.remove(due);
        }
        self.watched -= usize::from(matches!(entry.state, State::Watched(_)));
        Some(entry)
    }
}
