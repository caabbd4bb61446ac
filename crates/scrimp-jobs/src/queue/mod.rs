//! The durable queue: requests that wait, and the jobs that they are in.

#[cfg(feature = "sqlite")]
mod sqlite;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use scrimp_core::{
    BoxError,
    extensions::{CostTags, Tenant},
};

#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteQueue, SqliteQueueBuilder};

/// Result of an operation of a queue.
pub type QueueFuture<T> = Pin<Box<dyn Future<Output = Result<T, QueueError>> + Send>>;

/// Number of a request in a queue.
pub type RequestId = i64;

/// Number of jobs that a request may be in, one after the other, before it is spent.
pub const MOST_JOBS: u32 = 3;

/// Number of a job in a queue.
pub type JobId = i64;

/// Durable queue of requests and jobs.
///
/// Every method is one transaction: after a crash it has happened as a whole, or not at all. A future that
/// is dropped may or may not have had its effect. [`SqliteQueue`] is the one that comes with the crate.
///
/// A request is *waiting* until it is [planned](Self::plan) into a job, *in the job* until it is
/// answered, and *answered* until its answer is [removed](Self::remove). A request that is
/// [taken](Self::take_due) for a call of its own is in no job.
///
/// A request is *eligible* for a job if it belongs to a [submission](NewRequest::submission), or if a
/// caller of this process waits for it: work without a waiting caller is not sent.
pub trait JobQueue: Send + Sync + 'static {
    /// Returns the first of this many numbers that no request of the queue has or had.
    fn reserve(&self, count: usize) -> RequestId;

    /// Adds requests, all or none.
    fn put(&self, requests: Vec<NewRequest>, bounds: QueueBounds) -> QueueFuture<Put>;

    /// Finds a request of this digest that no caller of this process waits for and that belongs to no
    /// submission: its caller has left, or its process has ended. From here on, a caller waits for it, until this deadline.
    fn adopt(&self, digest: [u8; 32], deadline: u64) -> QueueFuture<Option<Adopted>>;

    /// Returns the answer to a request, if it has one.
    fn answer_to(&self, id: RequestId) -> QueueFuture<Option<StoredAnswer>>;

    /// States that the callers of these requests have left. Those that wait are removed; those in jobs,
    /// and answers, may be [adopted](Self::adopt) until they are [purged](Self::purge).
    fn abandon(&self, ids: Vec<RequestId>) -> QueueFuture<()>;

    /// Removes requests, in whatever state.
    fn remove(&self, ids: Vec<RequestId>) -> QueueFuture<()>;

    /// Returns the groups of eligible requests that wait.
    fn groups(&self) -> QueueFuture<Vec<WaitingGroup>>;

    /// Makes a job of waiting requests of a group, those with the earliest deadlines first, within its limits.
    /// `None` if none waits.
    fn plan(&self, plan: JobPlan) -> QueueFuture<Option<StoredJob>>;

    /// Returns the jobs that are not done.
    fn jobs(&self) -> QueueFuture<Vec<StoredJob>>;

    /// Returns the requests of a job that have no answer, in the order of their numbers.
    fn items(&self, job: JobId) -> QueueFuture<Vec<(RequestId, Bytes)>>;

    /// Records the step that a job has come to.
    fn step(&self, job: JobId, step: JobStep) -> QueueFuture<()>;

    /// Records answers to requests of a job. A request that is not in the job, or has an answer, is left as
    /// it is.
    fn answer(&self, job: JobId, answers: Vec<(RequestId, StoredAnswer)>) -> QueueFuture<Answered>;

    /// Ends a job. Its requests without an answer wait again, those without a caller and without a submission
    /// are removed. Returns how many wait again.
    fn finish(&self, job: JobId, again: Again) -> QueueFuture<u64>;

    /// Ends a job and divides its requests among two new ones of these tags, which are planned.
    fn divide(&self, job: JobId, tags: [String; 2], now: u64) -> QueueFuture<Vec<StoredJob>>;

    /// Returns the number of requests without an answer, by deadline rounded down to a second (in milliseconds
    /// since 1970), the earliest first. Requests that were taken do not count.
    fn deadlines(&self) -> QueueFuture<Vec<(u64, u64)>>;

    /// Takes requests for calls of their own, those with the earliest deadlines first: they are in no job from here
    /// on.
    fn take_due(&self, due: Due, limit: usize) -> QueueFuture<Vec<DueRequest>>;

    /// Returns requests of submissions that an earlier process has taken and not answered.
    fn taken(&self) -> QueueFuture<Vec<DueRequest>>;

    /// Records the answer to a request that was taken.
    fn settle(&self, id: RequestId, answer: StoredAnswer) -> QueueFuture<()>;

    /// Returns the number of requests of a submission, and of those that have no answer yet. `None` if the queue has none
    /// of this name.
    fn submission(&self, name: String) -> QueueFuture<Option<(u64, u64)>>;

    /// Returns answers of a submission from this position on, in the order of positions.
    fn answers(
        &self,
        submission: String,
        from: u64,
        limit: usize,
    ) -> QueueFuture<Vec<(u64, StoredAnswer)>>;

    /// Removes answers of a submission that were delivered. The submission is remembered until all of
    /// its answers were, and then until it is purged.
    fn acknowledge(&self, submission: String, positions: Vec<u64>) -> QueueFuture<()>;

    /// Removes answers and names of submissions that are older than this time, in milliseconds since 1970.
    fn purge(&self, before: u64) -> QueueFuture<u64>;

    /// Returns the number of requests in the queue, answers included, and their bytes.
    fn size(&self) -> QueueFuture<(u64, u64)>;
}

/// A request that is put into a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Its number.
    pub id: RequestId,
    /// Digest of what is asked, and by which tenant.
    pub digest: [u8; 32],
    /// Name of the account that pays.
    pub account: Arc<str>,
    /// Parts that the requests of a job have in common.
    pub group: Arc<str>,
    /// The URI.
    pub target: String,
    /// Body.
    pub body: Bytes,
    /// The time at which the answer is due, in milliseconds since 1970.
    pub deadline: u64,
    /// The present time, in milliseconds since 1970.
    pub created: u64,
    /// Name of its submission, and its position in it. `None` if a caller waits for it.
    pub submission: Option<(Arc<str>, u64)>,
    /// The tenant and the tags that it is paid under.
    pub payer: JobPayer,
}

/// The tenant and the tags that a request is paid under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPayer {
    /// Name of the tenant; empty if there is none.
    pub tenant: Arc<str>,
    /// Tags.
    pub tags: CostTags,
}

/// Outcome of recording answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answered {
    /// Those that were recorded.
    pub recorded: Vec<Recorded>,
    /// Those to requests that had been taken for calls of their own: they are paid twice. The queue knows their
    /// payers until the job has ended, even if the requests are answered and removed.
    pub late: Vec<Recorded>,
}

/// An answer with the payer of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Number of the request.
    pub id: RequestId,
    /// The answer.
    pub answer: StoredAnswer,
    /// The tenant and the tags that it is paid under.
    pub payer: JobPayer,
}

/// Bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    /// Most requests, answers included.
    pub requests: u64,
    /// Most bytes of their bodies and answers.
    pub bytes: u64,
}

/// Outcome of putting requests into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// They were added.
    Added,
    /// None was added: the queue has a submission of this name.
    Known,
    /// None was added: a bound is reached.
    Full,
}

/// Requests that are due, by their deadlines in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Latest deadline of requests that are in a job.
    pub in_job: u64,
    /// Latest deadline of requests that wait. Those that are spent are due in any case.
    pub waiting: u64,
}

/// Requests of an ended job that may be in another one. All others are spent: they get calls of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// All that have no answer.
    All,
    /// These, if they have no answer.
    Only(Vec<RequestId>),
}

/// A request that a caller waits for anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// Its number.
    pub id: RequestId,
    /// Its answer, if it has one.
    pub answer: Option<StoredAnswer>,
}

/// Eligible requests that wait, and may be in one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingGroup {
    /// Name of the account that pays.
    pub account: Arc<str>,
    /// Parts that they have in common.
    pub group: Arc<str>,
    /// Their number.
    pub count: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The time at which the oldest was put, in milliseconds since 1970.
    pub oldest: u64,
    /// The earliest deadline, in milliseconds since 1970.
    pub deadline: u64,
}

/// A job that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// Its tag.
    pub tag: String,
    /// Name of the account that pays.
    pub account: Arc<str>,
    /// Parts that its requests have in common.
    pub group: Arc<str>,
    /// Most requests.
    pub items: usize,
    /// Most bytes, with the bytes that each takes up beside its body.
    pub bytes: u64,
    /// Bytes that each takes up beside its body.
    pub overhead: u64,
    /// Earliest deadline of a request that may be in it, in milliseconds since 1970. A request with an earlier one
    /// waits until it is taken.
    pub from_deadline: u64,
    /// The present time, in milliseconds since 1970.
    pub now: u64,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJob {
    /// Its number.
    pub id: JobId,
    /// Its tag.
    pub tag: String,
    /// Name of the account that pays.
    pub account: Arc<str>,
    /// Parts that its requests have in common.
    pub group: Arc<str>,
    /// Number of its requests when it was made.
    pub items: u64,
    /// Number of times that it was divided.
    pub divided: u32,
    /// The step that it has come to.
    pub step: JobStep,
    /// The time at which it was made, in milliseconds since 1970.
    pub created: u64,
}

/// Step of a job. Each is recorded before the next call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStep {
    /// It is planned. Nothing was sent, or a file that costs nothing.
    Planned,
    /// Its file is there, under this name.
    Uploaded(String),
    /// The call that creates it was made at this time, in milliseconds since 1970, and its answer is not known.
    /// The file is that of the step before.
    Creating {
        /// The name of its file, if it has one.
        file: Option<String>,
        /// The time of the call.
        at: u64,
    },
    /// It exists, under this name, since this time in milliseconds since 1970.
    Running {
        /// The provider's name of the job.
        name: String,
        /// The time at which the provider has confirmed it.
        since: u64,
    },
}

/// A request that gets a call of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRequest {
    /// Its number.
    pub id: RequestId,
    /// Name of the account that pays.
    pub account: Arc<str>,
    /// Parts that the requests of a job have in common.
    pub group: Arc<str>,
    /// The URI.
    pub target: String,
    /// Body.
    pub body: Bytes,
    /// The time at which the answer is due, in milliseconds since 1970.
    pub deadline: u64,
    /// It belongs to a submission: no caller waits for it.
    pub submitted: bool,
    /// It was in a job that was sent.
    pub was_sent: bool,
    /// The tenant and the tags that it is paid under.
    pub payer: JobPayer,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Status.
    pub status: StatusCode,
    /// Value of Content-Type, if it has one.
    pub content_type: Option<String>,
    /// Body.
    pub body: Bytes,
    /// The time at which it came, in milliseconds since 1970.
    pub at: u64,
    /// It came from a batch job, and not from a call of its own.
    pub from_job: bool,
}

/// Error of a queue.
#[derive(Debug)]
pub struct QueueError(BoxError);

// === impl JobPayer ===

impl JobPayer {
    /// Returns the payer that a request names.
    #[must_use]
    pub fn of(request: &http::Extensions) -> Self {
        let tenant = request.get::<Tenant>();
        Self {
            tenant: tenant.map_or_else(|| Arc::from(""), |Tenant(name)| Arc::clone(name)),
            tags: request.get().cloned().unwrap_or_default(),
        }
    }
}

impl Default for JobPayer {
    fn default() -> Self {
        Self::of(&http::Extensions::new())
    }
}

// === impl QueueError ===

impl QueueError {
    /// Makes an error from its cause.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the queue of batch jobs: {}", self.0)
    }
}

impl std::error::Error for QueueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

/// Returns a time as milliseconds, as the queue has them.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
