//! The handle.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use scrimp_core::{Governed, Purge, Purger, RateLimit, Tasks};
use tokio::{sync::Notify, time::Instant};

use super::{
    config::Config,
    state::{Parts, State},
    stats::{Counters, PurgeStats},
};
use crate::api::CdnApi;

/// Carries purges to a CDN, and retries them until they are accepted.
///
/// Clones share one queue. Delivery ends when the last of them is dropped: to lose nothing at the
/// end of a program, wait for [`delivered`](Self::delivered) first.
#[derive(Clone)]
pub struct CdnPurger(Arc<Owned>);

/// The state and the workers, which end with it.
pub(super) struct Owned {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
}

/// The state that handles and workers share.
pub(super) struct Shared {
    pub(super) api: Arc<dyn CdnApi>,
    pub(super) config: Config,
    pub(super) request_limit: Option<Arc<dyn RateLimit>>,
    pub(super) item_limit: Option<Arc<dyn RateLimit>>,
    pub(super) state: Mutex<State>,
    /// Turn of the worker that waits for the next request. True if the request limit allows it.
    pub(super) turn: tokio::sync::Mutex<bool>,
    /// Wakes workers.
    pub(super) wake: Notify,
    /// Wakes those who wait for delivery.
    settled: Notify,
    pub(super) counters: Counters,
}

// === impl CdnPurger ===

impl CdnPurger {
    pub(super) fn from_parts(shared: Arc<Shared>, tasks: Tasks) -> Self {
        Self(Arc::new(Owned { shared, tasks }))
    }

    /// Returns the counters.
    #[must_use]
    pub fn stats(&self) -> PurgeStats {
        let shared = &self.0.shared;
        let present = shared.state.lock().present();
        shared.counters.read(present)
    }

    /// Waits until the CDN has accepted all purges that were handed over; not for those that are
    /// [repeated](crate::CdnPurgerBuilder::repeat_after). It has no end if the CDN accepts none:
    /// combine it with a time-out.
    pub async fn delivered(&self) {
        let shared = &self.0.shared;
        loop {
            let mut settled = std::pin::pin!(shared.settled.notified());
            settled.as_mut().enable();
            if shared.state.lock().is_settled() {
                return;
            }
            settled.await;
        }
    }
}

impl Purger for CdnPurger {
    fn purge(&self, purge: &Purge) {
        let shared = &self.0.shared;
        let mut state = shared.state.lock();
        state.add(purge, shared.parts(), Instant::now());
        drop(state);
        shared.wake.notify_one();
    }
}

impl fmt::Debug for CdnPurger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CdnPurger")
            .field("api", &self.0.shared.api)
            .field("config", &self.0.shared.config)
            .field("tasks", &self.0.tasks)
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(api: Arc<dyn CdnApi>, config: Config) -> Self {
        let rates = api.rates();
        let governed = |quota| -> Arc<dyn RateLimit> { Arc::new(Governed::new(quota)) };
        let limits = (config.request_limit.clone(), config.item_limit.clone());
        Self {
            request_limit: limits.0.or_else(|| rates.requests.map(governed)),
            item_limit: limits.1.or_else(|| rates.items.map(governed)),
            state: Mutex::new(State::new(&config)),
            turn: tokio::sync::Mutex::new(false),
            wake: Notify::new(),
            settled: Notify::new(),
            counters: Counters::default(),
            api,
            config,
        }
    }

    /// Returns what the state needs.
    pub(super) fn parts(&self) -> Parts<'_> {
        (&*self.api, &self.config, &self.counters)
    }

    /// Wakes all who wait, as a request has come to its end.
    pub(super) fn changed(&self) {
        self.wake.notify_waiters();
        self.settled.notify_waiters();
    }
}
