//! Requests that can wait, as batch jobs of their provider, at half the price.
//!
//! OpenAI, Anthropic, Gemini and Mistral take half the price for requests in a batch job, which ends within 24 hours.
//! [`BatchJobsLayer`] puts requests that have time into a durable queue, makes jobs of them, and gives each caller its
//! own answer. A request that would be late gets a call of its own in time.
//!
//! # Requests that have time
//!
//! A request with a [`Deadline`](scrimp_core::extensions::Deadline), or of low
//! [`Priority`](scrimp_core::extensions::Priority), whose deadline leaves time for a job as long as jobs have taken so far. High priority
//! never waits. Everything else goes to the inner service at once, as it is: requests that stream, that the
//! provider has no batch form for, with a body above 1 MiB, or with credentials or unknown fields that no
//! [`JobAccount`] has.
//!
//! ```
//! use std::{io, time::Duration};
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use scrimp_jobs::{AnthropicJobs, BatchJobsLayer, JobAccount, SqliteQueue};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("jobs.db");
//! # let client = service_fn(|_: Request<Full<Bytes>>| async {
//! #     Ok::<_, io::Error>(Response::new(Full::<Bytes>::default()))
//! # });
//! let account = JobAccount::new("nightly")
//!     .field("x-api-key", "sk-ant-...")
//!     .field("anthropic-version", "2023-06-01");
//! let codec = AnthropicJobs::new("https://api.anthropic.com")?;
//! let jobs = BatchJobsLayer::builder(codec, SqliteQueue::open(path)?, client)
//!     .account(account)
//!     .ignore_fields("x-stainless-") // of the vendor's own clients
//!     .build()?;
//! let service = jobs.layer(service_fn(|_: Request<_>| async {
//!     Ok::<_, io::Error>(Response::new(Full::<Bytes>::from("at once")))
//! }));
//! let request = Request::post("https://api.anthropic.com/v1/messages").body(Full::<Bytes>::default())?;
//! service.oneshot(request).await?; // it has no deadline
//! assert_eq!(jobs.stats().bypassed, 1);
//! # Ok(()) }
//! ```
//!
//! # Without a caller
//!
//! [`submit`](BatchJobsLayer::submit) puts many requests into the queue under a name. Their answers are read with
//! [`Submission::next`], or given to a sink with [`Submission::forward`], by this process or by one after it.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use scrimp_jobs::BatchJobsLayer;
//!
//! # async fn night(jobs: BatchJobsLayer, requests: Vec<Request<Bytes>>) -> Result<(), scrimp_jobs::SubmitError> {
//! // The second time, after a crash, nothing is added.
//! let night = jobs.submit("night-2026-11-30", requests).await?;
//! night.forward(|answer| async move {
//!     println!("{}: {}", answer.position, answer.response.status());
//!     Ok::<_, std::io::Error>(())
//! }).await
//! # }
//! ```
//!
//! # After a crash
//!
//! Each step of a job is on the disk before the next call. A process that is killed at any of them is followed by one
//! that takes the job up:
//!
//! - Until the call that creates the job, nothing was paid: it is made again.
//! - If it is not known whether the job was created, the provider's list is searched for its tag, which it carries in its
//!   metadata or name. Anthropic's form has no place for one: there, jobs of as many requests are asked for their first
//!   result, which names its request. A job that is not found for [two minutes](BatchJobsLayerBuilder::settle) does not exist.
//!   Where the provider honours an `Idempotency-Key`, the call is repeated instead.
//! - A job that exists is asked for its state, and its results are read again from the start; answers
//!   that were recorded are skipped.
//!
//! A caller that asks the same again after a crash takes over the request that is in the queue, and its answer. One
//! that does not come back is not sent, unless it is in a job already. A call of its own, at the
//! price of a single call, has no such protection: a process that is killed during one makes it again.
//!
//! # When not to use it
//!
//! For requests with a reader who waits, and for providers without a batch price. Where several small calls can be one
//! call that is answered at once, use `scrimp-batch`.
//!
//! # Bounds
//!
//! The queue has at most a million requests and 4 GiB; one tenant at most 100,000 callers that wait. What does not fit
//! goes to the inner service, and so does everything when the queue fails: a caller waits for its own timer too. A job is in
//! memory while it is sent, 100 MB at most; results are read line by line.
//!
//! # Secrets
//!
//! Bodies of requests and answers stand in the queue's file in plain text, with the mode 0600, until they are delivered, or until the
//! [retention](BatchJobsLayerBuilder::retention) has passed. Credentials are not written: an account's fields are
//! attached when a call is made.
//!
//! # Readiness, cancellation
//!
//! The service is always ready. Each request waits inside its own future, and for a clone of the inner service when it
//! needs it. A caller that leaves takes its request out of the queue. If it is in a job, its answer is paid,
//! and kept for the next equal request of the same tenant. The background work ends with the last service, handle or
//! submission of a layer; the file stays open for as long.
//!
//! # With other layers
//!
//! Inside of a cache, and around the router of `scrimp-cost-route`, whose providers may be service levels of one vendor:
//! the router then sees what cannot wait.
//!
//! # Costs
//!
//! With a [price](BatchJobsLayerBuilder::price), an answer of a job has its cost as a
//! [`Charge`](scrimp_core::extensions::Charge). With a [ledger](BatchJobsLayerBuilder::ledger), it is booked when it is
//! recorded, for the tenant and under the tags of its request, which are in the queue beside it; so are answers whose
//! caller has left, those that came too late, and calls of their own for submissions. What the inner service is called
//! for is booked there.
//!
//! # A trial
//!
//! In a [dry run](BatchJobsLayerBuilder::dry_run) nothing is deferred or sent. Each request goes to the inner service,
//! and [`dry_run_bill`](BatchJobsLayer::dry_run_bill) has what those that could have waited cost, and what they would
//! have cost in jobs.
//!
//! # Files
//!
//! When a job is done, and that is on the disk, the files that it has left at the provider are deleted: the
//! requests, and the results (of Anthropic, the batch). A process that is killed in between leaves them to the
//! provider's own expiry. [`keep_files`](BatchJobsLayerBuilder::keep_files) keeps them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod body;
mod books;
mod builder;
mod client;
pub mod codec;
mod config;
mod deferral;
mod dry_run;
mod engine;
mod future;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod owner;
pub mod queue;
mod runner;
mod service;
mod shared;
mod stats;
mod submission;
mod waiters;

pub use account::JobAccount;
pub use body::{JobBody, JobRequestBody};
pub use books::{JobCost, PaidAnswer};
pub use builder::BatchJobsLayerBuilder;
pub use codec::{AnthropicJobs, GeminiJobs, JobCodec, MistralJobs, OpenAiJobs};
pub use dry_run::DryRunBill;
pub use future::BatchJobsFuture;
pub use layer::BatchJobsLayer;
pub use queue::JobQueue;
#[cfg(feature = "sqlite")]
pub use queue::{SqliteQueue, SqliteQueueBuilder};
pub use scrimp_core::SettingError;
pub use service::BatchJobs;
pub use stats::BatchJobsStats;
pub use submission::{JobAnswer, Submission, SubmitError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
