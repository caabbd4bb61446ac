//! Rates that the processes of a fleet share.

#[cfg(feature = "metrics")]
mod metered;
mod stats;
mod subject;
mod subjects;

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use parking_lot::Mutex;
use redis::Value;
use scrimp_core::{NotTaken, RateRule, RateTake, SharedRate};
use tokio::time::{Instant, sleep_until};

use self::{
    stats::Counts,
    subject::{Asked, Demand, Granted},
    subjects::{Place, Subjects},
};
use crate::client::{Failure, RedisClient, Script};

pub use stats::RedisRateStats;

static RATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rate.lua")));

/// Limits that a process knows at a time.
const MOST: usize = 65_536;

/// Longest wait that the script counts with, in nanoseconds.
const LONGEST: u64 = 30_000_000_000_000_000;

/// Rate limits that the processes of a fleet share. Goes to a limit layer.
///
/// ```no_run
/// use scrimp_limit::LimitLayer;
/// use scrimp_redis::{RedisClient, RedisRate};
///
/// # fn main() -> Result<(), scrimp_core::SettingError> {
/// let redis = RedisClient::builder(["redis://127.0.0.1:6379"]).build()?;
/// let rate = RedisRate::new(&redis, "upstream");
/// let limit = LimitLayer::per_second(1_000).shared(rate).build()?;
/// # let _ = limit; Ok(()) }
/// ```
///
/// Redis keeps one number for each limit: the time in which it is full again, by its own clock. A
/// process takes units for the requests that wait, each with the time at which it is there, and further
/// ones for the requests to come, at most as many as it has used of late. What is not used lapses after
/// a quarter of the time in which the limit fills up, and 10 s at most; then it is replenished. So a
/// process that is gone takes nothing along. Units that are kept in this way count towards the burst, so
/// that all processes together do not exceed it.
///
/// A request that would wait for too long takes nothing from the others. Redis decides that by its clock, so
/// that a request may wait longer than it should by the time of one answer. After a clock of Redis that was
/// set back, time passes from the next request on.
///
/// While Redis does not answer, each process keeps to the limit on its own. It knows 65,536 limits at a
/// time, and keeps to further ones on its own, too.
#[derive(Clone)]
pub struct RedisRate(Arc<Inner>);

struct Inner {
    client: RedisClient,
    prefix: String,
    subjects: Mutex<Subjects>,
    counts: Counts,
}

// === impl RedisRate ===

impl RedisRate {
    /// Returns the limits of this name. Processes share limits of the same name.
    #[must_use]
    pub fn new(client: &RedisClient, name: &str) -> Self {
        Self(Arc::new(Inner {
            client: client.clone(),
            prefix: format!("scrimp:rate:{name}"),
            subjects: Mutex::new(Subjects::new(MOST)),
            counts: Counts::default(),
        }))
    }

    /// Returns the counts of this process.
    #[must_use]
    pub fn stats(&self) -> RedisRateStats {
        self.0.counts.read(self.0.subjects.lock().len())
    }
}

impl SharedRate for RedisRate {
    fn take(&self, subject: &[u8], rule: RateRule, weight: u64, most: Duration) -> RateTake {
        self.0.take(subject, rule, weight, most)
    }
}

impl fmt::Debug for RedisRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRate")
            .field("prefix", &self.0.prefix)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn take(
        self: &Arc<Self>,
        name: &[u8],
        rule: RateRule,
        weight: u64,
        most: Duration,
    ) -> RateTake {
        if weight == 0 {
            return RateTake::Pass;
        }
        let now = Instant::now();
        let (asked, place) = {
            let mut subjects = self.subjects.lock();
            let Some((subject, place)) = subjects.open(&self.prefix, name, rule, now) else {
                return RateTake::NotTaken(NotTaken::Unknown);
            };
            let asked = subject.take(weight, most, now);
            let begin = matches!(asked, Asked::At(_, true) | Asked::Wait(_, true));
            (asked, begin.then(|| Arc::clone(place)))
        };
        if let Some(place) = place {
            self.start_asking(place);
        }
        match asked {
            Asked::At(at, _) => {
                self.counts.taken.increment();
                match at <= now {
                    true => RateTake::Pass,
                    false => RateTake::Wait(Box::pin(async move {
                        sleep_until(at).await;
                        Ok(())
                    })),
                }
            }
            Asked::No(reason) => {
                self.counts.count(reason);
                RateTake::NotTaken(reason)
            }
            Asked::Wait(turn, _) => {
                let inner = Arc::clone(self);
                RateTake::Wait(Box::pin(async move {
                    let at = turn.await.unwrap_or(Err(NotTaken::Unknown));
                    let at = at.inspect_err(|reason| inner.counts.count(*reason))?;
                    inner.counts.taken.increment();
                    if at > Instant::now() {
                        sleep_until(at).await;
                    }
                    Ok(())
                }))
            }
        }
    }

    /// Starts the task that asks for units of a limit. Not under the lock: without a runtime, the task
    /// ends here.
    fn start_asking(self: &Arc<Self>, place: Arc<Place>) {
        let asking = Asking {
            inner: Arc::clone(self),
            place,
            done: false,
        };
        self.client.spawn("redis.rate", asking.run());
    }

    /// Asks for units of a limit until none are waited for.
    async fn ask(&self, place: &Place) {
        loop {
            let Some((demand, lease)) = self.subjects.lock().with(place, |subject| {
                (subject.demand(Instant::now()), subject.lease())
            }) else {
                break;
            };
            self.counts.calls.increment();
            let answer = self.send(place, &demand, lease).await;
            if let Err(error) = &answer {
                self.counts.failed.increment();
                tracing::debug!(%error, "no answer about a rate limit");
            }
            let again = self.subjects.lock().with(place, |subject| match answer {
                Ok(granted) => subject.answered(&demand, granted, Instant::now()),
                Err(_) => {
                    subject.failed(Instant::now());
                    false
                }
            });
            if again != Some(true) {
                break;
            }
        }
    }

    async fn send(
        &self,
        place: &Place,
        demand: &Demand,
        lease: Duration,
    ) -> Result<Granted, Failure> {
        let key = &place.key[..];
        let ready = self.client.admit(key).ok_or(Failure::Open)?;
        let nanos = |time: Duration| {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(LONGEST);
            nanos.min(LONGEST)
        };
        let (each, burst) = (place.rule.each(), place.rule.burst());
        let mut numbers = vec![each, burst, demand.wish, nanos(lease)];
        let needs = demand.needs.iter();
        numbers.extend(needs.flat_map(|(units, longest)| [*units, nanos(*longest)]));
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let arguments: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        let value = RATE.run(ready, &[key], &arguments).await?;
        read(&value).ok_or(Failure::TimedOut)
    }
}

/// Lets another task ask if this one ends too early, with its runtime or before it began.
struct Asking {
    inner: Arc<Inner>,
    place: Arc<Place>,
    done: bool,
}

// === impl Asking ===

impl Asking {
    async fn run(mut self) {
        self.inner.ask(&self.place).await;
        self.done = true;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.done {
            let failed = |subject: &mut subject::Subject| subject.failed(Instant::now());
            self.inner.subjects.lock().with(&self.place, failed);
        }
    }
}

/// Reads an answer. `None` if it is none.
fn read(value: &Value) -> Option<Granted> {
    let Value::Array(parts) = value else {
        return None;
    };
    let [units, first, next] = &parts[..] else {
        return None;
    };
    let number = |value: &Value| match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse::<i64>().ok(),
        _ => None,
    };
    Some(Granted {
        units: u64::try_from(number(units)?).ok()?,
        first: number(first)?,
        next: number(next)?,
    })
}
