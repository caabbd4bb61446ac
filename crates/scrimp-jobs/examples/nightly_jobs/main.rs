//! The nightly job with batch jobs: a million records, seven in ten known already, enriched by a model until the morning.
//! The provider is in memory and speaks the form of Anthropic's Message Batches; the night passes in virtual
//! time.
//!
//! ```sh
//! cargo run --release -p scrimp-jobs --example nightly_jobs
//! cargo run --release -p scrimp-jobs --example nightly_jobs -- 50000     # fewer records
//! ```

mod provider;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::Request;
use provider::Provider;
use scrimp_core::{BoxError, Clock, Currency, Money, extensions::Deadline};
use scrimp_jobs::{AnthropicJobs, BatchJobsLayer, BatchJobsStats, JobAccount, SqliteQueue};
use serde_json::json;
use tokio::time::Instant;

/// Tokens of a question and of its answer.
const TOKENS: (u64, u64) = (600, 80);

/// Prices of Claude Haiku 4.5 for a million tokens of input and of output, in cents: of single calls, and in a
/// batch (<https://platform.claude.com/docs/en/build-with-claude/batch-processing>).
const SINGLE: (u64, u64) = (100, 500);
const BATCH: (u64, u64) = (50, 250);

/// Requests that are submitted under one name.
const PORTION: u64 = 50_000;

/// The time from the evening until the answers are due.
const NIGHT: Duration = Duration::from_secs(10 * 3_600);

/// Measurements of the night.
struct Night {
    customers: u64,
    answered: u64,
    missed: u64,
    in_jobs: u64,
    on_their_own: u64,
    time: Duration,
    /// Bytes of the queue's file, with all requests in it.
    file: u64,
    stats: BatchJobsStats,
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let records = match std::env::args().nth(1) {
        Some(records) => records.parse()?,
        None => 1_000_000,
    };
    let night = run(records, 7).await?;
    report(records, &night);
    Ok(())
}

fn report(records: u64, night: &Night) {
    let row = |what: &str, value: String| println!("{what:<44}{value:>14}");
    row("records", records.to_string());
    row(
        "known already tonight",
        (records - night.customers).to_string(),
    );
    row("answered", night.answered.to_string());
    row("after the morning", night.missed.to_string());
    row("in batch jobs", night.in_jobs.to_string());
    row("on their own", night.on_their_own.to_string());
    row("jobs", night.stats.jobs.to_string());
    row(
        "bytes of a request in the file",
        (night.file / night.customers).to_string(),
    );
    row(
        "ready after",
        format!("{:.1} h", night.time.as_secs_f64() / 3_600.0),
    );
    row(
        "bill, each record on its own",
        (price(SINGLE) * records).to_string(),
    );
    row(
        "bill, each customer on its own",
        (price(SINGLE) * night.customers).to_string(),
    );
    row("bill tonight", bill(night).to_string());
    row(
        "below each customer on its own",
        format!("{:.1} %", saved(night) * 100.0),
    );
}

/// Returns the price of one request.
fn price((input, output): (u64, u64)) -> Money {
    // Cents for a million tokens are ten thousand pico-dollars for one.
    let tokens = TOKENS.0 * input + TOKENS.1 * output;
    Money::from_pico(i128::from(tokens) * 10_000, Currency::USD)
}

fn bill(night: &Night) -> Money {
    let jobs = price(BATCH) * night.in_jobs;
    let own = price(SINGLE) * night.on_their_own;
    jobs.checked_add(own).expect("both are dollars")
}

fn saved(night: &Night) -> f64 {
    1.0 - bill(night).as_f64() / (price(SINGLE) * night.customers).as_f64()
}

/// Asks for each customer of the night once.
async fn run(records: u64, seed: u64) -> Result<Night, BoxError> {
    let customers = (records * 3 / 10).max(1);
    let provider = Provider::new(seed);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("jobs.db");
    let jobs = BatchJobsLayer::builder(
        AnthropicJobs::new("https://api.anthropic.com")?,
        SqliteQueue::open(&file)?,
        provider.client(),
    )
    .account(JobAccount::new("nightly").field("x-api-key", "sk-ant-..."))
    // A million calls of their own, should it come to that, are then made in four hours of the night. With fewer at a
    // time they would have to begin before the jobs have ended.
    .calls_at_once(4_096)
    .max_requests(2_000_000)
    .clock(Clock::anchored(
        UNIX_EPOCH + Duration::from_secs(1_767_571_200),
    ))
    .build()?;
    let evening = Instant::now();
    let morning = evening + NIGHT;
    for first in (0..customers).step_by(usize::try_from(PORTION)?) {
        let portion = first..customers.min(first + PORTION);
        let name = format!("night-{first}");
        jobs.submit(name, portion.map(|n| question(n, morning)))
            .await?;
    }
    let file = std::fs::metadata(file)?.len();
    let (answered, missed) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(0));
    for first in (0..customers).step_by(usize::try_from(PORTION)?) {
        let portion = jobs.submission(format!("night-{first}")).await?;
        let portion = portion.ok_or("the queue forgot a submission")?;
        let sink = |answer: scrimp_jobs::JobAnswer| {
            answered.fetch_add(u64::from(answer.response.status().is_success()), Relaxed);
            missed.fetch_add(u64::from(Instant::now() > morning), Relaxed);
            std::future::ready(Ok::<_, std::io::Error>(()))
        };
        portion.forward(sink).await?;
    }
    let (in_jobs, on_their_own) = provider.paid();
    Ok(Night {
        customers,
        answered: answered.load(Relaxed),
        missed: missed.load(Relaxed),
        in_jobs,
        on_their_own,
        time: evening.elapsed(),
        file,
        stats: jobs.stats(),
    })
}

/// Makes the question about one customer.
fn question(n: u64, due: Instant) -> Request<Bytes> {
    let text = format!("Classify customer {n}.");
    let body = json!({
        "model": "claude-haiku-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
    });
    let request = Request::post("https://api.anthropic.com/v1/messages");
    let mut request = request
        .body(Bytes::from(body.to_string()))
        .expect("a URI that is written here");
    request.extensions_mut().insert(Deadline(due));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_night_costs_at_least_45_percent_less_and_no_answer_comes_after_the_morning() {
        for seed in 0..5 {
            let night = run(20_000, seed).await.unwrap();
            assert_eq!((night.answered, night.missed), (6_000, 0), "seed {seed}");
            assert!(saved(&night) >= 0.45, "seed {seed}: {}", saved(&night));
        }
    }
}
