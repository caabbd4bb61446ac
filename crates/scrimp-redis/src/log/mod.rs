//! The log of invalidations of a fleet.

mod builder;
mod driver;
#[cfg(feature = "metrics")]
mod metered;
mod protocol;
mod server;
#[cfg(test)]
mod simulation;
mod stats;
#[cfg(test)]
mod tests;
mod wire;

use std::{fmt, sync::Arc};

use scrimp_cache::SharedLog;
use scrimp_core::Tasks;
use tokio::sync::{Notify, watch};

use self::{
    driver::Driver,
    protocol::{Head, Timing},
    server::ServerLog,
    stats::Counts,
};
use crate::client::RedisClient;

pub use builder::RedisLogBuilder;
pub use protocol::WhenBehind;
pub use stats::RedisLogStats;

/// The log of invalidations that the processes of a fleet share, in Redis.
///
/// Every invalidation of a layer (of any kind, hard or soft, and those that clients' unsafe requests
/// cause) holds in its own process before the call returns, and in all others a few milliseconds
/// later. A process that may have missed one notices it, and [does without](WhenBehind) what is
/// stored until it has caught up.
///
/// ```no_run
/// use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
/// use scrimp_redis::{RedisClient, RedisLog};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), scrimp_core::SettingError> {
/// let redis = RedisClient::builder(["redis://127.0.0.1:6379"]).build()?;
/// let log = RedisLog::builder(&redis).build()?;
/// let cache = CacheLayer::builder(MemoryStore::new(64 << 20))
///     .shared_log(log.shared())
///     .build()?;
/// cache.invalidator().invalidate(&Invalidation::tag("product:42")); // in all processes
/// # Ok(()) }
/// ```
///
/// # Protocol
///
/// The stream is the truth, and Pub/Sub only the bell. An append is one script: it adds the record to
/// a stream, under the next number of a counter, and publishes the record with the name of the one
/// before it. A process applies a message whose predecessor is the last record that it has applied.
/// Otherwise it reads the stream from there on, as it does at the start, when its connection was
/// interrupted, and when it has heard nothing for 2.5 s. One elected process beats each second, so
/// that silence means something.
///
/// The first invalidation after a pause is appended at once; those of the next 5 ms are gathered. A
/// record that cannot be appended is kept, and appended before the writer calls itself caught up. If Redis takes no
/// writes (no memory to spare, a disk that is full, too few replicas), the writer tells the others by messages without
/// a place in the log. They hold what they are told at once, and each of them appends it when Redis takes writes
/// again, in case the writer is gone by then. The writer repeats all of it after 1, 2, 4 and every 8 refusals for
/// processes that come later. Equal invalidations wait once; more than
/// 65,536 different ones are replaced by one of everything. A record may be appended twice, which costs
/// calls, never a stale response.
///
/// Names of records have a number that only they have, and a log has an identifier that only it has.
/// So a process notices
///
/// - a Redis that has lost everything: it begins the new log, and uses nothing older;
/// - a Redis that has lost the last records, such as a replica that lagged and became the primary:
///   it replaces the log by a new one, as other processes may have missed what it has seen. A record
///   is lost unseen only if every process that has seen it is gone too;
/// - records that were removed before it read them: it uses nothing older;
/// - a record that it cannot read: it counts as an invalidation of everything.
///
/// No decision compares the clocks of two machines.
///
/// # Bounds
///
/// A connected process applies an invalidation as soon as its message comes. If a message does not
/// come, it notices that with the next one, or with the next beat. If none comes, it asks after
/// 2.5 s, and has no answer 0.5 s later: 3 s after an invalidation, no process that runs uses what it
/// hit. A process that is stopped as a whole (SIGSTOP, a paused virtual machine) answers the requests
/// that reach it in the moment of its return before it has read its messages. An invalidation of a
/// process that cannot reach Redis holds there at once, and elsewhere when the log has it. One that Redis does not
/// take into the log holds in all processes that hear its message, and in those that connect later once it is
/// repeated: within 8 s, unless the writer is gone by then. While two
/// servers take themselves for the primary, each has a log of its own; the processes notice it when
/// they are on one server again.
///
/// # Runtime and end
///
/// The log needs a tokio runtime when it is built. It ends with the last handle; the layer then
/// uses nothing that is stored.
#[derive(Clone)]
pub struct RedisLog(Arc<Inner>);

struct Inner {
    shared: SharedLog,
    state: watch::Receiver<State>,
    counts: Arc<Counts>,
    _tasks: Tasks,
}

/// State of the log, as others may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    caught_up: bool,
    at: Option<Head>,
    /// Flag that all own invalidations have come back with their positions.
    settled: bool,
}

// === impl RedisLog ===

impl RedisLog {
    /// Starts a builder with the default settings.
    pub fn builder(client: &RedisClient) -> RedisLogBuilder {
        RedisLogBuilder::new(client.clone())
    }

    fn start(server: ServerLog, timing: Timing) -> Self {
        let queued = Arc::new(Notify::new());
        let wake = Arc::clone(&queued);
        let (shared, replica) = SharedLog::new(move || wake.notify_one());
        let (sender, state) = watch::channel(State::default());
        let (tasks, counts) = (Tasks::default(), Arc::new(Counts::default()));
        let driver = Driver::new(server, replica, timing, queued, sender, Arc::clone(&counts));
        if tasks.start("redis.log", driver.run()).is_none() {
            tracing::error!("the log of invalidations needs a runtime; nothing stored is used");
        }
        Self(Arc::new(Inner {
            shared,
            state,
            counts,
            _tasks: tasks,
        }))
    }

    /// Returns the log for a layer, and for the codec of a store.
    #[must_use]
    pub fn shared(&self) -> &SharedLog {
        &self.0.shared
    }

    /// Returns the counts since the log was built, and its state.
    #[must_use]
    pub fn stats(&self) -> RedisLogStats {
        let state = *self.0.state.borrow();
        RedisLogStats {
            caught_up: state.caught_up,
            position: state.at.map_or(0, |head| head.last.at),
            ..self.0.counts.read()
        }
    }

    /// Waits until everything appended up to now is applied, as far as can be known. A process that
    /// begins with a cold cache may want to.
    pub async fn caught_up(&self) {
        self.wait_for(|state| state.caught_up).await;
    }

    /// Waits until all invalidations of this process have been appended, and have come back.
    ///
    /// They hold in this process anyway. Wait for it before the end of a process whose invalidations
    /// matter to others.
    pub async fn settled(&self) {
        // The state tells when to look again. It may not know of an invalidation of this moment.
        let shared = &self.0.shared;
        self.wait_for(|state| state.settled && shared.is_settled())
            .await;
    }

    /// Waits until the record at a position of the present log is applied here.
    pub async fn reached(&self, position: u64) {
        self.wait_for(|state| state.at.is_some_and(|head| head.last.at >= position))
            .await;
    }

    async fn wait_for(&self, is_there: impl FnMut(&State) -> bool) {
        let mut state = self.0.state.clone();
        if state.wait_for(is_there).await.is_err() {
            // The task ended with its runtime.
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
