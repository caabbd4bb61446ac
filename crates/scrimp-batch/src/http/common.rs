//! The state that all services of a layer share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::request::Parts;
use scrimp_core::{
    KeyBuf, Money,
    extensions::{Charge, Tenant},
};
use tokio::sync::Semaphore;

use super::{AnyLanes, Ended, Job, first, lane_key};
use crate::{
    BatchCodec,
    config::{Config, Limiter},
    engine::{Lane, Limits},
    stats::Counters,
};

pub(crate) struct Common<C> {
    pub(crate) codec: C,
    pub(crate) config: Config,
    pub(crate) stats: Counters,
    pub(crate) places: Arc<Semaphore>,
    limits: Arc<Limits>,
    /// The lanes of all services, if services share them.
    pub(crate) lanes: Option<Arc<AnyLanes>>,
    next_id: AtomicU64,
}

// === impl Common ===

impl<C: BatchCodec> Common<C> {
    /// Takes the limits of the codec once, as they were checked: a codec may say another number
    /// later.
    pub(crate) fn new(codec: C, config: Config, items: usize, weight: u64) -> Self {
        let limits = Limits {
            items,
            bytes: config.bytes,
            weight,
            concurrency: config.concurrency,
            window: config.window(),
        };
        let shared = || Arc::new(AnyLanes::new(config.max_lanes));
        Self {
            places: Arc::new(Semaphore::new(config.places)),
            lanes: config.share_services.then(shared),
            codec,
            config,
            stats: Counters::default(),
            limits: Arc::new(limits),
            next_id: AtomicU64::new(1),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    pub(crate) fn lane<I, A>(&self) -> Lane<I, A> {
        Lane::new(Arc::clone(&self.limits))
    }

    pub(crate) fn key(&self, head: &Parts) -> KeyBuf {
        lane_key(head, &self.config)
    }

    pub(crate) fn deposit<B, E>(&self, jobs: &[Job<B, E>]) {
        self.config.retry_budget.deposit_many(jobs.len() as u64);
    }

    /// Counts a call for a batch.
    pub(crate) fn count<B, E>(&self, jobs: &[Job<B, E>], ended: &Ended<E>) {
        let duplicates = jobs.iter().map(Job::duplicates).sum::<usize>() as u64;
        self.stats.batches.add(1);
        self.stats.items.add(jobs.len() as u64);
        self.stats.duplicates.add(duplicates);
        let charge = match ended {
            Ended::Answered(response) => response.extensions().get(),
            Ended::Failed(_) | Ended::Unreadable(_) | Ended::TimedOut => None,
        };
        self.book(
            &first(jobs).item.head,
            charge,
            jobs.len() as u64 + duplicates - 1,
        );
    }
}

impl<C> Common<C> {
    /// Books one call made, and the calls that it avoided.
    pub(crate) fn book(&self, head: &Parts, charge: Option<&Charge>, avoided: u64) {
        let Some(ledger) = &self.config.ledger else {
            return;
        };
        let price = self.config.price.unwrap_or(Money::ZERO);
        let cost = charge.map_or(price, |charge| charge.0);
        let tenant = head.extensions.get::<Tenant>();
        let tenant = tenant.map_or("", |tenant| &tenant.0);
        let account = ledger.account("batch", tenant, "", cost.currency());
        account.made(cost);
        (0..avoided).for_each(|_| account.avoided(price));
    }

    /// Waits until the rate limit allows this many requests.
    pub(crate) async fn take(&self, requests: usize) {
        if let Some(Limiter(limiter)) = &self.config.rate_limit {
            limiter.take(requests).await;
        }
    }
}

impl<C> fmt::Debug for Common<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
