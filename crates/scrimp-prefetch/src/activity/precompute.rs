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
use tokio::{runtime::Handle, sync::mpsc};

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
    visits: mpsc::Sender<Visit>,
    /// The parts that the worker starts with, until the first visit.
    idle: Mutex<Option<(mpsc::Receiver<Visit>, ActivityPredictor)>>,
    is_working: AtomicBool,
    tasks: Tasks,
}

/// State that the worker shares with the handles.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) counters: Counters,
    pub(super) make: Arc<Make>,
}

/// A user who is there.
pub(super) struct Visit {
    pub(super) user: Box<str>,
    pub(super) at: SystemTime,
}

// === impl Precompute ===

impl Precompute {
    pub(super) fn of(config: Config, model: ActivityPredictor, make: Arc<Make>) -> Self {
        let (visits, received) = mpsc::channel(config.fetching.max_events);
        let shared = Shared {
            config,
            counters: Counters::default(),
            make,
        };
        Self {
            common: Arc::new(Common {
                shared: Arc::new(shared),
                visits,
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
        match common.visits.try_send(visit) {
            Ok(()) => counters.requests.increment(),
            Err(_) => counters.dropped.increment(),
        }
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
    /// Starts the worker on the runtime of the first visit.
    #[cold]
    fn start(&self) {
        if Handle::try_current().is_err() {
            return;
        }
        let Some((visits, model)) = self.idle.lock().take() else {
            return;
        };
        self.is_working.store(true, Relaxed);
        let worker = Worker::new(Arc::clone(&self.shared), model);
        self.tasks.start_in(
            scrimp_core::root_span("precompute.work"),
            worker.work(visits),
        );
    }
}
