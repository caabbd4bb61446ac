//! The limit that all services of a layer share.

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware};
use http::{Request, request::Parts};
use scrimp_core::{
    NotTaken, RateRule, RateTake, SharedRate, TokioClock, TokioInstant,
    extensions::{Deadline, Directive},
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    LimitStats,
    buckets::{SharedBuckets, Subject},
    config::Config,
    line::Lines,
    refusal::Refusal,
    stats::Counters,
};

/// A rate limit with its settings and its state.
pub(crate) struct Limiter {
    config: Config,
    /// A client that knew the hash could choose keys that share the limit of another.
    hash: RandomState,
    governor: Governor,
    buckets: SharedBuckets,
    lines: Arc<Lines>,
    pub(crate) counters: Counters,
    /// Nanoseconds for one unit of weight.
    each: u64,
    burst: NonZeroU32,
}

type Governor = RateLimiter<Subject, SharedBuckets, TokioClock, NoOpMiddleware<TokioInstant>>;

/// Decision on a request.
pub(crate) enum Verdict {
    Pass,
    Wait(Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>),
    Refuse(Refusal),
}

/// A request as the limit sees it.
#[derive(Debug, Clone, Copy)]
struct Demand {
    subject: Subject,
    weight: u64,
    /// Time at which the request stops waiting; `None` for those that wait without a limit.
    until: Option<Instant>,
    /// The request is made ahead of time, without a caller who waits.
    ahead: bool,
}

// === impl Limiter ===

impl Limiter {
    pub(crate) fn new(config: Config, quota: Quota) -> Self {
        let buckets = SharedBuckets::new(config.max_keys);
        let each = quota.replenish_interval().as_nanos();
        Self {
            governor: RateLimiter::new(quota, buckets.clone(), TokioClock),
            buckets,
            hash: RandomState::new(),
            lines: Arc::new(Lines::new(config.max_waiters)),
            counters: Counters::default(),
            each: u64::try_from(each).expect("a burst is replenished within a year"),
            burst: quota.burst_size(),
            config,
        }
    }

    /// Decides about a request, and returns it.
    pub(crate) fn ask<B>(self: &Arc<Self>, request: Request<B>) -> (Verdict, Request<B>) {
        let (parts, body) = request.into_parts();
        let weight = self.config.weight.as_ref();
        let deadline = parts.extensions.get::<Deadline>();
        let ahead = parts.extensions.get() == Some(&Directive::Prefetch);
        let most = match ahead {
            true => Duration::ZERO,
            false => self.config.max_wait,
        };
        let patience = Instant::now().checked_add(most);
        let until = match (patience, deadline) {
            (Some(patience), Some(Deadline(deadline))) => Some(patience.min(*deadline)),
            (patience, deadline) => patience.or(deadline.map(|deadline| deadline.0)),
        };
        let demand = Demand {
            subject: self.subject(&parts),
            weight: weight.map_or(1, |weight| weight(&parts)).into(),
            until,
            ahead,
        };
        self.counters.requests.increment();
        let verdict = match &self.config.shared {
            Some(shared) if demand.weight > 0 => {
                self.decide_shared(&**shared, &self.name(&parts), demand)
            }
            _ => self.decide(demand),
        };
        (verdict, Request::from_parts(parts, body))
    }

    /// Returns a hash of the caller's key.
    fn subject(&self, parts: &Parts) -> Subject {
        let key = self.config.key.as_ref()?;
        let mut hasher = self.hash.build_hasher();
        key(parts, &mut hasher).then(|| hasher.finish())
    }

    /// Returns the name of the limit of a request in all processes.
    fn name(&self, parts: &Parts) -> Vec<u8> {
        let mut name = Name(Vec::new());
        if let Some(key) = &self.config.key {
            let _ = key(parts, &mut name);
        }
        name.0
    }

    fn rule(&self) -> RateRule {
        RateRule::new(self.each, self.burst.get().into())
    }

    /// Asks all processes, and decides alone if they cannot be asked.
    fn decide_shared(
        self: &Arc<Self>,
        shared: &dyn SharedRate,
        name: &[u8],
        demand: Demand,
    ) -> Verdict {
        if Handle::try_current().is_err() {
            // There is no way to wait for an answer.
            return self.decide(demand);
        }
        let now = Instant::now();
        let patience = demand
            .until
            .map_or(Duration::MAX, |until| until.saturating_duration_since(now));
        // Before it takes anything: without a place to wait, it takes only what is there. Waiting for the
        // answer of the others counts, but weighs nothing here.
        let place = self.lines.join(demand.subject, 0, true);
        let most = place.as_ref().map_or(Duration::ZERO, |_| patience);
        let wait = match shared.take(name, self.rule(), demand.weight, most) {
            RateTake::Pass => return Verdict::Pass,
            RateTake::NotTaken(NotTaken::Late(wait)) => {
                self.counters.refused.increment();
                if place.is_none() && wait <= patience {
                    return Verdict::Refuse(Refusal::TooManyWaiters(wait));
                }
                return Verdict::Refuse(Refusal::TooManyRequests(wait));
            }
            RateTake::NotTaken(_) => {
                drop(place);
                return self.decide(demand);
            }
            RateTake::Wait(wait) => wait,
        };
        let Some(place) = place else {
            self.counters.refused.increment();
            let wait = self.time(demand, 0);
            return Verdict::Refuse(Refusal::TooManyWaiters(wait));
        };
        self.counters.waited.increment();
        let limiter = Arc::clone(self);
        Verdict::Wait(Box::pin(async move {
            let turn = match wait.await {
                Ok(()) => Ok(()),
                Err(NotTaken::Late(wait)) => Err(Refusal::TooManyRequests(wait)),
                Err(_) => {
                    drop(place);
                    limiter.turn(demand, true).await
                }
            };
            limiter.waited(turn, now)
        }))
    }

    fn decide(self: &Arc<Self>, demand: Demand) -> Verdict {
        if self.passes(demand) {
            return Verdict::Pass;
        }
        if demand.ahead {
            self.counters.refused.increment();
            let wait = self.time(self.with_reserve(demand), self.lines.ahead(demand.subject));
            return Verdict::Refuse(Refusal::TooManyRequests(wait));
        }
        let wait = self.time(demand, self.lines.ahead(demand.subject));
        let now = Instant::now();
        let due = now.checked_add(wait);
        let in_time = |until| due.is_some_and(|due| due <= until);
        let refusal = if !demand.until.is_none_or(in_time) || Handle::try_current().is_err() {
            Refusal::TooManyRequests(wait)
        } else if self.lines.waiters() >= self.config.max_waiters {
            Refusal::TooManyWaiters(wait)
        } else {
            self.counters.waited.increment();
            let limiter = Arc::clone(self);
            return Verdict::Wait(Box::pin(async move {
                let turn = limiter.turn(demand, true).await;
                limiter.waited(turn, now)
            }));
        };
        self.counters.refused.increment();
        Verdict::Refuse(refusal)
    }

    /// Counts a request whose wait is over.
    fn waited(&self, turn: Result<(), Refusal>, since: Instant) -> Result<(), Refusal> {
        self.counters.wait.record(since.elapsed());
        turn.inspect_err(|_| self.counters.refused.increment())
    }

    /// Takes a weight without a key, in line with all others, however long it takes.
    pub(crate) async fn take(&self, weight: u64) {
        let demand = Demand {
            subject: None,
            weight,
            until: None,
            ahead: false,
        };
        if let Some(shared) = &self.config.shared
            && weight > 0
        {
            let taken = match shared.take(&[], self.rule(), weight, Duration::MAX) {
                RateTake::Pass => Ok(()),
                RateTake::NotTaken(reason) => Err(reason),
                RateTake::Wait(wait) => wait.await,
            };
            if taken.is_ok() {
                return;
            }
        }
        if !self.passes(demand) {
            let turn = self.turn(demand, false).await;
            debug_assert!(turn.is_ok(), "it waits without a limit");
        }
    }

    /// Takes the weight of a request, if all of it is there and no other request waits for it.
    fn passes(&self, demand: Demand) -> bool {
        if demand.weight == 0 {
            return true;
        }
        let weight = u32::try_from(demand.weight).ok().and_then(NonZeroU32::new);
        let weight = weight.filter(|weight| *weight <= self.burst);
        self.lines.ahead(demand.subject) == 0
            && !(demand.ahead && self.takes_reserve(demand))
            && weight.is_some_and(|weight| self.check(demand.subject, weight).is_ok())
    }

    /// Reports whether a request would take of the last tenth of a burst, which is for callers who wait.
    fn takes_reserve(&self, demand: Demand) -> bool {
        !self.time(self.with_reserve(demand), 0).is_zero()
    }

    /// Returns a demand for a tenth of a burst more, and for one unit at least.
    fn with_reserve(&self, demand: Demand) -> Demand {
        let reserve = u64::from(self.burst.get()).div_ceil(10);
        Demand {
            weight: demand.weight.saturating_add(reserve),
            ..demand
        }
    }

    /// Waits in line, then for the weight of the request, at most a burst at a time.
    async fn turn(&self, demand: Demand, bounded: bool) -> Result<(), Refusal> {
        let place = self.lines.join(demand.subject, demand.weight, bounded);
        let place = place.ok_or_else(|| {
            let ahead = self.lines.ahead(demand.subject);
            Refusal::TooManyWaiters(self.time(demand, ahead))
        })?;
        let late = || Refusal::TooManyRequests(self.time(demand, place.ahead));
        let _turn = match demand.until {
            None => place.turn.lock().await,
            Some(until) => {
                let turn = timeout_at(until, place.turn.lock()).await;
                turn.map_err(|_| late())?
            }
        };
        let mut left = demand.weight;
        let burst = self.burst.get();
        let next =
            |left| NonZeroU32::new(u32::try_from(left).map_or(burst, |left| left.min(burst)));
        while let Some(part) = next(left) {
            while let Err(when) = self.check(demand.subject, part) {
                if demand.until.is_some_and(|until| until < when) {
                    return Err(late());
                }
                sleep_until(when).await;
            }
            left -= u64::from(part.get());
        }
        Ok(())
    }

    /// Takes a weight up to the burst, or returns the time at which it could be there.
    fn check(&self, subject: Subject, weight: NonZeroU32) -> Result<(), Instant> {
        let checked = self.governor.check_key_n(&subject, weight);
        checked
            .expect("no more than a burst is asked for")
            .map_err(|not_until| {
                let now = TokioClock.now();
                now.0 + not_until.wait_time_from(now)
            })
    }

    /// Returns the time until the request could pass, if all that wait before it stay.
    fn time(&self, demand: Demand, ahead: u64) -> Duration {
        let weight = ahead.saturating_add(demand.weight);
        let used = weight.saturating_mul(self.each);
        let room = u64::from(self.burst.get()).saturating_mul(self.each);
        let until_full = self.buckets.until_full(demand.subject);
        Duration::from_nanos(until_full.saturating_add(used).saturating_sub(room))
    }

    pub(crate) fn stats(&self) -> LimitStats {
        let present = (self.lines.waiters(), self.buckets.len());
        self.counters.read(present)
    }
}

/// The bytes that a key writes when it is hashed. They are the same in all processes of a build.
struct Name(Vec<u8>);

impl Hasher for Name {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Keys only write.
    fn finish(&self) -> u64 {
        0
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
