//! The task behind the handles.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::mpsc::Receiver, time::Instant};

use super::{
    hours::Hour,
    model::ActivityPredictor,
    precompute::{Message, Shared, Visit},
};
use crate::{fetch::Fetched, flights::Flights, worker::until};

/// All that the task knows.
pub(super) struct Worker {
    shared: Arc<Shared>,
    model: ActivityPredictor,
    /// Users who are expected in this hour, the likeliest first.
    expected: VecDeque<Box<str>>,
    /// Responses made in this hour, and those in flight.
    made: HashMap<Box<str>, Made>,
    flights: Flights<Box<str>>,
    /// Calls that the budget of the hour allows.
    left: u64,
}

/// State of a response.
#[derive(Debug, Clone, Copy)]
enum Made {
    InFlight {
        /// The user came meanwhile.
        is_late: bool,
    },
    /// It is there until this time.
    There(Instant),
}

// === impl Worker ===

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, model: ActivityPredictor) -> Self {
        Self {
            left: shared.config.fetching.calls_per_hour(),
            shared,
            model,
            expected: VecDeque::new(),
            made: HashMap::new(),
            flights: Flights::default(),
        }
    }

    /// Learns from visits and makes responses, until the handles are gone.
    pub(super) async fn work(mut self, mut messages: Receiver<Message>) {
        let clock = self.shared.config.fetching.clock.clone();
        let mut next = clock.instant() + self.rest_of_hour();
        loop {
            tokio::select! {
                biased;
                (user, fetched) = self.flights.next() => self.ended(user, fetched, clock.instant()),
                () = until(Some(next), clock.instant()) => {
                    self.begin_hour();
                    next = clock.instant() + self.rest_of_hour();
                }
                message = messages.recv() => match message {
                    Some(Message::Seen(visit)) => self.seen(&visit, clock.instant()),
                    Some(Message::Forget(user, reply)) => {
                        let _ = reply.send(self.forget(&user));
                    }
                    None => return,
                },
            }
            self.start();
        }
    }

    fn rest_of_hour(&self) -> Duration {
        let config = &self.shared.config;
        Hour::left(config.fetching.clock.wall(), config.offset)
    }

    /// Notes that a user is there.
    fn seen(&mut self, visit: &Visit, now: Instant) {
        self.model.observe(&visit.user, visit.at);
        let counters = &self.shared.counters;
        let users = self.model.users() as u64;
        counters.users.store(users, Relaxed);
        match self.made.get_mut(&visit.user) {
            Some(Made::InFlight { is_late }) => *is_late = true,
            Some(Made::There(until)) => {
                if now < *until {
                    counters.useful.increment();
                } else {
                    counters.wasted.increment();
                }
                self.made.remove(&visit.user);
            }
            None => {}
        }
    }

    /// Forgets a user. A call in flight leaves nothing when it ends.
    fn forget(&mut self, user: &str) -> bool {
        let is_known = self.model.forget(user);
        self.expected.retain(|expected| **expected != *user);
        let counters = &self.shared.counters;
        if let Some(Made::There(_)) = self.made.remove(user) {
            counters.wasted.increment();
        }
        counters.users.store(self.model.users() as u64, Relaxed);
        is_known
    }

    /// Judges the hour that is over, and asks who is expected in the next one.
    fn begin_hour(&mut self) {
        let Shared {
            config, counters, ..
        } = &*self.shared;
        let is_over = |made: &Made| matches!(made, Made::There(_));
        let wasted = self.made.values().filter(|made| is_over(made)).count();
        counters.wasted.add(wasted as u64);
        self.made.retain(|_, made| !is_over(made));
        self.model.advance(config.fetching.clock.wall());
        let hour = self.model.hour_of_day().unwrap_or_default();
        let likely = self.model.likely(config.threshold(hour));
        counters.predictions.add(likely.len() as u64);
        let room = usize::try_from(config.fetching.calls_per_hour()).unwrap_or(usize::MAX);
        counters
            .over_budget
            .add(likely.len().saturating_sub(room) as u64);
        self.left = config.fetching.calls_per_hour();
        self.expected = likely.into_iter().map(|(user, _)| user).collect();
    }

    /// Starts calls for which there is room.
    fn start(&mut self) {
        let shared = Arc::clone(&self.shared);
        let (config, counters) = (&shared.config, &shared.counters);
        while self.left > 0 && self.flights.len() < config.fetching.max_fetches {
            let Some(user) = self.expected.pop_front() else {
                break;
            };
            // A call of the hour before may still be in flight.
            if self.model.has_come(&user) || self.made.contains_key(&user) {
                continue;
            }
            // The function is the application's own, and what it leaves behind is so, too.
            let made = catch_unwind(AssertUnwindSafe(|| (shared.make)(&user)));
            let Ok(Some(call)) = made else {
                continue;
            };
            self.left -= 1;
            counters.calls.increment();
            self.made
                .insert(user.clone(), Made::InFlight { is_late: false });
            self.flights.start(user, call, config.fetching.timeout);
        }
        let in_flight = self.flights.len() as u64;
        counters.in_flight.store(in_flight, Relaxed);
    }

    /// Notes the end of a call.
    fn ended(&mut self, user: Box<str>, fetched: Fetched, now: Instant) {
        let Shared {
            config, counters, ..
        } = &*self.shared;
        let before = self.made.remove(&user);
        let is_late = matches!(before, Some(Made::InFlight { is_late: true }));
        match fetched {
            Fetched::Stored(_) if is_late => counters.late.increment(),
            // The user was forgotten meanwhile.
            Fetched::Stored(_) if before.is_none() => counters.wasted.increment(),
            Fetched::Stored(fresh) => {
                let keep = fresh.map_or(config.keep, |fresh| fresh.min(config.keep));
                self.made.insert(user, Made::There(now + keep));
            }
            Fetched::Fresh => {
                counters.already_fresh.increment();
                self.left = self.left.saturating_add(1);
            }
            Fetched::Unstored | Fetched::Refused => counters.not_stored.increment(),
            Fetched::Failed => counters.failed.increment(),
        }
    }
}
