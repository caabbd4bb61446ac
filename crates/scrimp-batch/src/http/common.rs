//! The state that all services of a layer share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::{Extensions, request::Parts};
use scrimp_core::{
    Account, AccountName, Currency, KeyBuf, Money,
    extensions::{CostTags, Refused, RefusedTenants, Settlement, Tenant, TenantShares},
};
use tokio::sync::Semaphore;

use super::{AnyLanes, Job, first, lane_key};
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
            concurrency: config.lanes.concurrency,
            window: config.window(),
        };
        let stats = Counters::default();
        let shared = || Arc::new(AnyLanes::new(config.lanes.max_lanes, &stats.lanes));
        Self {
            places: Arc::new(Semaphore::new(config.lanes.places)),
            lanes: config.share_services.then(shared),
            codec,
            config,
            stats,
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

    /// Answers the callers whose tenants an inner layer refused to pay for, and returns the jobs of
    /// the others.
    pub(crate) fn leave_out<B, E>(
        &self,
        jobs: Vec<Job<B, E>>,
        refused: &RefusedTenants,
    ) -> Vec<Job<B, E>> {
        let before = callers(&jobs);
        let left: Vec<_> = jobs
            .into_iter()
            .filter_map(|job| job.without(refused))
            .collect();
        self.stats.left_out.add(before - callers(&left));
        left
    }

    /// Counts a call for a batch, and books it. Calls are avoided for the callers that it answered,
    /// except one.
    pub(crate) fn count<B, E>(
        &self,
        jobs: &[Job<B, E>],
        shares: Option<&TenantShares>,
        response: Option<&Extensions>,
        answered: u64,
    ) {
        self.stats.batches.add(1);
        self.stats.items.add(jobs.len() as u64);
        self.stats.duplicates.add(callers(jobs) - jobs.len() as u64);
        self.book(&first(jobs).item().head, shares, response, answered);
    }

    /// Counts a call for one job, whose answer was read or did not come, and books it. No call is
    /// avoided if its callers were `counted` before, or were not answered.
    pub(crate) fn count_alone<B, E>(
        &self,
        job: &Job<B, E>,
        shares: Option<&TenantShares>,
        response: Option<&Extensions>,
        counted: bool,
    ) {
        self.stats.alone.increment();
        let answered = if counted { 0 } else { callers([job]) };
        self.book(&job.item().head, shares, response, answered);
    }
}

/// Returns the number of callers of some jobs.
pub(crate) fn callers<'a, B: 'a, E: 'a>(jobs: impl IntoIterator<Item = &'a Job<B, E>>) -> u64 {
    jobs.into_iter()
        .map(|job| 1 + job.duplicates() as u64)
        .sum()
}

impl<C> Common<C> {
    /// Books one call made, whose response was read, and the calls that it avoided.
    fn book(
        &self,
        head: &Parts,
        shares: Option<&TenantShares>,
        response: Option<&Extensions>,
        answered: u64,
    ) {
        if let Some(shares) = shares {
            return self.book_shares(shares, response, answered > 0);
        }
        self.book_to(response, |account, price, cost| {
            let account = account(tenant(head), head.extensions.get());
            account.made(cost);
            (1..answered).for_each(|_| account.avoided(price));
        });
    }

    /// Marks a response whose call was booked.
    pub(crate) fn mark(&self, response: &mut Extensions) {
        if let Some(ledger) = &self.config.ledger {
            ledger.mark(response);
        }
    }

    /// Books one call made, whose response is passed on: its cost is known when it has ended.
    pub(crate) fn book_call(&self, head: &Parts, response: &mut Extensions) {
        if let Some(ledger) = &self.config.ledger {
            let price = self.config.price.unwrap_or(Money::ZERO);
            let currency = Settlement::cost(response, price).currency();
            let name = name(tenant(head), head.extensions.get(), currency);
            ledger.open(name).call(response, price);
        }
    }

    /// Books one call made for several tenants, or tags: each has its share of the cost, and, if it
    /// `answered`, a call avoided for each of its requests but the first of all.
    fn book_shares(&self, shares: &TenantShares, response: Option<&Extensions>, answered: bool) {
        self.book_to(response, |account, price, cost| {
            let lines = shares.lines().zip(shares.callers_by_line());
            let parts = shares.split_by_line(cost).into_iter();
            for (index, (((tenant, tags), callers), part)) in lines.zip(parts).enumerate() {
                let account = account(&tenant.0, Some(tags));
                let mut avoided = if answered { *callers } else { 0 };
                if index == 0 {
                    account.made(part);
                    avoided = avoided.saturating_sub(1);
                } else {
                    account.paid(part);
                }
                (0..avoided).for_each(|_| account.avoided(price));
            }
        });
    }

    fn book_to(
        &self,
        response: Option<&Extensions>,
        book: impl FnOnce(&dyn Fn(&str, Option<&CostTags>) -> Account, Money, Money),
    ) {
        if response.is_some_and(Refused::without_call) {
            return;
        }
        if let Some(ledger) = &self.config.ledger {
            let price = self.config.price.unwrap_or(Money::ZERO);
            let cost = response.map_or(price, |response| Settlement::cost(response, price));
            let passing = response.is_some_and(|response| ledger.has(response));
            let account = |tenant: &str, tags: Option<&CostTags>| {
                let account = ledger.open(name(tenant, tags, cost.currency()));
                if passing { account.passing() } else { account }
            };
            book(&account, price, cost);
        }
    }

    /// Waits until the rate limit allows this many requests.
    pub(crate) async fn take(&self, requests: usize) {
        if let Some(Limiter(limiter)) = &self.config.rate_limit {
            limiter.take(requests).await;
        }
    }
}

/// Returns the name of the account of a tenant and tags.
fn name<'a>(tenant: &'a str, tags: Option<&'a CostTags>, currency: Currency) -> AccountName<'a> {
    let name = AccountName::new("batch", tenant, "", currency);
    match tags {
        Some(tags) => name.tags(tags),
        None => name,
    }
}

fn tenant(head: &Parts) -> &str {
    let tenant = head.extensions.get::<Tenant>();
    tenant.map_or("", |tenant| &tenant.0)
}

impl<C> fmt::Debug for Common<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
