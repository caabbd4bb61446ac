//! The handle of pre-computation.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use parking_lot::Mutex;
use scrimp_core::{Money, Tasks};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::{
    builder::{Config, Make},
    model::ActivityPredictor,
    stats::{Counters, PrecomputeStats},
    worker::Worker,
};

/// Makes responses for users who are likely to come, before they do.
///
/// At the beginning of each hour it asks an [`ActivityPredictor`] who is likely to come, makes the request of each
/// of these users, and lets the inner stack answer it, with
/// [`Directive::Prefetch`](scrimp_core::extensions::Directive::Prefetch) and low priority: the likeliest users
/// first, a few at a time, once for each user, and within a budget. The inner cache keeps the responses, so the
/// first look of these users does not wait.
///
/// As with any prefetch, a response for a user who comes spares waiting and no call; one for a user who does not
/// come costs a call. A response that is fresh for less than an hour is of use to those who come early in it only.
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::Empty;
/// use scrimp_cache::{CacheLayer, MemoryStore};
/// use scrimp_prefetch::Precompute;
/// use tower::{Layer, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # type Body = Empty<bytes::Bytes>;
/// let cache = CacheLayer::new(MemoryStore::new(64 << 20)); // bytes
/// let client = cache.layer(service_fn(|_: Request<Body>| async {
///     Ok::<_, std::io::Error>(Response::new(Body::new()))
/// }));
/// let feeds = Precompute::builder(client, |user: &str| {
///     Request::get(format!("http://social.test/feeds/{user}")).body(Body::new()).ok()
/// })
/// .peak(7..=9, 0.8)
/// .threshold(0.95)
/// .utc_offset(60)
/// .price("0.01")
/// .budget_per_hour("1")
/// .build()?;
///
/// feeds.seen("ann"); // with each visit
/// # Ok(()) }
/// ```
///
/// A task does the work. It starts with the first visit on its runtime, and ends with the last handle, as do calls
/// in flight. [`seen`](Self::seen) never waits: what does not fit into the queue is not learned.
#[derive(Clone)]
pub struct Precompute {
    common: Arc<Common>,
}

/// State that all handles own together.
struct Common {
    shared: Arc<Shared>,
    messages: mpsc::Sender<Message>,
    /// The parts that the worker starts with, until the first visit.
    idle: Mutex<Option<(mpsc::Receiver<Message>, ActivityPredictor)>>,
    is_working: AtomicBool,
    tasks: Tasks,
}

/// State that the worker shares with the handles.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) counters: Counters,
    pub(super) make: Arc<Make>,
}

/// A message to the worker.
pub(super) enum Message {
    Seen(Visit),
    /// A user who is to be forgotten. The answer is true if the user was known.
    Forget(Box<str>, oneshot::Sender<bool>),
}

/// A user who is there.
pub(super) struct Visit {
    pub(super) user: Box<str>,
    pub(super) at: SystemTime,
}

// === impl Precompute ===

impl Precompute {
    pub(super) fn of(config: Config, model: ActivityPredictor, make: Arc<Make>) -> Self {
        let (messages, received) = mpsc::channel(config.fetching.max_events);
        let shared = Shared {
            config,
            counters: Counters::default(),
            make,
        };
        Self {
            common: Arc::new(Common {
                shared: Arc::new(shared),
                messages,
                idle: Mutex::new(Some((received, model))),
                is_working: AtomicBool::new(false),
                tasks: Tasks::default(),
            }),
        }
    }

    /// Notes that a user is there, without waiting. Names of more than 256 bytes are ignored.
    pub fn seen(&self, user: &str) {
        let common = &*self.common;
        if !common.is_working.load(Relaxed) {
            common.start();
        }
        let visit = Visit {
            user: user.into(),
            at: common.shared.config.fetching.clock.wall(),
        };
        let counters = &common.shared.counters;
        match common.messages.try_send(Message::Seen(visit)) {
            Ok(()) => counters.requests.increment(),
            Err(_) => counters.dropped.increment(),
        }
    }

    /// Forgets a user, as when an operator erases the data of a person. Returns true if the user was known.
    ///
    /// The name goes, with the hours of its visits and what is expected and made for it. Visits that were noted before
    /// are learned first, and then forgotten; a call in flight ends by itself, within
    /// [`fetch_timeout`](crate::PrecomputeBuilder::fetch_timeout). What it has fetched is in the cache inside, which has an
    /// erasure of its own.
    pub fn forget(&self, user: &str) -> impl Future<Output = bool> + Send + use<> {
        let (common, user) = (Arc::clone(&self.common), Box::from(user));
        async move { common.forget(user).await }
    }

    /// Returns the counters. The task counts with a delay, behind the visits.
    #[must_use]
    pub fn stats(&self) -> PrecomputeStats {
        self.common.shared.stats()
    }
}

impl fmt::Debug for Precompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Precompute")
            .field("config", &self.common.shared.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    pub(super) fn stats(&self) -> PrecomputeStats {
        self.counters
            .read(self.config.fetching.price.unwrap_or(Money::ZERO))
    }
}

// === impl Common ===

impl Common {
    async fn forget(&self, user: Box<str>) -> bool {
        if !self.is_working.load(Relaxed) {
            self.start();
            if let Some(is_known) = self.forget_idle(&user) {
                return is_known;
            }
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Forget(user, reply);
        // A worker that is gone has taken with it what it knew.
        self.messages.send(message).await.is_ok() && answer.await.unwrap_or(false)
    }

    /// Forgets a user where there is no worker, as no runtime has started it. Visits that wait were none there either.
    fn forget_idle(&self, user: &str) -> Option<bool> {
        let mut idle = self.idle.lock();
        let (waiting, model) = idle.as_mut()?;
        while let Ok(message) = waiting.try_recv() {
            if let Message::Seen(visit) = message {
                model.observe(&visit.user, visit.at);
            }
        }
        Some(model.forget(user))
    }

    /// Starts the worker on the runtime of the first visit.
    #[cold]
    fn start(&self) {
        if Handle::try_current().is_err() {
            return;
        }
        let Some((messages, model)) = self.idle.lock().take() else {
            return;
        };
        self.is_working.store(true, Relaxed);
        let worker = Worker::new(Arc::clone(&self.shared), model);
        self.tasks.start_in(
            scrimp_core::root_span("precompute.work"),
            worker.work(messages),
        );
    }
}
