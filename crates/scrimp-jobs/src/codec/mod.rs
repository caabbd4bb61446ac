//! Forms of the batch APIs of providers, as pure functions.

mod anthropic;
mod gemini;
mod jsonl;
mod mistral;
mod multipart;
mod openai;
mod read;

use std::fmt;

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};

pub use self::{
    anthropic::AnthropicJobs, gemini::GeminiJobs, mistral::MistralJobs, openai::OpenAiJobs,
};

/// Form of a provider's batch API.
///
/// A codec makes calls and reads their answers. It does no I/O and keeps no state, so that each step
/// can be repeated after a crash. Credentials are not its concern: the layer attaches them to every
/// call.
pub trait JobCodec: Send + Sync + 'static {
    /// Returns the name of the form, for events.
    fn name(&self) -> &'static str;

    /// Returns the limits of one job, as the provider documents them.
    fn limits(&self) -> JobLimits;

    /// Returns the text that all requests of one job have in common, such as the path and the model.
    /// `None` if the provider has no batch form for this request.
    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String>;

    /// Returns the number of bytes that a request takes up in a job beside its body.
    fn overhead(&self) -> u64 {
        160
    }

    /// Returns the call that uploads the requests of a job. `None` if the job is created without a
    /// file.
    fn upload(&self, job: &JobDraft<'_>) -> Option<Request<Bytes>>;

    /// Reads the answer to [`upload`](Self::upload).
    ///
    /// # Errors
    ///
    /// If the answer is not of the documented form.
    fn uploaded(&self, job: &JobDraft<'_>, answer: &Response<Bytes>) -> Result<Upload, CodecError>;

    /// Returns the call that creates a job, which carries the job's [tag](JobDraft::tag) if the form
    /// has a place for it.
    fn create(&self, job: &JobDraft<'_>, file: Option<&str>) -> Request<Bytes>;

    /// Reads the provider's name of the job from the answer to [`create`](Self::create).
    ///
    /// # Errors
    ///
    /// If the answer is not of the documented form.
    fn created(&self, answer: &[u8]) -> Result<String, CodecError>;

    /// Reports whether the provider documents that a repeated [`create`](Self::create) with the same
    /// `Idempotency-Key` makes no second job. Default: no; jobs are then listed after a crash.
    fn honours_idempotency_key(&self) -> bool {
        false
    }

    /// Reports whether jobs carry their tag, so that the list shows it. Default: yes. If not, jobs without a tag are asked
    /// for their first result.
    fn carries_tag(&self) -> bool {
        true
    }

    /// Returns the call that lists jobs, newest first, from the start or from a page's
    /// [`next`](JobPage::next).
    fn list(&self, page: Option<&str>) -> Request<Bytes>;

    /// Reads the answer to [`list`](Self::list) of the same page.
    ///
    /// # Errors
    ///
    /// If the answer is not of the documented form.
    fn listed(&self, page: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError>;

    /// Returns the call that asks for the state of a job.
    fn status(&self, job: &str) -> Request<Bytes>;

    /// Reads the answer to [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// If the answer is not of the documented form.
    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError>;

    /// Returns the call that fetches a [source](Ended::sources) of results, in lines of JSON.
    fn results(&self, source: &str) -> Request<Bytes>;

    /// Reads a line of results. `None` if it is not of the documented form.
    fn result(&self, line: &[u8]) -> Option<ItemResult>;

    /// Returns the names of the files that a job has left at the provider, from the answer to
    /// [`status`](Self::status) of one that has ended: its requests, and its results. Default: none.
    fn files(&self, status: &[u8]) -> Vec<String> {
        let _ = status;
        Vec::new()
    }

    /// Returns the call that deletes one of these files. `None` if the provider has no such call.
    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        let _ = file;
        None
    }
}

/// Limits of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// Most requests.
    pub items: usize,
    /// Most bytes of all requests together.
    pub bytes: u64,
}

/// A job that is about to be submitted.
#[derive(Debug, Clone, Copy)]
pub struct JobDraft<'a> {
    /// Name that the crate gives to the job, unique over all jobs of all queues: letters, digits and
    /// hyphens.
    pub tag: &'a str,
    /// Parts that the requests have in common, as [`JobCodec::group`] returned it.
    pub group: &'a str,
    /// The requests.
    pub items: &'a [JobItem],
}

/// One request of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobItem {
    /// Name of the request, unique over all jobs: the job's tag and the request's number.
    pub custom_id: String,
    /// The request's body, which is JSON.
    pub body: Bytes,
}

/// Outcome of a call of the upload.
#[derive(Debug)]
pub enum Upload {
    /// The file is there, under this name.
    Done(String),
    /// The upload takes another call.
    Next(Box<Request<Bytes>>),
}

/// A page of the provider's jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobPage {
    /// Jobs, newest first.
    pub jobs: Vec<ListedJob>,
    /// Beginning of the next page. `None` on the last one.
    pub next: Option<String>,
}

/// A job of the provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// The provider's name of the job.
    pub id: String,
    /// The [tag](JobDraft::tag) that the job carries. `None` if the form has no place for one, or
    /// the job is not of this crate.
    pub tag: Option<String>,
    /// Number of its requests, if the list has it.
    pub items: Option<u64>,
    /// The time at which it was created, in seconds since 1970, by the provider's clock.
    pub created: Option<u64>,
}

/// State of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It has not ended.
    Running,
    /// It has ended.
    Ended(Ended),
}

/// A job that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The way in which it ended.
    pub end: JobEnd,
    /// Place of its results, for [`JobCodec::results`].
    pub sources: Vec<String>,
    /// Results that came with the state.
    pub inline: Vec<ItemResult>,
}

/// The way in which a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// Each request was processed.
    Completed,
    /// The time limit passed, or the job was cancelled: some requests may have been processed.
    Cut,
    /// The provider refused the job when it checked the requests. None was processed.
    Rejected,
}

/// Result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResult {
    /// The [name](JobItem::custom_id) of the request.
    pub custom_id: String,
    /// Outcome.
    pub outcome: ItemOutcome,
}

/// Outcome of one request of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// The provider's answer.
    Answer {
        /// Status.
        status: StatusCode,
        /// Body, in JSON.
        body: Bytes,
    },
    /// The request was not processed: it expired, or its processing failed. It may be sent again.
    NotProcessed,
}

/// Error of an answer that is not of the documented form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(String);

// === impl JobDraft ===

impl JobDraft<'_> {
    /// Returns the name of the job's file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.jsonl", self.tag)
    }
}

// === impl CodecError ===

impl CodecError {
    /// Makes an error that says which part of the answer is missing or wrong.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the batch API's answer is not of the documented form: {}",
            self.0
        )
    }
}

impl std::error::Error for CodecError {}

// === impl JobCodec ===

impl<C: JobCodec + ?Sized> JobCodec for Box<C> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn limits(&self) -> JobLimits {
        (**self).limits()
    }

    fn group(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        (**self).group(parts, body)
    }

    fn overhead(&self) -> u64 {
        (**self).overhead()
    }

    fn upload(&self, job: &JobDraft<'_>) -> Option<Request<Bytes>> {
        (**self).upload(job)
    }

    fn uploaded(&self, job: &JobDraft<'_>, answer: &Response<Bytes>) -> Result<Upload, CodecError> {
        (**self).uploaded(job, answer)
    }

    fn create(&self, job: &JobDraft<'_>, file: Option<&str>) -> Request<Bytes> {
        (**self).create(job, file)
    }

    fn created(&self, answer: &[u8]) -> Result<String, CodecError> {
        (**self).created(answer)
    }

    fn honours_idempotency_key(&self) -> bool {
        (**self).honours_idempotency_key()
    }

    fn carries_tag(&self) -> bool {
        (**self).carries_tag()
    }

    fn list(&self, page: Option<&str>) -> Request<Bytes> {
        (**self).list(page)
    }

    fn listed(&self, page: Option<&str>, answer: &[u8]) -> Result<JobPage, CodecError> {
        (**self).listed(page, answer)
    }

    fn status(&self, job: &str) -> Request<Bytes> {
        (**self).status(job)
    }

    fn progress(&self, answer: &[u8]) -> Result<Progress, CodecError> {
        (**self).progress(answer)
    }

    fn results(&self, source: &str) -> Request<Bytes> {
        (**self).results(source)
    }

    fn result(&self, line: &[u8]) -> Option<ItemResult> {
        (**self).result(line)
    }

    fn files(&self, status: &[u8]) -> Vec<String> {
        (**self).files(status)
    }

    fn delete(&self, file: &str) -> Option<Request<Bytes>> {
        (**self).delete(file)
    }
}
