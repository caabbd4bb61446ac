//! The units of one limit that this process has taken. It knows no server.

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use scrimp_core::{NotTaken, RateRule};
use tokio::{sync::oneshot, time::Instant};

/// Longest time for which units are taken in advance.
const LONGEST_LEASE: Duration = Duration::from_secs(10);

/// Requests that one message asks for.
const ASKED_FOR: usize = 128;

/// Time for which a server that did not answer is not asked again.
const DOWN_FOR: Duration = Duration::from_millis(100);

/// Outcome for a request that waits: the time at which it may pass.
pub(super) type Turn = Result<Instant, NotTaken>;

/// The limit of one subject, as this process knows it.
#[derive(Debug)]
pub(super) struct Subject {
    rule: RateRule,
    /// Units that were taken and not used, the earliest first.
    slots: VecDeque<Slots>,
    waiters: VecDeque<Waiter>,
    asking: bool,
    /// Number of units below which more are taken in advance.
    low: u64,
    /// Time before which the limit has no further unit. It may have passed.
    next: Option<Instant>,
    down: Option<Instant>,
    /// Time of the last message, and the units used since.
    asked: Option<Instant>,
    used: u64,
}

/// Units at a distance of time.
#[derive(Debug, Clone, Copy)]
struct Slots {
    base: Instant,
    /// Nanoseconds from then to the first unit; below zero, it has been there for so long.
    first: i128,
    left: u64,
}

#[derive(Debug)]
struct Waiter {
    weight: u64,
    until: Option<Instant>,
    turn: oneshot::Sender<Turn>,
}

/// A message to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    /// Units that each of the first requests needs beyond those that are here, and the time that it waits.
    pub(super) needs: Vec<(u64, Duration)>,
    pub(super) wish: u64,
    sent: Instant,
}

/// Answer to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) units: u64,
    /// Nanoseconds from now to the first of them, and to the next one that is left.
    pub(super) first: i64,
    pub(super) next: i64,
}

/// Outcome of asking for a weight.
#[derive(Debug)]
pub(super) enum Asked {
    /// The request may pass at this time. With `true`, a task has to ask for more.
    At(Instant, bool),
    No(NotTaken),
    /// The request waits. With `true`, a task has to begin to ask.
    Wait(oneshot::Receiver<Turn>, bool),
}

// === impl Subject ===

impl Subject {
    pub(super) fn new(rule: RateRule) -> Self {
        Self {
            rule,
            slots: VecDeque::new(),
            waiters: VecDeque::new(),
            asking: false,
            low: 0,
            next: None,
            down: None,
            asked: None,
            used: 0,
        }
    }

    /// Takes a weight, if it is there within `most`.
    pub(super) fn take(&mut self, weight: u64, most: Duration, now: Instant) -> Asked {
        self.lapse(now);
        let until = now.checked_add(most);
        let late = |at: Instant| until.is_some_and(|until| at > until);
        if self.waiters.is_empty() {
            if let Some(at) = self.time_of(weight) {
                if late(at) {
                    return Asked::No(NotTaken::Late(at - now));
                }
                self.spend(weight);
                let ahead = self.left() < self.low && !self.is_down(now);
                return Asked::At(at, ahead && self.begin());
            }
            if let Some(at) = self.earliest(weight)
                && late(at)
            {
                return Asked::No(NotTaken::Late(at - now));
            }
            if self.is_down(now) {
                return Asked::No(NotTaken::Unknown);
            }
        }
        let (turn, waits) = oneshot::channel();
        self.waiters.push_back(Waiter {
            weight,
            until,
            turn,
        });
        Asked::Wait(waits, self.begin())
    }

    /// Returns the next message.
    pub(super) fn demand(&mut self, now: Instant) -> Demand {
        self.lapse(now);
        self.waiters.retain(|waiter| !waiter.turn.is_closed());
        let wanted = self.waiters.iter().map(|waiter| waiter.weight);
        let wanted = wanted.fold(0, u64::saturating_add);
        let mut left = self.left();
        let asked_for = self.waiters.iter().take(ASKED_FOR).map(|waiter| {
            let here = left.min(waiter.weight);
            left -= here;
            let most = waiter
                .until
                .map_or(Duration::MAX, |until| until.saturating_duration_since(now));
            (waiter.weight - here, most)
        });
        let needs = asked_for.collect();
        let lease = self.lease();
        // As many as would be used in the time of a lease.
        let since = self.asked.map_or(Duration::ZERO, |asked| now - asked);
        let rate = lease.as_nanos() * u128::from(self.used.saturating_add(wanted));
        let wish = rate.checked_div(since.as_nanos()).unwrap_or(0);
        let most = lease.as_nanos() / u128::from(self.rule.each());
        self.asked = Some(now);
        self.used = 0;
        Demand {
            needs,
            wish: u64::try_from(wish.min(most)).unwrap_or(u64::MAX),
            sent: now,
        }
    }

    /// Gives the units of an answer to those who wait. Returns whether to ask again.
    pub(super) fn answered(&mut self, demand: &Demand, granted: Granted, now: Instant) -> bool {
        self.down = None;
        if granted.units > 0 {
            self.slots.push_back(Slots {
                base: now,
                first: granted.first.into(),
                left: granted.units,
            });
        }
        let next = Duration::from_nanos(granted.next.unsigned_abs());
        self.next = match granted.next < 0 {
            true => now.checked_sub(next),
            false => now.checked_add(next),
        };
        let mut asked_for = demand.needs.len();
        let needs = demand.needs.iter().map(|(units, _)| *units);
        let short = granted.units < needs.fold(0, u64::saturating_add);
        // By its own clock, the server has decided who is late. What it gave is taken for good, so no
        // request loses it because the message took its time.
        let took = now.saturating_duration_since(demand.sent);
        let late =
            |until: Instant, at: Instant| until.checked_add(took).is_some_and(|end| at > end);
        while let Some(waiter) = self.waiters.front() {
            let turn = match self.time_of(waiter.weight) {
                Some(at) if waiter.until.is_some_and(|until| late(until, at)) => {
                    Err(NotTaken::Late(at - now))
                }
                Some(at) => Ok(at),
                None if short && asked_for > 0 => {
                    let at = self.earliest(waiter.weight).unwrap_or(now);
                    Err(NotTaken::Late(at.saturating_duration_since(now)))
                }
                None => break,
            };
            let waiter = self.waiters.pop_front().expect("it is the first");
            asked_for = asked_for.saturating_sub(1);
            let weight = waiter.weight;
            // A request that has gone takes nothing.
            if waiter.turn.send(turn).is_ok() && turn.is_ok() {
                self.spend(weight);
            }
        }
        self.low = self.left() / 4;
        self.asking = !self.waiters.is_empty();
        self.asking
    }

    /// Notes that the server has not answered.
    pub(super) fn failed(&mut self, now: Instant) {
        self.down = Some(now);
        self.asking = false;
        for waiter in self.waiters.drain(..) {
            let _ = waiter.turn.send(Err(NotTaken::Unknown));
        }
    }

    /// Reports whether nothing is lost if the subject is forgotten.
    pub(super) fn can_be_forgotten(&mut self, now: Instant) -> bool {
        self.lapse(now);
        self.slots.is_empty() && self.waiters.is_empty() && !self.asking
    }

    /// Returns the time for which units may be kept: a quarter of that in which a limit fills up.
    pub(super) fn lease(&self) -> Duration {
        let full = self.rule.each().saturating_mul(self.rule.burst());
        Duration::from_nanos(full / 4).min(LONGEST_LEASE)
    }

    fn is_down(&self, now: Instant) -> bool {
        self.down.is_some_and(|at| now < at + DOWN_FOR)
    }

    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.asking, true)
    }

    fn left(&self) -> u64 {
        self.slots.iter().map(|slots| slots.left).sum()
    }

    /// Drops units that were kept for too long.
    fn lapse(&mut self, now: Instant) {
        let (lease, each) = (self.lease(), self.rule.each());
        while let Some(slots) = self.slots.front_mut() {
            slots.lapse(lease, each, now);
            if slots.left > 0 {
                return;
            }
            self.slots.pop_front();
        }
    }

    /// Returns the time at which the last unit of a weight is there. `None` if too few were taken.
    fn time_of(&self, weight: u64) -> Option<Instant> {
        let mut rest = weight;
        for slots in &self.slots {
            if rest <= slots.left {
                return slots.time_of(rest.checked_sub(1)?, self.rule.each());
            }
            rest -= slots.left;
        }
        None
    }

    /// Returns the time before which a weight cannot be there, as far as it is known.
    fn earliest(&self, weight: u64) -> Option<Instant> {
        let more = weight.saturating_sub(self.left()).saturating_sub(1);
        let time = Duration::from_nanos(more.saturating_mul(self.rule.each()));
        self.next?.checked_add(time)
    }

    fn spend(&mut self, weight: u64) {
        self.used = self.used.saturating_add(weight);
        let (mut rest, each) = (weight, self.rule.each());
        while let Some(slots) = self.slots.front_mut() {
            let count = rest.min(slots.left);
            slots.drop_first(count, each);
            rest -= count;
            if slots.left > 0 {
                return;
            }
            self.slots.pop_front();
        }
    }
}

// === impl Slots ===

impl Slots {
    fn time_of(&self, number: u64, each: u64) -> Option<Instant> {
        let after = self.first + i128::from(number) * i128::from(each);
        let after = u64::try_from(after.max(0)).ok()?;
        self.base.checked_add(Duration::from_nanos(after))
    }

    fn drop_first(&mut self, count: u64, each: u64) {
        self.first += i128::from(count) * i128::from(each);
        self.left -= count;
    }

    fn lapse(&mut self, lease: Duration, each: u64, now: Instant) {
        let Some(over) = (now - self.base).checked_sub(lease) else {
            return;
        };
        let over = i128::try_from(over.as_nanos()).unwrap_or(i128::MAX);
        if over > self.first.max(0) {
            let count = (over - self.first - 1) / i128::from(each) + 1;
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.drop_first(count.min(self.left), each);
        }
    }
}
