//! Requests without a caller, and their answers.

use std::{collections::HashSet, fmt, future::Future, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use scrimp_core::{BoxError, extensions::DueBy, extensions::Tenant};
use tokio::time::Instant;

use crate::{
    deferral::{digest, response},
    owner::Owner,
    queue::{JobPayer, NewRequest, Put, QueueError, StoredAnswer, millis},
    shared::Core,
};

/// Answers that are read in one transaction.
const AT_ONCE: usize = 256;

/// A handle on requests that were submitted together, by their name.
///
/// Answers stay in the queue until they are [acknowledged](Self::acknowledge), and at most for the layer's
/// [retention](crate::BatchJobsLayerBuilder::retention). So a reader that is killed between an answer and its
/// acknowledgement gets the answer again.
///
/// It keeps the background work of the layer alive.
pub struct Submission {
    owner: Arc<Owner>,
    name: Arc<str>,
    total: u64,
    given: HashSet<u64>,
}

/// The answer to a request of a submission.
#[derive(Debug)]
#[non_exhaustive]
pub struct JobAnswer {
    /// Position of the request, from 0, in the order in which the requests were submitted.
    pub position: u64,
    /// The provider's answer. After the deadline, it is a `deadline` [problem](scrimp_core::Problem::deadline) (504).
    pub response: Response<Bytes>,
    /// It came from a batch job, at its price, and not from a call of its own.
    pub from_job: bool,
}

/// Error of a submission.
#[derive(Debug)]
pub struct SubmitError(Kind);

#[derive(Debug)]
enum Kind {
    NoForm(usize),
    NoAccount(usize),
    NoTarget(usize),
    TooLong(usize),
    Full,
    DryRun,
    Queue(QueueError),
    Sink(BoxError),
}

// === impl Submission ===

impl Submission {
    pub(crate) async fn put(
        owner: &Arc<Owner>,
        name: Arc<str>,
        requests: impl IntoIterator<Item = Request<Bytes>>,
    ) -> Result<Self, SubmitError> {
        let core = owner.core();
        if core.config.dry_run {
            return Err(SubmitError(Kind::DryRun));
        }
        let now = core.now();
        let requests = requests.into_iter().enumerate();
        let read = requests.map(|(at, request)| read(core, &name, now, at, request));
        let mut requests: Vec<NewRequest> = read.collect::<Result<_, _>>()?;
        let total = requests.len() as u64;
        let first = core.queue().reserve(requests.len());
        for (id, request) in (first..).zip(&mut requests) {
            request.id = id;
        }
        if requests.is_empty() {
            return Ok(Self::new(owner, name, 0));
        }
        match core.queue().put(requests, core.queue_bounds()).await? {
            Put::Added => {
                core.counters.deferred.add(total);
                core.wake_at(now + millis(core.config.timings.window));
                Ok(Self::new(owner, name, total))
            }
            Put::Known => match Self::find(owner, name.clone()).await? {
                Some(known) => Ok(known),
                // It was purged between the two.
                None => Ok(Self::new(owner, name, 0)),
            },
            Put::Full => Err(SubmitError(Kind::Full)),
        }
    }

    pub(crate) async fn find(
        owner: &Arc<Owner>,
        name: Arc<str>,
    ) -> Result<Option<Self>, SubmitError> {
        let found = owner.core().queue().submission(name.to_string()).await?;
        Ok(found.map(|(total, _)| Self::new(owner, name, total)))
    }

    fn new(owner: &Arc<Owner>, name: Arc<str>, total: u64) -> Self {
        Self {
            owner: Arc::clone(owner),
            name,
            total,
            given: HashSet::new(),
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of its requests, delivered ones included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Reports whether it has no requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Waits for the next answers, in any order: at least one, and at most 256. Those that this handle has given and that are
    /// not acknowledged are not given again. `None` if there are no others.
    ///
    /// # Errors
    ///
    /// If the queue fails.
    pub async fn next(&mut self) -> Result<Option<Vec<JobAnswer>>, SubmitError> {
        let core = Arc::clone(self.owner.core());
        let mut changed = core.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let name = || self.name.to_string();
            let left = core.queue().submission(name()).await?;
            let limit = AT_ONCE + self.given.len();
            let mut answers = core.queue().answers(name(), 0, limit).await?;
            answers.retain(|(position, _)| !self.given.contains(position));
            answers.truncate(AT_ONCE);
            if !answers.is_empty() {
                self.given
                    .extend(answers.iter().map(|(position, _)| *position));
                return Ok(Some(answers.into_iter().map(given).collect()));
            }
            // All were answered before the answers were read, and none of them is new.
            if left.is_none_or(|(_, left)| left == 0) {
                return Ok(None);
            }
            if changed.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Removes answers from the queue, as they have been dealt with.
    ///
    /// # Errors
    ///
    /// If the queue fails. The answers are then given again by the next handle.
    pub async fn acknowledge(
        &mut self,
        positions: impl IntoIterator<Item = u64>,
    ) -> Result<(), SubmitError> {
        let positions: Vec<u64> = positions.into_iter().collect();
        let queue = self.owner.core().queue();
        queue
            .acknowledge(self.name.to_string(), positions.clone())
            .await?;
        for position in positions {
            self.given.remove(&position);
        }
        Ok(())
    }

    /// Gives every answer to a sink, until there are no more. Answers are acknowledged in groups, after the sink has
    /// taken them: after a crash, the sink gets the last group again.
    ///
    /// # Errors
    ///
    /// If the queue or the sink fails. What the sink has not taken stays in the queue.
    pub async fn forward<F, E>(
        mut self,
        mut sink: impl FnMut(JobAnswer) -> F,
    ) -> Result<(), SubmitError>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        while let Some(answers) = self.next().await? {
            let mut taken = Vec::with_capacity(answers.len());
            let mut failed = None;
            for answer in answers {
                let position = answer.position;
                match sink(answer).await {
                    Ok(()) => taken.push(position),
                    Err(error) => {
                        failed = Some(error.into());
                        break;
                    }
                }
            }
            self.acknowledge(taken).await?;
            if let Some(error) = failed {
                return Err(SubmitError(Kind::Sink(error)));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("name", &self.name)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

fn given((position, answer): (u64, StoredAnswer)) -> JobAnswer {
    let from_job = answer.from_job;
    JobAnswer {
        position,
        response: response(answer),
        from_job,
    }
}

/// Reads a request of a submission.
fn read(
    core: &Core,
    name: &Arc<str>,
    now: u64,
    at: usize,
    request: Request<Bytes>,
) -> Result<NewRequest, SubmitError> {
    let (parts, body) = request.into_parts();
    if body.len() > core.config.bounds.max_body {
        return Err(SubmitError(Kind::TooLong(at)));
    }
    if parts.uri.scheme().is_none() || parts.uri.authority().is_none() {
        return Err(SubmitError(Kind::NoTarget(at)));
    }
    let account = core.config.accounts.of(&parts.headers);
    let account = account.ok_or(SubmitError(Kind::NoAccount(at)))?;
    let group = core
        .config
        .codec
        .group(&parts, &body)
        .ok_or(SubmitError(Kind::NoForm(at)))?;
    let left = DueBy::of(&parts.extensions).map_or(core.config.timings.patience, |due| {
        due.saturating_duration_since(Instant::now())
    });
    Ok(NewRequest {
        id: 0,
        digest: digest_of(&parts, &body),
        account: account.name().clone(),
        group: group.into(),
        target: parts.uri.to_string(),
        body,
        deadline: now + millis(left),
        created: now,
        submission: Some((Arc::clone(name), at as u64)),
        payer: JobPayer::of(&parts.extensions),
    })
}

fn digest_of(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let tenant = parts.extensions.get::<Tenant>();
    let tenant = tenant.map_or(&b""[..], |tenant| tenant.0.as_bytes());
    digest(&[parts.uri.to_string().as_bytes(), body, tenant])
}

// === impl SubmitError ===

impl SubmitError {
    /// Reports whether the queue is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.0, Kind::Full)
    }
}

impl From<QueueError> for SubmitError {
    fn from(error: QueueError) -> Self {
        Self(Kind::Queue(error))
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoForm(at) => write!(f, "request {at} has no batch form"),
            Kind::NoAccount(at) => write!(f, "no account has the fields of request {at}"),
            Kind::NoTarget(at) => write!(f, "the URI of request {at} is not absolute"),
            Kind::TooLong(at) => write!(f, "the body of request {at} is above the limit"),
            Kind::Full => f.write_str("the queue of batch jobs is full"),
            Kind::DryRun => f.write_str("nothing is submitted in a dry run"),
            Kind::Queue(error) => write!(f, "{error}"),
            Kind::Sink(error) => write!(f, "the sink of answers: {error}"),
        }
    }
}

impl std::error::Error for SubmitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Queue(error) => Some(error),
            Kind::Sink(error) => Some(&**error),
            _ => None,
        }
    }
}
