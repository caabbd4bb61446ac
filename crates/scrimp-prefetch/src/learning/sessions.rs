//! The sessions that are known.

use std::{hash::RandomState, time::Duration};

use hashlink::LinkedHashMap;
use tokio::time::Instant;

use super::classes::Class;
use crate::{ItemId, Trail};

/// Predictions of a session that wait for their outcome. While there is no room, new ones are not judged.
const OPEN: usize = 8;

/// The known sessions, in the order of their last request. There is room for a fixed number.
pub(super) struct Sessions {
    known: LinkedHashMap<u64, Session, RandomState>,
    most: usize,
    idle: Duration,
}

pub(super) struct Session {
    pub(super) trail: Trail,
    last: Instant,
    open: [Option<Open>; OPEN],
}

/// A prediction that waits for its outcome.
#[derive(Debug, Clone, Copy)]
struct Open {
    item: ItemId,
    outcome: Said,
    until: Instant,
}

/// What a predictor said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    pub(super) class: Class,
    pub(super) confidence: f64,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(most: usize, idle: Duration) -> Self {
        Self {
            known: LinkedHashMap::with_hasher(RandomState::new()),
            most,
            idle,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Reports whether a session lives.
    pub(super) fn is_alive(&self, session: u64, now: Instant) -> bool {
        let session = self.known.get(&session);
        session.is_some_and(|session| now.saturating_duration_since(session.last) < self.idle)
    }

    /// Returns a session for a request, and the time since its last one. Sessions that are over make room;
    /// `missed` learns of their predictions, which did not come true.
    pub(super) fn enter(
        &mut self,
        id: u64,
        now: Instant,
        mut missed: impl FnMut(Said),
    ) -> (&mut Session, Option<Duration>) {
        // A request is followed by at most two farewells, so none takes long.
        for _ in 0..2 {
            let Some((front, session)) = self.known.front() else {
                break;
            };
            let is_full = self.known.len() >= self.most && !self.known.contains_key(&id);
            let is_over = now.saturating_duration_since(session.last) >= self.idle;
            if !is_over && !is_full {
                break;
            }
            let front = *front;
            if let Some(session) = self.known.remove(&front) {
                session
                    .open
                    .into_iter()
                    .flatten()
                    .for_each(|open| missed(open.outcome));
            }
        }
        if self.known.to_back(&id).is_none() {
            self.known.insert(id, Session::new(now));
            let session = self.known.get_mut(&id).expect("it was inserted");
            return (session, None);
        }
        let session = self.known.get_mut(&id).expect("it is at the back");
        let since = now.saturating_duration_since(session.last);
        session.last = now.max(session.last);
        (session, Some(since))
    }
}

// === impl Session ===

impl Session {
    fn new(now: Instant) -> Self {
        Self {
            trail: Trail::new(),
            last: now,
            open: [None; OPEN],
        }
    }

    /// Settles the predictions that a request for an item decides: its own are right, and those whose time is
    /// over are wrong.
    pub(super) fn settle(&mut self, item: ItemId, now: Instant, mut judge: impl FnMut(Said, bool)) {
        for place in &mut self.open {
            let Some(open) = *place else { continue };
            let is_over = now > open.until;
            if is_over || open.item == item {
                judge(open.outcome, !is_over);
                *place = None;
            }
        }
    }

    /// Keeps a prediction until its outcome is known. The first one for an item is judged.
    pub(super) fn open(&mut self, item: ItemId, outcome: Said, until: Instant) {
        let twice = |open: &Open| open.item == item && open.outcome.class == outcome.class;
        if self.open.iter().flatten().any(twice) {
            return;
        }
        if let Some(place) = self.open.iter_mut().find(|place| place.is_none()) {
            *place = Some(Open {
                item,
                outcome,
                until,
            });
        }
    }
}
