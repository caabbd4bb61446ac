//! The sessions that are known.

use std::{collections::VecDeque, hash::RandomState, time::Duration};

use hashlink::LinkedHashMap;
use tokio::time::Instant;

use super::classes::Class;
use crate::{ItemId, Trail};

/// Predictions of a session that wait for their outcome. While there is no room, new ones are not judged.
const OPEN: usize = 8;

/// The known sessions, in the order of their last request. There is room for a fixed number.
#[derive(Debug)]
pub(super) struct Sessions {
    known: LinkedHashMap<u64, Session, RandomState>,
    most: usize,
    idle: Duration,
    /// Sessions whose predictions are over at some time if no request decides them before.
    unsettled: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) trail: Trail,
    last: Instant,
    open: [Option<Open>; OPEN],
    /// It is among the unsettled ones.
    is_queued: bool,
}

/// A prediction that waits for its outcome.
#[derive(Debug, Clone, Copy)]
struct Open {
    item: ItemId,
    outcome: Said,
    until: Instant,
}

/// The statement of a predictor.
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
            unsettled: VecDeque::new(),
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

    /// Returns the item that a session asked for last.
    pub(super) fn last(&self, session: u64) -> Option<ItemId> {
        self.known.get(&session)?.trail.recent(0)
    }

    /// Returns the trail of a session, and the time since its last request.
    pub(super) fn peek(&self, session: u64, now: Instant) -> (Trail, Option<Duration>) {
        match self.known.get(&session) {
            Some(session) => {
                let since = now.saturating_duration_since(session.last);
                (session.trail.clone(), Some(since))
            }
            None => (Trail::new(), None),
        }
    }

    /// Forgets a session. Returns true if it was known.
    pub(super) fn forget(&mut self, session: u64) -> bool {
        self.unsettled.retain(|(_, id)| *id != session);
        self.known.remove(&session).is_some()
    }

    /// Keeps a prediction until its outcome is known. The first one for an item is judged.
    pub(super) fn open(&mut self, id: u64, item: ItemId, outcome: Said, until: Instant) {
        let Some(session) = self.known.get_mut(&id) else {
            return;
        };
        session.open(item, outcome, until);
        // One place for each session, and as many for those that made room meanwhile.
        if !session.is_queued && self.unsettled.len() < 2 * self.most {
            session.is_queued = true;
            self.unsettled.push_back((until, id));
        }
    }

    /// Settles predictions that did not come true in time, of sessions that may never ask again.
    pub(super) fn expire(&mut self, now: Instant, mut missed: impl FnMut(Said)) {
        // Each request adds one session at most, so two keep up.
        for _ in 0..2 {
            match self.unsettled.front() {
                Some((until, _)) if *until < now => {}
                _ => return,
            }
            let Some((_, id)) = self.unsettled.pop_front() else {
                return;
            };
            let Some(session) = self.known.get_mut(&id) else {
                continue;
            };
            session.settle(None, now, |said, _| missed(said));
            let left = session.open.iter().flatten().map(|open| open.until).max();
            session.is_queued = left.is_some();
            if let Some(until) = left {
                self.unsettled.push_back((until, id));
            }
        }
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
            is_queued: false,
        }
    }

    /// Settles the predictions that a request for an item decides: its own are right, and those whose time is
    /// over are wrong.
    pub(super) fn settle(
        &mut self,
        item: Option<ItemId>,
        now: Instant,
        mut judge: impl FnMut(Said, bool),
    ) {
        for place in &mut self.open {
            let Some(open) = *place else { continue };
            let is_over = now > open.until;
            if is_over || Some(open.item) == item {
                judge(open.outcome, !is_over);
                *place = None;
            }
        }
    }

    fn open(&mut self, item: ItemId, outcome: Said, until: Instant) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn said(confidence: f64) -> Said {
        let class = Class::of(0, 0);
        Said { class, confidence }
    }

    fn item(number: u32) -> ItemId {
        ItemId::new(number).expect("not 0")
    }

    #[test]
    fn a_prediction_of_a_session_that_never_asks_again_is_settled_by_the_requests_of_others() {
        let mut sessions = Sessions::new(1_000, 3_600 * SECOND);
        let (now, mut missed) = (Instant::now(), 0);
        for id in 0..100 {
            sessions.enter(id, now, |_| {});
            sessions.open(id, item(1), said(0.5), now + 10 * SECOND);
        }
        for id in 100..200 {
            let now = now + 11 * SECOND;
            sessions.expire(now, |_| missed += 1);
            sessions.enter(id, now, |_| {});
        }
        assert_eq!(missed, 100);
    }

    #[test]
    fn a_hundred_times_as_many_sessions_leave_the_latest_ones_and_settle_the_others() {
        let mut sessions = Sessions::new(50, 3_600 * SECOND);
        let (now, mut missed) = (Instant::now(), 0);
        for id in 0..5_000 {
            sessions.enter(id, now, |_| missed += 1);
            sessions.open(id, item(1), said(0.5), now + 10 * SECOND);
            assert!(sessions.len() <= 50 && sessions.unsettled.len() <= 100);
        }
        assert_eq!(missed, 4_950);
        assert!(sessions.is_alive(4_999, now) && !sessions.is_alive(0, now));
    }

    #[test]
    fn a_request_in_time_makes_its_prediction_right_and_a_late_one_wrong() {
        for (after, right) in [(9, true), (11, false)] {
            let (mut sessions, now) = (Sessions::new(10, 3_600 * SECOND), Instant::now());
            sessions.enter(1, now, |_| {});
            sessions.open(1, item(7), said(0.5), now + 10 * SECOND);
            let now = now + after * SECOND;
            let (session, since) = sessions.enter(1, now, |_| {});
            let mut outcomes = Vec::new();
            session.settle(Some(item(7)), now, |_, right| outcomes.push(right));
            assert_eq!((outcomes, since), (vec![right], Some(after * SECOND)));
        }
    }
}
