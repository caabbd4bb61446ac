//! What the services of a layer share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::request::Parts;
use scrimp_core::{
    Key, Money,
    extensions::{Charge, Tenant},
};
use tokio::sync::Semaphore;

use crate::{
    BatchCodec,
    config::{Config, Limiter},
    engine::{Lane, Limits, Sizes},
    http::{Ended, Job, LaneKey},
    service::AnyLanes,
    stats::Counters,
};

pub(crate) struct Common<C> {
    pub(crate) codec: C,
    pub(crate) config: Config,
    pub(crate) stats: Counters,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) sizes: Sizes,
    /// The lanes of all services, where they share them.
    pub(crate) lanes: Option<Arc<AnyLanes>>,
    next_id: AtomicU64,
}

// === impl Common ===

impl<C: BatchCodec> Common<C> {
    pub(crate) fn new(codec: C, config: Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.places)),
            lanes: config.share_services.then(Arc::default),
            codec,
            config,
            stats: Counters::default(),
            sizes: Sizes::default(),
            next_id: AtomicU64::new(1),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    pub(crate) fn lane<I, A>(&self, upstream: &Key) -> Lane<I, A> {
        let Config { items, weight, .. } = self.config;
        Lane::new(Arc::new(Limits {
            learned: self.sizes.limit(upstream),
            items: items.unwrap_or_else(|| self.codec.max_items()),
            bytes: self.config.bytes,
            weight: weight.unwrap_or_else(|| self.codec.max_weight()),
            concurrency: self.config.concurrency,
            window: self.config.window(),
        }))
    }

    pub(crate) fn key(&self, head: &Parts) -> LaneKey {
        LaneKey::new(head, &self.config)
    }

    pub(crate) fn deposit<B, E>(&self, jobs: &[Job<B, E>]) {
        self.config.retry_budget.deposit_many(jobs.len() as u64);
    }

    /// Notes a call for a batch.
    pub(crate) fn count<B, E>(&self, jobs: &[Job<B, E>], ended: &Ended<E>) {
        let duplicates = jobs.iter().map(Job::duplicates).sum::<usize>() as u64;
        self.stats.batches.add(1);
        self.stats.items.add(jobs.len() as u64);
        self.stats.duplicates.add(duplicates);
        let Some(first) = jobs.first() else { return };
        let charge = match ended {
            Ended::Answered(response) => response.extensions().get(),
            Ended::Failed(_) | Ended::Unreadable(_) | Ended::TimedOut => None,
        };
        self.book(&first.item.head, charge, jobs.len() as u64 + duplicates - 1);
    }

    /// A batch was refused. Returns what was held possible of this upstream before.
    pub(crate) fn too_many<B, E>(&self, jobs: &[Job<B, E>]) -> Option<(Key, usize)> {
        let upstream = LaneKey::upstream(&jobs.first()?.item.head);
        let before = self.sizes.limit(&upstream).load(Relaxed);
        self.sizes.too_many(&upstream, jobs.len());
        Some((upstream, before))
    }
}

impl<C> Common<C> {
    /// One call was made; so many others were not.
    pub(crate) fn book(&self, head: &Parts, charge: Option<&Charge>, spared: u64) {
        let Some(ledger) = &self.config.ledger else {
            return;
        };
        let price = self.config.price.unwrap_or(Money::ZERO);
        let cost = charge.map_or(price, |charge| charge.0);
        let tenant = head.extensions.get::<Tenant>();
        let tenant = tenant.map_or("", |tenant| &tenant.0);
        let account = ledger.account("batch", tenant, "", cost.currency());
        account.made(cost);
        (0..spared).for_each(|_| account.avoided(price));
    }

    /// Waits until the rate allows for so many requests.
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
