//! The lease that this process has of one account. It knows no clock and no server.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use super::reply::{Outcome, Reply};

/// Time for which an answer that too little is left holds, if nothing is returned before.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// Time for which a server that did not answer is not asked again.
const DOWN_FOR: Duration = Duration::from_millis(100);

/// The lease of one account, and what was used of it.
///
/// The amount that the server knows to be leased is never less than `free` and `reserved` and what was used and not
/// reported yet: each of them is reduced here before a message says so, and grows after an answer.
#[derive(Debug)]
pub(super) struct Account {
    /// Leased, and neither used nor reserved.
    free: u128,
    /// The part of `free` that calls have left over while little is left for all.
    surplus: u128,
    /// Reserved by calls under way.
    reserved: u128,
    /// The part of `reserved` that no lease backs, before and since the last message. What is left over of it
    /// is no one's: an answer to that message makes the first of them a part of the lease.
    unbacked: [u128; 2],
    /// Used since this process knows the account.
    used: u128,
    /// The part of `used` that the server knows of.
    reported: u128,
    /// Identifier that the server gave the account.
    id: String,
    /// End of the lease: `free` is the account's again.
    until: Option<Instant>,
    /// Amount below which more is leased ahead of need.
    low: u128,
    /// Mean of the amounts taken.
    mean: u128,
    /// Set while nothing may be held free: little is left, and others may need it.
    exact: bool,
    /// Set if the server takes the lease for one with a free part.
    may_be_idle: bool,
    /// Set if the free part has to be returned.
    recalled: bool,
    /// Amount left for this process in an answer that it is too little, and the time until which that
    /// holds.
    refused: Option<(u128, Instant)>,
    /// Set if something was returned since the last message. Its answer may not know of it.
    freed: bool,
    /// Time of a failure to ask.
    down: Option<Instant>,
    /// Set while a task asks the server.
    asking: bool,
    /// Amounts that requests wait for: the least, and the sum.
    least: u128,
    wanted: u128,
    /// Amount used and leased by all, from the last answer.
    pub(super) total: Option<u128>,
    contact: Option<Instant>,
    /// Set if something was taken since the last message.
    active: bool,
    /// Number of the last message.
    number: u64,
    news: watch::Sender<()>,
}

/// A message to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Message {
    /// Later messages have higher numbers.
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) used: u128,
    pub(super) reported: u128,
    pub(super) reserved: u128,
    pub(super) free: u128,
    pub(super) must: u128,
    pub(super) need: u128,
    pub(super) wish: u128,
}

/// Outcome of taking an amount from a lease.
pub(super) enum Taken {
    /// It is taken. With `true`, a task has to ask for more.
    Yes(bool),
    No,
    /// Too little is left, and the server cannot be asked.
    Down,
    /// The server has to be asked. With `true`, a task has to begin to.
    Ask(bool, watch::Receiver<()>),
}

/// The next step of the task that asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ask,
    /// Others return what they hold: ask when they have, or after this time.
    Wait(Duration),
    Done,
}

// === impl Account ===

impl Account {
    pub(super) fn new() -> Self {
        Self {
            free: 0,
            surplus: 0,
            reserved: 0,
            unbacked: [0; 2],
            used: 0,
            reported: 0,
            id: String::new(),
            until: None,
            low: 0,
            mean: 0,
            exact: false,
            may_be_idle: false,
            recalled: false,
            refused: None,
            freed: false,
            down: None,
            asking: false,
            least: 0,
            wanted: 0,
            total: None,
            contact: None,
            active: false,
            number: 0,
            news: watch::Sender::new(()),
        }
    }

    /// Takes an amount. `only_up` asks first if the server did not answer the last time.
    pub(super) fn take(&mut self, amount: u128, only_up: bool, now: Instant) -> Taken {
        self.expire(now);
        let is_down = self.down.is_some_and(|at| now < at + DOWN_FOR);
        if amount <= self.free && !(only_up && self.down.is_some()) {
            self.reserve(amount);
            self.free -= amount;
            self.surplus = self.surplus.min(self.free);
            let ahead = !self.exact && self.free < self.low && !is_down;
            return Taken::Yes(ahead && self.begin());
        }
        if let Some((left, until)) = self.refused
            && now < until
            && amount > left.saturating_add(self.free)
        {
            return Taken::No;
        }
        if is_down {
            return Taken::Down;
        }
        self.wanted = self.wanted.saturating_add(amount);
        self.least = match self.least {
            0 => amount,
            least => least.min(amount),
        };
        let news = self.news.subscribe();
        Taken::Ask(self.begin(), news)
    }

    /// Reserves an amount that no lease backs.
    pub(super) fn take_unbacked(&mut self, amount: u128) {
        self.reserve(amount);
        self.unbacked[1] = self.unbacked[1].saturating_add(amount);
    }

    /// Returns the part of an amount left over that a lease backs.
    fn backed(&mut self, mut rest: u128) -> u128 {
        for unbacked in &mut self.unbacked {
            let part = rest.min(*unbacked);
            (rest, *unbacked) = (rest - part, *unbacked - part);
        }
        rest
    }

    fn reserve(&mut self, amount: u128) {
        self.active = true;
        self.reserved = self.reserved.saturating_add(amount);
        if amount == 0 {
            return;
        }
        self.mean = match self.mean {
            0 => amount,
            mean => mean - mean / 8 + amount / 8,
        };
    }

    /// Settles an amount. Returns whether a task has to report it at once.
    pub(super) fn settle(&mut self, taken: u128, used: u128, now: Instant) -> bool {
        self.expire(now);
        self.reserved = self.reserved.saturating_sub(taken);
        self.used = self.used.saturating_add(used);
        self.active = true;
        if self.until.is_none() {
            return false;
        }
        let (rest, over) = (taken.saturating_sub(used), used.saturating_sub(taken));
        let rest = self.backed(rest);
        if self.reserved == 0 {
            self.unbacked = [0; 2];
        }
        self.free = self.free.saturating_add(rest).saturating_sub(over);
        if !self.exact {
            return false;
        }
        // Others may wait for it.
        self.surplus = self.surplus.saturating_add(rest).min(self.free);
        self.surplus > 0 && self.begin()
    }

    /// Notes that others need what is free here. Returns whether a task has to return it.
    pub(super) fn recall(&mut self) -> bool {
        // An answer may be on its way, of a lease that the server takes for idle.
        if !self.may_be_idle && self.free == 0 && !self.asking {
            return false;
        }
        self.recalled = true;
        self.begin()
    }

    /// Returns whether the server has to hear of the lease before this process ends, and starts the
    /// task that tells it.
    pub(super) fn close(&mut self) -> bool {
        self.recalled = true;
        (self.may_be_idle || self.free > 0 || self.used > self.reported) && self.begin()
    }

    /// Notes that something was returned to the account.
    pub(super) fn freed(&mut self) {
        self.refused = None;
        self.freed = true;
    }

    /// Starts the one task that asks. Returns false if there is one.
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.asking, true)
    }

    /// Returns whether the server has to hear of the lease, and starts the task that tells it.
    /// `every` is the time between two messages.
    pub(super) fn refresh(&mut self, now: Instant, every: Duration) -> bool {
        let is_due = self.contact.is_none_or(|contact| contact + every <= now);
        let is_known = self.free > 0 || self.reserved > 0 || self.may_be_idle;
        if !is_due || self.asking || !(is_known || self.used > self.reported) {
            return false;
        }
        if !self.active {
            self.recalled = true;
        }
        self.begin()
    }

    /// Reports whether nothing is lost if the account is forgotten.
    pub(super) fn can_be_forgotten(&self) -> bool {
        self.reserved == 0 && self.used == self.reported && self.free == 0 && !self.asking
    }

    fn expire(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            (self.until, self.free, self.surplus) = (None, 0, 0);
        }
    }

    /// Returns the next message. `calls` is the number of calls that a lease is for.
    pub(super) fn message(&mut self, calls: u32, now: Instant) -> Message {
        self.expire(now);
        if self.recalled {
            (self.recalled, self.exact, self.surplus) = (false, true, self.free);
        }
        if self.exact {
            self.free -= std::mem::take(&mut self.surplus).min(self.free);
        }
        (self.active, self.freed) = (false, false);
        self.unbacked = [self.unbacked[0].saturating_add(self.unbacked[1]), 0];
        let chunk = self.mean.max(self.least).saturating_mul(calls.into());
        let wish = match self.exact && self.wanted == 0 {
            true => 0,
            false => chunk.saturating_sub(self.free),
        };
        self.number += 1;
        Message {
            number: self.number,
            id: self.id.clone(),
            used: self.used,
            reported: self.reported,
            reserved: self.reserved,
            free: self.free,
            must: self.least.saturating_sub(self.free),
            need: self.wanted.saturating_sub(self.free),
            wish,
        }
    }

    /// Applies the answer to a message. `until` is the end of the lease.
    pub(super) fn answered(
        &mut self,
        message: &Message,
        reply: &Reply,
        now: Instant,
        until: Instant,
    ) -> Next {
        self.reported = message.used;
        self.unbacked[0] = 0;
        if self.id != reply.id {
            self.id.clone_from(&reply.id);
        }
        self.down = None;
        self.contact = Some(now);
        self.total = Some(reply.total);
        self.until = Some(until);
        self.free = self.free.saturating_add(reply.extra);
        // More than is waited for is leased only while there is enough.
        self.exact = reply.extra <= message.need && (message.wish > 0 || self.exact);
        self.may_be_idle = message.free > 0 || reply.extra > 0;
        if self.exact && !self.may_be_idle {
            // Calls have left it over meanwhile, and the server does not know.
            self.surplus = self.free;
        }
        self.low = self.free / 4;
        self.refused = match reply.outcome {
            Outcome::Wait(time) if self.is_waited_for() => return Next::Wait(time),
            Outcome::Short if !self.freed => Some((reply.left, now + REFUSED_FOR)),
            Outcome::OtherPeriod => Some((0, now + REFUSED_FOR)),
            Outcome::Granted | Outcome::Short | Outcome::Wait(_) => None,
        };
        self.wake();
        if self.recalled || self.exact && self.surplus > 0 {
            return Next::Ask;
        }
        self.asking = false;
        Next::Done
    }

    /// Notes that the server has not answered.
    pub(super) fn failed(&mut self, now: Instant) {
        self.down = Some(now);
        self.asking = false;
        self.wake();
    }

    fn wake(&mut self) {
        (self.least, self.wanted) = (0, 0);
        self.news.send_replace(());
    }

    fn is_waited_for(&self) -> bool {
        self.wanted > 0 && self.news.receiver_count() > 0
    }
}
