//! Pages that browsers are told to fetch.

use std::hash::RandomState;

use hashlink::LinkedHashMap;
use http::{Uri, uri::PathAndQuery};

use super::{Expected, Learner, is_for};
use crate::{
    Visit,
    message::{Message, Question, Rules},
    request::Event,
};

/// Pages that each session is expected to visit next. The session that was silent for longest makes room.
#[derive(Debug)]
pub(super) struct Hints {
    known: LinkedHashMap<u64, Vec<PathAndQuery>, RandomState>,
    most: usize,
}

// === impl Hints ===

impl Hints {
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: LinkedHashMap::with_hasher(RandomState::new()),
            most,
        }
    }

    /// Replaces the pages of a session.
    pub(super) fn put(&mut self, session: u64, pages: Vec<PathAndQuery>) {
        if pages.is_empty() {
            self.known.remove(&session);
            return;
        }
        self.known.insert(session, pages);
        if self.known.len() > self.most {
            self.known.pop_front();
        }
    }

    /// Forgets the pages of a session.
    pub(super) fn forget(&mut self, session: u64) {
        self.known.remove(&session);
    }

    fn of(&self, session: u64) -> &[PathAndQuery] {
        self.known.get(&session).map_or(&[], Vec::as_slice)
    }
}

// === impl Learner ===

impl Learner {
    /// Learns from a message, or answers it.
    pub(crate) fn take(&mut self, message: Message) {
        match message {
            Message::Learn(event) => self.learn(&event),
            Message::Rules(question) => self.answer(*question),
            Message::Forget(session, reply) => {
                // One who asked and went away needs no answer.
                let _ = reply.send(self.forget(session));
            }
            Message::Links(event, reply) => {
                // A page that is there already has no links.
                if !reply.is_closed() {
                    let _ = reply.send(Rules(self.links(&event)));
                }
            }
        }
    }

    /// Returns the page of a prediction that pays, if the session may be told of it.
    pub(super) fn hint_of(&mut self, event: &Event, one: &Expected) -> Option<PathAndQuery> {
        let uri: &Uri = match self.items.get(one.item) {
            Some(known) if is_for(known, event, one) => &known.uri,
            Some(_) => {
                self.shared.counters.not_eligible.increment();
                return None;
            }
            None => one.uri.as_ref()?,
        };
        let page = uri.path_and_query().cloned()?;
        if !self.gate.spend(event.at, 0.0) {
            self.shared.counters.over_budget.increment();
            return None;
        }
        self.shared.counters.hints.increment();
        Some(page)
    }

    /// Returns the pages that pay after one that is being made. Its visit is learned when it has succeeded.
    fn links(&mut self, event: &Event) -> Vec<PathAndQuery> {
        let item = event.target.item;
        let (mut trail, since) = self.sessions.peek(event.session, event.at);
        trail.push(item);
        let visit = Visit::new(item, &event.uri, since).session(event.session);
        self.expect(event, &trail, &visit);
        let expected = std::mem::take(&mut self.expected);
        let is_open = self.gate.is_open(event.at);
        let paying = expected
            .iter()
            .filter(|one| is_open && self.gate.pays(one.probability, one.cautious));
        let paying: Vec<&Expected> = paying.collect();
        let pages = paying
            .into_iter()
            .filter_map(|one| self.hint_of(event, one));
        let pages = pages.collect();
        self.expected = expected;
        pages
    }

    /// Answers a browser. A page that it has fetched ahead of time makes no request when it is visited, but asks
    /// for rules: that is the visit.
    fn answer(&mut self, question: Question) {
        let Question {
            session,
            page,
            reply,
        } = question;
        if let Some(event) = page
            && let Some(event) = self.visited(*event)
        {
            self.learn(&event);
        }
        // A browser that is gone needs no answer.
        let _ = reply.send(Rules(self.hints.of(session).to_vec()));
    }

    /// Completes the visit of a page, unless its request was the latest of the session.
    fn visited(&self, mut event: Event) -> Option<Event> {
        let item = event.target.item;
        if self.sessions.last(event.session) == Some(item) {
            return None;
        }
        let known = self.items.get(item)?;
        event.inner = std::sync::Arc::clone(&known.inner);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_sessions_leave_the_latest_ones() {
        let mut hints = Hints::new(50);
        for session in 0..5_000 {
            hints.put(session, vec![PathAndQuery::from_static("/a")]);
            assert!(hints.known.len() <= 50);
        }
        assert!(hints.of(0).is_empty() && hints.of(4_999).len() == 1);
        hints.put(4_999, Vec::new());
        assert!(hints.of(4_999).is_empty());
    }
}
