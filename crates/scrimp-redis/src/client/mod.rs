//! The connection to Redis that stores and locks share, and what becomes of them without it.

mod builder;
mod channels;
mod config;
mod endpoint;
mod error;
mod keeper;
mod link;
#[cfg(feature = "metrics")]
mod metered;
mod ready;
mod script;
mod stats;
mod tls;

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::{Cmd, Value};
use scrimp_core::{BreakerChange, BreakerPass, SettingError, Tasks};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::{Instant, timeout},
};

pub(crate) use channels::Channel;
use channels::Channels;
use config::{Config, Hook};
pub(crate) use endpoint::Endpoint;
use endpoint::Endpoints;
pub(crate) use endpoint::Since;
use link::{Link, To, Topology};
use stats::Counts;

pub use builder::RedisClientBuilder;
pub(crate) use channels::Listener;
pub(crate) use error::Failure;
pub(crate) use ready::Ready;
pub(crate) use script::Script;
pub use stats::{Degradation, RedisStats};

/// A connection to Redis 6 or later: one server, the primary of a set that sentinels watch, or a
/// cluster. Stores and locks share it; a clone is another handle on the same connection.
///
/// It never makes a request wait for a server that does not answer:
///
/// - A command has [40 ms](RedisClientBuilder::command_timeout). The first one that fails opens the
///   breaker of its server, and until that has recovered, commands to it fail at once.
/// - A task in the background probes such a server, first at once, then ever more rarely, down to
///   the [health interval](RedisClientBuilder::health_interval). When it answers, one command tries;
///   its success closes the breaker.
/// - A server that answers, but later than a command may take, stays left alone by requests. The log of
///   invalidations, for which no request waits, goes on over such a link.
/// - In a cluster, each node has a breaker of its own: keys of other nodes are not affected.
/// - Each health check also asks sentinels for the primary, and a cluster for its slots.
///
/// Nothing is sent before the first use. The task ends with the last handle.
///
/// ```no_run
/// use scrimp_redis::RedisClient;
///
/// # fn main() -> Result<(), scrimp_core::SettingError> {
/// let redis = RedisClient::builder(["redis://127.0.0.1:6379/0"])
///     .notify_degraded(|change| eprintln!("{change}"))
///     .build()?;
/// let cluster = RedisClient::builder(["redis://10.0.0.1", "redis://10.0.0.2"]).cluster().build()?;
/// # let _ = (redis, cluster); Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisClient(Arc<Owner>);

/// State that ends the tasks when the last handle is gone.
struct Owner {
    shared: Arc<Shared>,
    tasks: Tasks,
    keeper: Mutex<Option<AbortHandle>>,
}

/// State that the task in the background shares.
struct Shared {
    topology: Topology,
    endpoints: Endpoints,
    channels: Arc<Channels>,
    links: watch::Sender<Option<Link>>,
    /// Wakes the keeper after a failure.
    woken: Notify,
    counts: Counts,
    hook: Option<Hook>,
    command_timeout: Duration,
    connect_timeout: Duration,
    health_interval: Duration,
}

// === impl RedisClient ===

impl RedisClient {
    /// Starts a builder from the URLs of one server, of sentinels or of nodes of a cluster:
    /// `redis://[user][:password@]host[:port][/database]`, `rediss://` for TLS, or `unix:///path`.
    pub fn builder<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisClientBuilder {
        RedisClientBuilder::new(urls.into_iter().map(Into::into).collect())
    }

    fn with(config: Config) -> Result<Self, SettingError> {
        let channels = Arc::default();
        let topology = config.topology(&channels)?;
        let shared = Shared {
            endpoints: Endpoints::one(topology.name()),
            topology,
            channels,
            links: watch::Sender::new(None),
            woken: Notify::new(),
            counts: Counts::default(),
            hook: config.hook,
            command_timeout: config.command_timeout,
            connect_timeout: config.connect_timeout,
            health_interval: config.health_interval,
        };
        Ok(Self(Arc::new(Owner {
            shared: Arc::new(shared),
            tasks: Tasks::default(),
            keeper: Mutex::default(),
        })))
    }

    /// Returns the counts since the client was built, and the present state.
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        self.0.shared.stats()
    }

    /// Waits for a connection. Without this, the first requests of a program may go on without
    /// Redis.
    pub async fn connected(&self) {
        self.start();
        let shared = &self.0.shared;
        let mut links = shared.links.subscribe();
        while shared.link().is_none() {
            if links.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns a permission to send a command about a key. `None` if its server does not serve, and
    /// the caller must do without.
    pub(crate) fn admit(&self, key: &[u8]) -> Option<Ready> {
        let endpoint = self.0.shared.endpoints.of(key);
        let Some(pass) = endpoint.breaker.admit() else {
            self.0.shared.counts.not_sent.increment();
            self.start_again();
            return None;
        };
        Some(Ready {
            limit: self.0.shared.command_timeout,
            client: self.clone(),
            endpoint,
            pass: Some(pass),
            insists: false,
        })
    }

    /// Returns a permission to send a command about a key that no request waits for. Its server may be
    /// too slow for those that one waits for; then the command says nothing about it.
    pub(crate) fn insist(&self, key: &[u8]) -> Ready {
        let endpoint = self.0.shared.endpoints.of(key);
        let pass = endpoint.breaker.admit();
        if pass.is_none() {
            self.start_again();
        }
        Ready {
            limit: self.0.shared.command_timeout,
            client: self.clone(),
            endpoint,
            pass,
            insists: true,
        }
    }

    /// Reports whether the server of a key serves.
    pub(crate) fn serves(&self, key: &[u8]) -> bool {
        let endpoints = &self.0.shared.endpoints;
        endpoints.see(key, |endpoint| endpoint.breaker.is_closed())
    }

    /// Returns the time since a moment on the clock of the server that holds a key, in milliseconds
    /// since 1970.
    pub(crate) fn since(&self, key: &[u8], moment: u64) -> Since {
        let endpoints = &self.0.shared.endpoints;
        endpoints.see(key, |endpoint| endpoint.clock.since(moment))
    }

    /// Sends a command about a key on the present connection, though its server may not serve: it
    /// takes effect behind what was sent before. For those that nothing waits for.
    pub(crate) async fn send_behind(&self, key: &[u8], mut command: Cmd) -> Result<Value, Failure> {
        let shared = &self.0.shared;
        let mut link = shared.link().ok_or(Failure::Open)?;
        let limit = shared.health_interval;
        let reply = link.send(&mut command, To::Key(key), limit).await;
        reply.map_err(Failure::of)
    }

    /// Sends a command to a server, which may not serve. For those that nothing waits for.
    pub(crate) async fn send_to(
        &self,
        endpoint: &Endpoint,
        mut command: Cmd,
        limit: Duration,
    ) -> Result<Value, Failure> {
        let shared = &self.0.shared;
        if shared.link().is_none() {
            self.start();
        }
        let mut link = shared.first_link(endpoint).await.ok_or(Failure::Open)?;
        let to = endpoint.address.as_ref().map_or(To::Any, To::Node);
        let reply = link.send(&mut command, to, limit).await;
        reply.map_err(Failure::of)
    }

    /// Returns the servers: those of a cluster that hold keys, or the only one.
    pub(crate) fn servers(&self) -> Vec<Arc<Endpoint>> {
        self.0.shared.endpoints.all()
    }

    /// Returns the time that a command has.
    pub(crate) fn command_timeout(&self) -> Duration {
        self.0.shared.command_timeout
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.0.shared.topology.is_cluster()
    }

    /// Receives the messages of a channel for as long as the listener is held elsewhere.
    pub(crate) fn listen(&self, channel: &Channel, listener: &Arc<dyn Listener>) {
        self.0.shared.channels.add(channel, listener);
        // A connection that is there already does not know of the channel.
        if let Some(link) = self.0.shared.link() {
            let (shared, channel) = (Arc::clone(&self.0.shared), channel.clone());
            self.spawn("redis.subscribe", async move {
                shared.subscribe(link, &channel).await;
            });
        }
    }

    /// Starts a task that ends with the client.
    pub(crate) fn spawn(
        &self,
        work: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        self.0.tasks.start(work, task)
    }

    /// Starts the keeper, unless it runs.
    fn start(&self) {
        let mut keeper = self.0.keeper.lock();
        // It ends early only with its runtime.
        if keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            let shared = Arc::clone(&self.0.shared);
            *keeper = self.0.tasks.start("redis.keeper", keeper::keep(shared));
        }
    }

    fn start_again(&self) {
        if let Some(keeper) = self.0.keeper.try_lock()
            && keeper.as_ref().is_some_and(AbortHandle::is_finished)
        {
            drop(keeper);
            self.start();
        }
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn link(&self) -> Option<Link> {
        self.links.borrow().clone()
    }

    /// Waits for a connection, for as long as for a command.
    async fn first_link(&self, endpoint: &Endpoint) -> Option<Link> {
        let mut links = self.links.subscribe();
        let there = links.wait_for(|link| link.is_some() || endpoint.breaker.is_open());
        timeout(self.command_timeout, there)
            .await
            .ok()?
            .ok()?
            .clone()
    }

    /// Lets the commands that wait for a connection see that there is none.
    fn wake_waiting(&self) {
        self.links.send_modify(|_| {});
    }

    /// Notes that a command was answered, which was sent at `sent` if it is a trial.
    fn answered(&self, endpoint: &Endpoint, pass: BreakerPass, sent: Option<Instant>) {
        // One that has more time than others says nothing about theirs.
        if sent.is_some_and(|sent| sent.elapsed() > self.command_timeout) {
            self.open(endpoint, &Failure::TimedOut);
        } else if pass.succeeded() == BreakerChange::Closed {
            self.recovered(endpoint);
        }
    }

    /// Notes the failure of a command on a connection.
    fn failed(
        &self,
        endpoint: &Endpoint,
        pass: Option<BreakerPass>,
        failure: &Failure,
        number: u64,
    ) {
        match failure {
            Failure::TimedOut => self.counts.timed_out.increment(),
            Failure::Open => self.counts.not_sent.increment(),
            _ => self.counts.failed.increment(),
        }
        let Some(pass) = pass else {
            return;
        };
        *endpoint.last_failure.lock() = Some(Instant::now());
        if pass.failed() == BreakerChange::Opened {
            self.degraded(endpoint, failure);
        }
        // A cluster's connection replaces those of its nodes by itself.
        if failure.needs_connection() && !self.topology.is_cluster() {
            self.drop_link(number);
        }
        self.woken.notify_one();
    }

    /// Opens the breaker of an endpoint that does not answer a probe.
    fn open(&self, endpoint: &Endpoint, failure: &Failure) {
        *endpoint.last_failure.lock() = Some(Instant::now());
        if endpoint.breaker.open() {
            self.degraded(endpoint, failure);
        }
    }

    fn drop_link(&self, number: u64) {
        self.links.send_if_modified(|link| {
            let stands = link.as_ref().is_some_and(|link| link.number == number);
            if stands {
                *link = None;
            }
            stands
        });
    }

    fn degraded(&self, endpoint: &Endpoint, failure: &Failure) {
        self.counts.degraded.increment();
        endpoint.down_since.lock().get_or_insert_with(Instant::now);
        let reason = match std::error::Error::source(failure) {
            Some(source) => format!("{failure}: {source}"),
            None => failure.to_string(),
        };
        tracing::warn!(endpoint = endpoint.name, reason, "going on without Redis");
        self.notify(&Degradation::Began {
            endpoint: endpoint.name.clone(),
            reason,
        });
    }

    fn recovered(&self, endpoint: &Endpoint) {
        let since = endpoint.down_since.lock().take();
        let after = since.map(|since| since.elapsed()).unwrap_or_default();
        tracing::info!(endpoint = endpoint.name, ?after, "Redis serves again");
        self.notify(&Degradation::Ended {
            endpoint: endpoint.name.clone(),
            after,
        });
    }

    fn notify(&self, change: &Degradation) {
        if let Some(hook) = &self.hook {
            hook(change);
        }
    }
}
