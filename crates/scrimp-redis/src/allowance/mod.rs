//! Limits on money that the processes of a fleet share.

mod account;
mod accounts;
mod asking;
mod builder;
#[cfg(feature = "metrics")]
mod metered;
mod reply;
mod stats;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use scrimp_core::{AllowanceAccount, SharedAllowance, Take};
use tokio::{task::AbortHandle, time::Instant};

use self::{
    account::Taken,
    accounts::{Accounts, Known, Place},
    asking::Asking,
    builder::Config,
    reply::LARGEST,
    stats::Counts,
};
use crate::client::{Channel, Listener, RedisClient};

pub use builder::RedisAllowanceBuilder;
pub use stats::RedisAllowanceStats;

/// Limits on money that the processes of a fleet share. Goes to a budget of a cost-routing layer.
///
/// ```no_run
/// use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Provider};
/// use scrimp_redis::{RedisAllowance, RedisClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), scrimp_core::SettingError> {
/// let redis = RedisClient::builder(["redis://127.0.0.1:6379"]).build()?;
/// let allowance = RedisAllowance::builder(&redis).build()?;
/// let budget = Budget::shared([Cap::new("a day", "25", Period::Day)], allowance.clone());
/// let provider = Provider::new("one").endpoint("https://one.example").price("0.01");
/// let layer = CostRouteLayer::builder([provider]).budget(budget).build()?;
/// // Before the process ends, for the others:
/// allowance.give_back().await;
/// # let _ = layer; Ok(()) }
/// ```
///
/// # Leases
///
/// Redis keeps what was used of an account, and what each process holds of the rest: its lease. A
/// process takes amounts from its lease without asking, and reports what was used with its next message.
/// All decisions are made by one script, in one step, with exact integers.
///
/// - While much is left, a lease is for [256 calls](RedisAllowanceBuilder::lease_calls), and more is
///   fetched in the background before it is used up. The less is left and the more processes there are,
///   the shorter it is, down to the amount of one call.
/// - If too little is left, the other processes are asked to return what they hold free. A request is
///   refused only if that is not enough: what calls under way have reserved counts as used, as in one
///   process.
/// - From then on, what a call has left over is returned when it ends, and processes that were refused
///   hear of it.
///
/// # Failure
///
/// A process renews its leases every 15 s, and gives back those that it does not use. A process that is
/// gone loses them [45 s](RedisAllowanceBuilder::lease) after its last message, and [`WhenLost`] says
/// what becomes of them. One that was only stopped knows by its own clock, before Redis does, that it
/// has none any more; what it has used meanwhile it reports when it runs again.
///
/// While Redis does not answer, [`WhenUnreachable`] says what becomes of amounts that no lease covers. A
/// budget cannot tell a refusal for that reason from that of a limit which is used up: its status and the
/// time at which to come again are those of the limit. [`RedisAllowanceStats::failed`] counts the messages
/// that were not answered.
///
/// A Redis that has lost an account (it began empty, a replica that lagged became the primary, or the
/// account was evicted) learns what each process has used from the next message of each. Until all have
/// reported, at most 15 s, the limit may be exceeded, by up to what those have used that have not. What a
/// process has used that is gone, or has forgotten the account, stays unknown. So let Redis write an
/// append-only file, and use the eviction policy `noeviction`, or a server of its own.
///
/// Periods begin and end by the clock of Redis. No decision compares the clocks of two processes.
#[derive(Clone)]
pub struct RedisAllowance(Arc<Inner>);

/// Policy for the lease of a process that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenLost {
    /// All of it can be used again. What the process has used since its last message, at most the
    /// lease, is exceeded, unless the process comes back: then it counts.
    #[default]
    GiveBack,
    /// All of it counts as used, so that nothing is exceeded. If the process was stopped and comes back,
    /// only what it has used counts.
    CountAsUsed,
}

/// Policy for the time in which Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenUnreachable {
    /// Uses leases to their end, and refuses what is beyond.
    #[default]
    SpendLease,
    /// Refuses from the first message that is not answered.
    Refuse,
    /// Goes on without a limit, and reports what was used when Redis answers again.
    GoOn,
}

struct Inner {
    client: RedisClient,
    config: Config,
    /// Name of this process.
    process: String,
    channel: String,
    accounts: Mutex<Accounts>,
    /// Time of the server, and when it was known.
    clock: Mutex<Option<(Instant, u64)>>,
    counts: Counts,
    listener: Mutex<Option<Arc<dyn Listener>>>,
    /// The task that renews leases.
    refreshing: Mutex<Option<AbortHandle>>,
}

/// Hears what other processes need.
#[derive(Debug)]
struct Bell(Weak<Inner>);

// === impl RedisAllowance ===

impl RedisAllowance {
    /// Starts a builder.
    pub fn builder(client: &RedisClient) -> RedisAllowanceBuilder {
        RedisAllowanceBuilder::new(client.clone())
    }

    fn with(client: RedisClient, config: Config) -> Self {
        let channel = format!("{}:leases", config.prefix);
        let inner = Arc::new(Inner {
            accounts: Mutex::new(Accounts::new(config.max_accounts)),
            process: format!("{:032x}", fastrand::u128(..)),
            channel,
            client,
            config,
            clock: Mutex::default(),
            counts: Counts::default(),
            listener: Mutex::default(),
            refreshing: Mutex::default(),
        });
        let listener: Arc<dyn Listener> = Arc::new(Bell(Arc::downgrade(&inner)));
        let released = Channel {
            name: inner.channel.as_bytes().into(),
            sharded: false,
        };
        inner.client.listen(&released, &listener);
        *inner.listener.lock() = Some(listener);
        Self(inner)
    }

    /// Returns the counts of this process.
    #[must_use]
    pub fn stats(&self) -> RedisAllowanceStats {
        self.0.counts.read(self.0.accounts.lock().len())
    }

    /// Gives back what no call has reserved, so that other processes need not wait until the leases of
    /// this one end. For a process that is about to end.
    pub async fn give_back(&self) {
        let places: Vec<Arc<Place>> = {
            let mut accounts = self.0.accounts.lock();
            let known = accounts.iter_mut();
            known
                .filter_map(|known| known.account.close().then(|| Arc::clone(&known.place)))
                .collect()
        };
        let all: Vec<Asking> = places
            .into_iter()
            .map(|place| Asking::new(&self.0, place))
            .collect();
        for asking in all {
            asking.run().await;
        }
    }
}

impl SharedAllowance for RedisAllowance {
    fn wall(&self, own: SystemTime) -> SystemTime {
        let clock = *self.0.clock.lock();
        clock.map_or(own, |(since, time)| {
            UNIX_EPOCH + Duration::from_millis(time) + since.elapsed()
        })
    }

    fn take(&self, account: &AllowanceAccount, amount: u128) -> Take {
        self.0.take(account, amount)
    }

    fn settle(&self, account: &AllowanceAccount, taken: u128, used: u128) {
        self.0.settle(account, taken, used);
    }

    fn used(&self, account: &AllowanceAccount) -> Option<u128> {
        self.0.accounts.lock().get(account)?.account.total
    }
}

impl fmt::Debug for RedisAllowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAllowance")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn take(self: &Arc<Self>, account: &AllowanceAccount, amount: u128) -> Take {
        if amount > account.limit.min(LARGEST) {
            self.counts.refused.increment();
            return Take::Refused;
        }
        let only_up = self.config.when_unreachable == WhenUnreachable::Refuse;
        let mut accounts = self.accounts.lock();
        let Some(known) = accounts.open(&self.config.prefix, account) else {
            self.counts.refused.increment();
            return Take::Refused;
        };
        let Known { account, place } = known;
        match account.take(amount, only_up, Instant::now()) {
            Taken::Yes(more) => {
                self.counts.taken.increment();
                if more {
                    let place = Arc::clone(place);
                    drop(accounts);
                    self.start_asking(place);
                }
                Take::Taken
            }
            Taken::Down if self.config.when_unreachable == WhenUnreachable::GoOn => {
                account.take_unbacked(amount);
                self.counts.taken.increment();
                self.counts.unbacked.increment();
                Take::Taken
            }
            Taken::No | Taken::Down => {
                self.counts.refused.increment();
                Take::Refused
            }
            Taken::Ask(begin, mut news) => {
                self.counts.waited.increment();
                if begin {
                    let place = Arc::clone(place);
                    drop(accounts);
                    self.start_asking(place);
                }
                Take::Wait(Box::pin(async move {
                    let _ = news.changed().await;
                }))
            }
        }
    }

    fn settle(self: &Arc<Self>, account: &AllowanceAccount, taken: u128, used: u128) {
        let mut accounts = self.accounts.lock();
        // An account with a reservation is not forgotten.
        let Some(Known { account, place }) = accounts.get(account) else {
            return;
        };
        if account.settle(taken, used.min(LARGEST), Instant::now()) {
            let place = Arc::clone(place);
            drop(accounts);
            self.start_asking(place);
        } else {
            place.bell.notify_one();
        }
    }

    /// Starts the task that asks about an account. Not under the lock: without a runtime, the task ends
    /// here.
    fn start_asking(self: &Arc<Self>, place: Arc<Place>) {
        let asking = Asking::new(self, place);
        self.start_refreshing();
        self.client.spawn("redis.lease", asking.run());
    }

    /// Starts the task that renews leases and gives back those that are not used.
    fn start_refreshing(self: &Arc<Self>) {
        let mut task = self.refreshing.lock();
        // It ends early only with its runtime.
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let (inner, every) = (Arc::downgrade(self), self.config.lease / 3);
            *task = self
                .client
                .spawn("redis.leases", asking::refresh(inner, every));
        }
    }
}

// === impl Bell ===

impl Listener for Bell {
    fn message(&self, payload: &[u8]) {
        let (Some(inner), Ok(text)) = (self.0.upgrade(), std::str::from_utf8(payload)) else {
            return;
        };
        let mut accounts = inner.accounts.lock();
        if let Some(digest) = text.strip_prefix('r') {
            let Some(Known { account, place }) = accounts.by_digest(digest) else {
                return;
            };
            inner.counts.recalled.increment();
            if account.recall() {
                let place = Arc::clone(place);
                drop(accounts);
                inner.start_asking(place);
            } else {
                place.bell.notify_one();
            }
        } else if let Some(digest) = text.strip_prefix('f')
            && let Some(Known { account, place }) = accounts.by_digest(digest)
        {
            account.freed();
            place.bell.notify_one();
        }
    }

    fn interrupted(&self) {
        let Some(inner) = self.0.upgrade() else {
            return;
        };
        // A message may have said that something was returned.
        for Known { account, place } in inner.accounts.lock().iter_mut() {
            account.freed();
            place.bell.notify_one();
        }
    }
}

/// Returns the milliseconds since 1970. No end is 0.
fn milliseconds(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
