//! Servers of all accounts, in virtual time.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    account::{Spec, State},
    trace::Demand,
    world::World,
};

/// Seconds of a call that is refused or fails.
const FAIL_TIME: f64 = 0.2;

/// Servers of all accounts.
pub(super) struct Servers {
    pub(super) world: Arc<World>,
    start: Instant,
    accounts: Vec<(Mutex<State>, Semaphore)>,
    counts: Mutex<Counts>,
}

/// Counts of the servers.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) dollars: f64,
    pub(super) calls: u64,
    /// Calls above the quota.
    pub(super) throttled: u64,
    /// Tokens of prompts, and those that came from a cache.
    pub(super) tokens: u64,
    pub(super) cached: u64,
}

/// Answer of a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Served {
    Answer {
        cached: u64,
    },
    Failed,
    /// Above the quota, with the seconds until there is room.
    Throttled(f64),
}

/// A call that is worked on. What was written of the answer is paid, also if the caller leaves.
struct Writing<'a> {
    counts: &'a Mutex<Counts>,
    began: Instant,
    seconds: f64,
    dollars: f64,
}

// === impl Servers ===

impl Servers {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        let account = |spec: &Spec| {
            let slots = spec.slots.min(Semaphore::MAX_PERMITS);
            (Mutex::new(State::new(spec)), Semaphore::new(slots))
        };
        Arc::new(Self {
            accounts: world.specs.iter().map(account).collect(),
            world: Arc::clone(world),
            start: Instant::now(),
            counts: Mutex::default(),
        })
    }

    pub(super) fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Returns the time of a second since the start.
    pub(super) fn instant(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.lock().clone()
    }

    /// Counts requests that were answered in a batch job.
    pub(super) fn pay(&self, dollars: f64) {
        self.counts.lock().dollars += dollars;
    }

    /// Returns an account's quota, what is left of it, and the seconds until it is full.
    pub(super) fn quota(&self, index: usize) -> Option<[f64; 3]> {
        let quota = self.world.specs[index].quota?;
        let (left, reset) = self.accounts[index].0.lock().left(quota, self.now());
        Some([quota, left, reset])
    }

    pub(super) async fn call(&self, index: usize, demand: &Demand) -> Served {
        let spec = &self.world.specs[index];
        let (state, slots) = &self.accounts[index];
        let draw = spec.draw(demand, index);
        self.counts.lock().calls += 1;
        let admitted = match spec.is_down(self.now()) || draw.fails {
            true => Ok(None),
            false => {
                let mut state = state.lock();
                let admitted = state.admit(spec, demand, self.now());
                admitted.map(|()| Some(state.cached(spec, demand, self.now())))
            }
        };
        let cached = match admitted {
            Ok(Some(cached)) => cached,
            Ok(None) => {
                sleep(Duration::from_secs_f64(FAIL_TIME)).await;
                return Served::Failed;
            }
            Err(wait) => {
                self.counts.lock().throttled += 1;
                sleep(Duration::from_secs_f64(FAIL_TIME)).await;
                return Served::Throttled(wait);
            }
        };
        let [prompt, answer] = spec.dollars(demand, cached);
        {
            let mut counts = self.counts.lock();
            counts.dollars += prompt;
            counts.tokens += demand.input;
            counts.cached += cached;
        }
        let _slot = slots.acquire().await.expect("it is never closed");
        let seconds = spec.seconds(draw, demand, cached);
        let writing = Writing {
            counts: &self.counts,
            began: Instant::now(),
            seconds,
            dollars: answer,
        };
        sleep(Duration::from_secs_f64(seconds)).await;
        drop(writing);
        Served::Answer { cached }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let share = self.began.elapsed().as_secs_f64() / self.seconds;
        self.counts.lock().dollars += self.dollars * share.min(1.0);
    }
}
