//! The builder and its settings.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use scrimp_core::{BoxError, Clock, Ledger, SettingError, Settings};
use tower_service::Service;

use crate::{
    BatchJobsLayer, JobAccount, JobCost, PaidAnswer,
    account::Accounts,
    books::Books,
    client::Client,
    codec::JobCodec,
    config::{Bounds, Config, LONGEST, OWNER, Timings},
    queue::JobQueue,
};

/// Settings of a [`BatchJobsLayer`].
#[must_use]
pub struct BatchJobsLayerBuilder {
    settings: Settings<Values>,
    codec: Arc<dyn JobCodec>,
    queue: Arc<dyn JobQueue>,
    client: Client,
}

scrimp_core::unbuilt!(BatchJobsLayerBuilder);

#[derive(Debug, Clone, Default)]
struct Values {
    accounts: Vec<JobAccount>,
    ignored: Vec<String>,
    books: Books,
    keep_files: bool,
    dry_run: bool,
    clock: Clock,
    timings: Timings,
    bounds: Bounds,
}

// === impl BatchJobsLayer ===

impl BatchJobsLayer {
    /// Starts the settings of a layer: the form of the provider's batch API, the queue, and the client for calls of the
    /// batch API, which needs no credentials of its own.
    pub fn builder<S, B>(
        codec: impl JobCodec,
        queue: impl JobQueue,
        client: S,
    ) -> BatchJobsLayerBuilder
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        BatchJobsLayerBuilder {
            settings: Settings::new(OWNER, Values::default()),
            codec: Arc::new(codec),
            queue: Arc::new(queue),
            client: Client::new(client, Duration::from_secs(600)),
        }
    }
}

// === impl BatchJobsLayerBuilder ===

impl BatchJobsLayerBuilder {
    /// Adds an account. The first one pays for requests without credentials; a request with
    /// credentials is deferred only if an account has the same ones. At least one is needed.
    pub fn account(self, account: JobAccount) -> Self {
        let checked = account.check().map(|()| account);
        self.with(|settings| settings.checked(checked, |values, one| values.accounts.push(one)))
    }

    /// Ignores request fields whose names begin so. Other fields that may select the answer
    /// must be among those of the account, as a job has no place for them. Default: none. Clients of OpenAI
    /// and Anthropic send many that begin with `x-stainless-`.
    pub fn ignore_fields(self, start: &str) -> Self {
        let start = start.to_ascii_lowercase();
        self.with(|settings| settings.set(|values| values.ignored.push(start)))
    }

    /// Sets what an answer costs, from its usage: an answer of a job at the provider's price for jobs, and one of a call
    /// of its own at the full price. `None` if it costs nothing, or that is not known. Default: costs are not known.
    ///
    /// ```
    /// # use scrimp_jobs::{BatchJobsLayerBuilder, JobCost, PaidAnswer};
    /// # fn price(builder: BatchJobsLayerBuilder) -> BatchJobsLayerBuilder {
    /// builder.price(|answer: &PaidAnswer<'_>| {
    ///     let body: serde_json::Value = serde_json::from_slice(answer.body).ok()?;
    ///     let count = |side: &str| body["usage"][side].as_u64();
    ///     let (prompt, completion) = (count("prompt_tokens")?, count("completion_tokens")?);
    ///     // $0.15 and $0.60 per million tokens, and half of it in a job.
    ///     let pico = i128::from(prompt) * 150_000 + i128::from(completion) * 600_000;
    ///     let pico = if answer.from_job { pico / 2 } else { pico };
    ///     let cost = scrimp_core::Money::from_pico(pico, scrimp_core::Currency::USD);
    ///     Some(JobCost::new(cost).model("small").tokens(prompt, completion))
    /// })
    /// # }
    /// ```
    pub fn price(
        self,
        price: impl Fn(&PaidAnswer<'_>) -> Option<JobCost> + Send + Sync + 'static,
    ) -> Self {
        let price = Arc::new(price);
        self.with(|settings| settings.set(|values| values.books.price = Some(price)))
    }

    /// Books the answers that are paid in a ledger, by their [price](Self::price). Default: none.
    pub fn ledger(self, ledger: Ledger) -> Self {
        self.with(|settings| settings.set(|values| values.books.ledger = Some(ledger)))
    }

    /// Sets whether the files of jobs that are done are kept at the provider. Default: no: they are deleted.
    pub fn keep_files(self, keep: bool) -> Self {
        self.with(|settings| settings.set(|values| values.keep_files = keep))
    }

    /// Tries the layer, if true: each request goes to the inner service as it came. Those that would have been put
    /// into the queue are counted as deferred, and with a [price](Self::price),
    /// [`dry_run_bill`](BatchJobsLayer::dry_run_bill) has what they cost and what they would have cost in jobs. All of
    /// them are taken to be answered by their jobs. Nothing is put into the queue, sent to the provider or booked, and
    /// submissions fail. Default: false.
    pub fn dry_run(self, dry_run: bool) -> Self {
        self.with(|settings| settings.set(|values| values.dry_run = dry_run))
    }

    /// Sets the clock. Default: the machine's.
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|settings| settings.set(|values| values.clock = clock))
    }

    /// Sets how long the first request of a job waits for others. Default: 1 min. Range: zero to a year.
    pub fn window(self, time: Duration) -> Self {
        self.time("window", time, |timings, time| timings.window = time)
    }

    /// Sets the assumed duration of a job, until durations were observed. Default: 1 h. Range: zero to a year.
    pub fn job_time(self, time: Duration) -> Self {
        self.time("job_time", time, |timings, time| timings.job_time = time)
    }

    /// Sets the assumed duration of a call of its own. It is not assumed to be shorter, whatever is observed.
    /// Default: 1 min. Range: zero to a year.
    pub fn call_time(self, time: Duration) -> Self {
        self.time("call_time", time, |timings, time| timings.call_time = time)
    }

    /// Sets the time to spare before a deadline, for calls that must be made again. Default: 2 min. Range: zero to a
    /// year.
    pub fn margin(self, time: Duration) -> Self {
        self.time("margin", time, |timings, time| timings.margin = time)
    }

    /// Sets the deadline of requests of low priority that have none of their own. Default: 24 h. Range: zero to a
    /// year.
    pub fn patience(self, time: Duration) -> Self {
        self.time("patience", time, |timings, time| timings.patience = time)
    }

    /// Sets the shortest and the longest pause between two questions for the state of a job. The pause grows by half
    /// each time. Default: 5 s, 2 min. Range: 1 ms to a year, and the longest not below the shortest.
    pub fn poll(self, shortest: Duration, longest: Duration) -> Self {
        let range = Duration::from_millis(1)..=LONGEST;
        self.with(|settings| {
            settings
                .within("poll", shortest, range, |values, time| {
                    values.timings.shortest_poll = time;
                })
                .within("poll", longest, shortest..=LONGEST, |values, time| {
                    values.timings.longest_poll = time;
                })
        })
    }

    /// Sets the longest time of one call of the batch API, and between two pieces of a file of results. Default:
    /// 10 min. Range: 1 ms to a year.
    pub fn timeout(self, time: Duration) -> Self {
        let range = Duration::from_millis(1)..=LONGEST;
        self.with(|settings| {
            settings.within("timeout", time, range, |values, time| {
                values.timings.timeout = time;
            })
        })
    }

    /// Sets how long a job whose creation was not confirmed is looked for in the provider's list, before it is
    /// created again. It must be longer than the provider needs to list a new job. Default: 2 min. Range: zero to
    /// a year.
    pub fn settle(self, time: Duration) -> Self {
        self.time("settle", time, |timings, time| timings.settle = time)
    }

    /// Sets how long answers without a caller are kept: for the next equal request, or for the reader of their
    /// submission. Default: 3 days. Range: zero to a year.
    pub fn retention(self, time: Duration) -> Self {
        self.time("retention", time, |timings, time| timings.retention = time)
    }

    /// Sets the longest body of a request that is deferred. A longer one streams through. Default: 1 MiB. Range: 1
    /// or more.
    pub fn max_body(self, bytes: usize) -> Self {
        self.bound("max_body", bytes, 1.., |bounds, bytes| {
            bounds.max_body = bytes;
        })
    }

    /// Sets the most requests in the queue, answers included. Above it, requests go to the inner service. Default: a
    /// million. Range: 1 or more.
    pub fn max_requests(self, count: u64) -> Self {
        self.bound("max_requests", count, 1.., |bounds, count| {
            bounds.max_requests = count;
        })
    }

    /// Sets the most bytes of bodies and answers in the queue. Above it, requests go to the inner service. Default:
    /// 4 GiB. Range: 1 or more.
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.bound("max_bytes", bytes, 1.., |bounds, bytes| {
            bounds.max_bytes = bytes;
        })
    }

    /// Sets how many callers of one [`Tenant`](scrimp_core::extensions::Tenant) may wait, so that a flood of one leaves
    /// room for others. Callers without a tenant are one. Default: 100,000. Range: 1 or more.
    pub fn max_per_tenant(self, count: usize) -> Self {
        self.bound("max_per_tenant", count, 1.., |bounds, count| {
            bounds.max_per_tenant = count;
        })
    }

    /// Sets how many jobs may be open at a time. Default: 16. Range: 1 or more.
    pub fn max_jobs(self, count: usize) -> Self {
        self.bound("max_jobs", count, 1.., |bounds, count| {
            bounds.max_jobs = count;
        })
    }

    /// Sets the most requests and bytes of a job, below what the provider documents. A job is in memory while it
    /// is sent. Default: the provider's number, and 100 MB. Range: 1 or more.
    pub fn job_size(self, items: usize, bytes: u64) -> Self {
        self.bound("job_size", items, 1.., |bounds, items| {
            bounds.job_items = items;
        })
        .bound("job_size", bytes, 1.., |bounds, bytes| {
            bounds.job_bytes = bytes;
        })
    }

    /// Sets how many requests may have calls of their own at a time. Default: 64. Range: 1 or more.
    pub fn calls_at_once(self, count: usize) -> Self {
        let range = 1..=tokio::sync::Semaphore::MAX_PERMITS;
        self.bound("calls_at_once", count, range, |bounds, count| {
            bounds.calls_at_once = count;
        })
    }

    /// Builds the layer. Inside a tokio runtime, it takes up the jobs of the queue at once; otherwise with the first
    /// request.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or there is no account. The error names the first one.
    pub fn build(self) -> Result<BatchJobsLayer, SettingError> {
        let values = self.settings.finish()?;
        if values.accounts.is_empty() {
            let problem = "must be set: jobs need an account that pays";
            return Err(SettingError::new(OWNER, "account", problem));
        }
        let timeout = values.timings.timeout;
        Ok(BatchJobsLayer::of(Config {
            codec: self.codec,
            queue: self.queue,
            client: self.client.with_timeout(timeout),
            accounts: Accounts::new(values.accounts, values.ignored),
            books: values.books,
            keep_files: values.keep_files,
            dry_run: values.dry_run,
            clock: values.clock,
            timings: values.timings,
            bounds: values.bounds,
        }))
    }

    fn with(mut self, change: impl FnOnce(Settings<Values>) -> Settings<Values>) -> Self {
        self.settings = change(self.settings);
        self
    }

    fn time(
        self,
        name: &'static str,
        time: Duration,
        set: impl FnOnce(&mut Timings, Duration),
    ) -> Self {
        self.with(|settings| {
            settings.within(name, time, ..=LONGEST, |values, time| {
                set(&mut values.timings, time);
            })
        })
    }

    fn bound<T: PartialOrd + fmt::Debug>(
        self,
        name: &'static str,
        bound: T,
        range: impl std::ops::RangeBounds<T>,
        set: impl FnOnce(&mut Bounds, T),
    ) -> Self {
        self.with(|settings| {
            settings.within(name, bound, range, |values, bound| {
                set(&mut values.bounds, bound);
            })
        })
    }
}

impl fmt::Debug for BatchJobsLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchJobsLayerBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
