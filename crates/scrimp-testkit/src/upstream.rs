//! The handle of a test on a scripted service.

use std::{collections::VecDeque, fmt, sync::Arc};

use http::request::Parts;
use parking_lot::Mutex;

use crate::{Readiness, Reply};

/// Directs a [`Scripted`](crate::Scripted) service and records its calls.
#[derive(Clone)]
pub struct Upstream(pub(crate) Arc<Mutex<Record>>);

type Answer = Arc<dyn Fn(&Parts) -> Reply + Send + Sync>;

pub(crate) struct Record {
    readiness: Readiness,
    /// Number of the current `readiness` setting; a wait under an older one starts again.
    setting: u64,
    script: VecDeque<Reply>,
    answer: Option<Answer>,
    requests: Vec<Parts>,
    started: usize,
    polls: usize,
    in_flight: usize,
    max_in_flight: usize,
    abandoned: usize,
    faults: Vec<&'static str>,
}

/// Mark of a call in flight, as long as it exists.
pub(crate) struct InFlight(Upstream);

// === impl Upstream ===

impl Upstream {
    pub(crate) fn new(script: VecDeque<Reply>, answer: Option<Answer>) -> Self {
        Self(Arc::new(Mutex::new(Record {
            readiness: Readiness::Always,
            setting: 0,
            script,
            answer,
            requests: Vec::new(),
            started: 0,
            polls: 0,
            in_flight: 0,
            max_in_flight: 0,
            abandoned: 0,
            faults: Vec::new(),
        })))
    }

    /// Sets the reply to a later call, ahead of the service's other replies.
    pub fn next(&self, reply: Reply) {
        self.0.lock().script.push_back(reply);
    }

    /// Sets the readiness from the next `poll_ready` on.
    ///
    /// Instances that wait under the old setting are not woken: open their gate instead.
    pub fn set_readiness(&self, readiness: Readiness) {
        let mut record = self.0.lock();
        record.readiness = readiness;
        record.setting += 1;
    }

    /// Returns every request seen, in order, without its body.
    #[must_use]
    pub fn requests(&self) -> Vec<Parts> {
        self.0.lock().requests.clone()
    }

    /// Returns the number of calls of the service.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.lock().requests.len()
    }

    /// Returns the number of calls whose future was polled.
    #[must_use]
    pub fn started(&self) -> usize {
        self.0.lock().started
    }

    /// Returns the number of polls of the futures of all calls.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.lock().polls
    }

    /// Returns the calls now in flight: from `call` to the end of the body.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.lock().in_flight
    }

    /// Returns the highest number of calls in flight at a time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.0.lock().max_in_flight
    }

    /// Returns the number of futures that were dropped before completion.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.0.lock().abandoned
    }

    /// Returns the breaches of the tower contract. Each was a panic too, which may be lost in a
    /// task that no caller joined.
    #[must_use]
    pub fn faults(&self) -> Vec<&'static str> {
        self.0.lock().faults.clone()
    }

    pub(crate) fn readiness(&self) -> (u64, Readiness) {
        let record = self.0.lock();
        (record.setting, record.readiness.clone())
    }

    pub(crate) fn fault(&self, fault: &'static str) -> ! {
        self.0.lock().faults.push(fault);
        panic!("{fault}");
    }

    /// Records a request and finds the reply to it.
    pub(crate) fn begin(&self, parts: &Parts) -> (InFlight, Reply) {
        let (scripted, answer) = {
            let mut record = self.0.lock();
            record.requests.push(parts.clone());
            record.in_flight += 1;
            record.max_in_flight = record.max_in_flight.max(record.in_flight);
            (record.script.pop_front(), record.answer.clone())
        };
        let mark = InFlight(self.clone());
        // The closure runs unlocked: it may look at this record.
        let reply = scripted.or_else(|| answer.map(|answer| answer(parts)));
        let Some(reply) = reply else {
            self.fault("the scripted service was called more often than its script is long");
        };
        (mark, reply)
    }

    pub(crate) fn polled(&self, first: bool) {
        let mut record = self.0.lock();
        record.polls += 1;
        record.started += usize::from(first);
    }

    pub(crate) fn abandon(&self) {
        self.0.lock().abandoned += 1;
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0.lock();
        f.debug_struct("Upstream")
            .field("calls", &record.requests.len())
            .field("in_flight", &record.in_flight)
            .field("abandoned", &record.abandoned)
            .field("readiness", &record.readiness)
            .finish_non_exhaustive()
    }
}

// === impl InFlight ===

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.lock().in_flight -= 1;
    }
}
