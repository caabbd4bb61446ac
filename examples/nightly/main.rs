//! The nightly job: a million records, enriched by an API that charges a tenth of a cent each and
//! accepts 42 per second. Responses are fresh for a day, and seven in ten records occur again.
//! Batches of a hundred; the night passes in virtual time.
//!
//! ```sh
//! cargo run --release --example nightly
//! cargo run --release --example nightly -- 50000     # fewer records
//! ```

use std::{
    convert::Infallible,
    fmt::Display,
    future::Future,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use indicatif::{ProgressBar, ProgressStyle};
use scrimp::{
    batch::{BatchLayer, BatchStats, BatchWindow, Governed, RestJson},
    cache::{CacheLayer, CacheStats, MemoryStore},
    core::{BoxError, Currency, Money},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Price of a record: a tenth of a cent.
const PRICE: Money = Money::from_pico(1_000_000_000, Currency::USD);
/// Records per second that the API accepts.
const RATE: u32 = 42;
/// Records that are processed at a time.
const AT_ONCE: usize = 2_000;

/// Measurements of the night.
struct Night {
    enriched: u64,
    calls: u64,
    cache: CacheStats,
    batch: BatchStats,
    time: Duration,
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let records = match std::env::args().nth(1) {
        Some(records) => records.parse()?,
        None => 1_000_000,
    };
    let bar = ProgressBar::new(records);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {human_pos} of {human_len} records, {eta} left",
    )?);
    let night = run(records, &bar).await?;
    bar.finish_and_clear();
    report(records, &night);
    Ok(())
}

fn report(records: u64, night: &Night) {
    let paid = night.batch.items + night.batch.alone;
    let hours = |time: Duration| format!("{:.1} h", time.as_secs_f64() / 3_600.0);
    let alone = Duration::from_secs_f64(records as f64 / f64::from(RATE));
    let row = |what: &str, before: &dyn Display, tonight: &dyn Display| {
        println!(
            "{what:<20}{:>14}{:>14}",
            before.to_string(),
            tonight.to_string()
        );
    };
    row("", &"one by one", &"tonight");
    row("records enriched", &records, &night.enriched);
    row("known already", &0, &night.cache.hits);
    row("records paid for", &records, &paid);
    row("calls", &records, &night.calls);
    row("cost", &(PRICE * records), &(PRICE * paid));
    row("time", &hours(alone), &hours(night.time));
}

/// Enriches all records, of which three in ten are new.
async fn run(records: u64, bar: &ProgressBar) -> Result<Night, BoxError> {
    let calls = Arc::new(AtomicU64::new(0));
    let cache = CacheLayer::builder(MemoryStore::new(1 << 30))
        .rule("path=/records/{id} ttl=24h")
        .build()?;
    let rate = NonZeroU32::new(RATE).ok_or("a rate above 0")?;
    let quota = governor::Quota::per_second(rate);
    let batch = BatchLayer::builder(RestJson::new("/batch"))
        .max_items(100)
        .window(BatchWindow::fixed(Duration::from_secs(10)))
        .rate_limit(Governed::new(quota))
        .build()?;
    let stack = ServiceBuilder::new()
        .layer(cache.clone())
        .layer(batch.clone())
        .service(service_fn({
            let calls = Arc::clone(&calls);
            move |request| {
                calls.fetch_add(1, Relaxed);
                api(request)
            }
        }));
    let start = Instant::now();
    // The file lists the same customers in rounds. Within a round no two records have the same
    // customer: sharing equal requests in flight would be the work of another layer.
    let customers = (records * 3 / 10).max(1);
    let mut enriched = 0;
    for round in (0..records).step_by(usize::try_from(customers)?) {
        let end = records.min(round + customers);
        let work = stream::iter(round..end).map(|n| enrich(stack.clone(), n - round));
        let mut work = std::pin::pin!(work.buffer_unordered(AT_ONCE));
        while let Some(answer) = work.next().await {
            enriched += u64::from(answer?);
            bar.inc(1);
        }
    }
    Ok(Night {
        enriched,
        calls: calls.load(Relaxed),
        cache: cache.stats(),
        batch: batch.stats(),
        time: start.elapsed(),
    })
}

/// Requests one record; returns whether it was the right one.
async fn enrich<S, B>(client: S, id: u64) -> Result<bool, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes, Error = Infallible>,
{
    let request = Request::get(format!("/records/{id}")).body(Full::default())?;
    let response = client.oneshot(request).await?;
    let body = response.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body)?;
    Ok(body["record"] == format!("/records/{id}"))
}

/// Makes the API: it accepts a batch of requests, or one.
fn api(
    request: Request<Full<Bytes>>,
) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> {
    let enriched = |url: &Value| json!({"record": url, "score": 7});
    async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let answer = match serde_json::from_slice::<Value>(&body) {
            Ok(batch) => {
                let asked = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
                let answer = |item: &Value| json!({"id": item["id"], "status": 200, "body": enriched(&item["url"])});
                json!({"responses": asked.iter().map(answer).collect::<Vec<_>>()})
            }
            Err(_) => enriched(&head.uri.path().into()),
        };
        Ok(Response::new(Full::new(answer.to_string().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn seven_records_in_ten_cost_nothing_and_the_rest_go_by_the_hundred() {
        let night = run(20_000, &ProgressBar::hidden()).await.unwrap();
        assert_eq!(night.enriched, 20_000);
        assert_eq!((night.batch.items, night.cache.hits), (6_000, 14_000));
        assert_eq!(night.calls, 60);
        let least = Duration::from_secs(6_000 / u64::from(RATE) - 2);
        assert!(night.time >= least, "the rate was kept: {:?}", night.time);
    }
}
