//! A nightly job: a million records, most of which occur more than once.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Response;
use http_body_util::{BodyExt, Full};
use scrimp_batch::{BatchLayer, BatchStats, BatchWindow, Governed, RestJson};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Clock, Currency, Ledger, Money};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, service_fn};

use super::{
    Demo,
    crowd::{Ask, ask, get},
    outcome::{Line, Scenario},
    prices::{RECORD, Taken, Till},
    value::{Goal, Value},
};
use crate::{
    error::{Error, Result},
    support::{format::count, random::Random},
};

const RECORDS: u64 = 1_000_000;
/// Records in ten whose customer is new in tonight's file.
const NEW_IN_TEN: u64 = 3;
/// Duration of a call for one record, and of each further one in a batch.
const TAKES: Duration = Duration::from_millis(29);
const EACH_MORE: Duration = Duration::from_millis(2);
/// Records per second that the API accepts.
const RATE: u32 = 42;
/// Records in a group.
const GROUP: usize = 100;
/// Records that are processed at a time.
const AT_ONCE: usize = 2_000;

/// Measurements of the night.
struct Night {
    records: u64,
    customers: u64,
    /// Records that received their own response.
    right: u64,
    from_cache: u64,
    joined: u64,
    batch: BatchStats,
    taken: Taken,
    booked: Money,
    time: Duration,
}

pub(super) async fn run(demo: &Demo) -> Result<Scenario> {
    let records = RECORDS / demo.one_in;
    let night = job(&file(records, demo.seed)).await?;
    Ok(told(&night))
}

fn told(night: &Night) -> Scenario {
    Scenario::new(
        "nightly job",
        "a file of records in random order, three in ten of a customer new in it; responses are \
         stored for 24 h; at most 42 records a second, 100 in a call; a single one takes 29 ms; \
         CacheLayer, CoalesceLayer, BatchLayer with a rate limit.",
    )
    .lines(layer_by_layer(night))
    .lines(savings(night))
    .lines(promises(night))
    .note(format!(
        "Cache and sharing leave 300,000 calls in a million; in groups of a hundred they are 3,000 \
         ({} batches of {} records here). The rate limit is in records, and determines the time.",
        count(night.batch.batches),
        count(night.batch.items),
    ))
}

fn layer_by_layer(night: &Night) -> [Line; 5] {
    let records = night.records;
    let calls = night.customers.div_ceil(GROUP as u64);
    [
        Line::count("records requested", records).without(Value::Count(records)),
        Line::count("answered by the cache", night.from_cache),
        Line::count("joined a record in flight", night.joined),
        Line::count("records fetched", night.taken.items)
            .without(Value::Count(records))
            .goal(Goal::AtMost(Value::Count(records * NEW_IN_TEN / 10))),
        Line::count("upstream calls", night.taken.calls)
            .without(Value::Count(records))
            .goal(Goal::AtMost(Value::Count(calls))),
    ]
}

fn savings(night: &Night) -> [Line; 2] {
    let records = u32::try_from(night.records).unwrap_or(u32::MAX);
    let cost = RECORD * (night.records * NEW_IN_TEN / 10);
    // Two hours for a million.
    let time = Duration::from_micros(7_200) * records;
    [
        Line::money("cost at $0.001 a record", night.taken.money)
            .without(Value::Money(RECORD * night.records))
            .goal(Goal::AtMost(Value::Money(cost))),
        Line::time("time", night.time)
            .without(Value::Time(TAKES * records))
            .goal(Goal::AtMost(Value::Time(time))),
    ]
}

fn promises(night: &Night) -> [Line; 3] {
    [
        Line::count("records fetched, by a count of customers", night.customers)
            .must(Goal::Exactly(Value::Count(night.taken.items))),
        Line::count("records with their own response", night.right)
            .must(Goal::Exactly(Value::Count(night.records))),
        Line::money("spent, by the layer's ledger", night.booked)
            .must(Goal::Exactly(Value::Money(night.taken.money))),
    ]
}

/// Generates tonight's file: each customer at least once, in random order.
fn file(records: u64, seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    let customers = (records * NEW_IN_TEN / 10).max(1);
    let again = (customers..records).map(|_| random.below(customers));
    let mut file: Vec<u64> = (0..customers).chain(again.collect::<Vec<_>>()).collect();
    // Shuffle by Fisher and Yates.
    for last in (1..file.len()).rev() {
        let other = usize::try_from(random.below(last as u64 + 1)).unwrap_or(0);
        file.swap(last, other);
    }
    file
}

async fn job(file: &[u64]) -> Result<Night> {
    let (till, ledger) = (Till::default(), Ledger::new());
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
    let cache = CacheLayer::builder(MemoryStore::new(1 << 30))
        .clock(clock.clone())
        .rule("path=/records/{id} ttl=24h")
        .build()?;
    let coalesce = CoalesceLayer::builder().clock(clock).build()?;
    let rate = NonZeroU32::new(RATE).ok_or_else(|| Error::new("a rate of zero"))?;
    let batch = BatchLayer::builder(RestJson::new("/batch"))
        .max_items(GROUP)
        .window(BatchWindow::fixed(Duration::from_secs(10)))
        .rate_limit(Governed::new(governor::Quota::per_second(rate)))
        .ledger(ledger.clone())
        .build()?;
    let client = ServiceBuilder::new()
        .layer(cache.clone())
        .layer(coalesce.clone())
        .layer(batch.clone())
        .service({
            let till = till.clone();
            service_fn(move |request| enrich(till.clone(), request))
        });
    let start = Instant::now();
    let work = stream::iter(file).map(|&id| {
        let client = client.clone();
        async move {
            let path = format!("/records/{id}");
            let answer = ask(client, get(&format!("http://crm.example{path}"))).await;
            answer.is_good() && answer.body.as_deref() == Some(format!("\"{path}\"").as_bytes())
        }
    });
    let right = work
        .buffer_unordered(AT_ONCE)
        .fold(0, |right, one| async move { right + u64::from(one) })
        .await;
    Ok(Night {
        records: file.len() as u64,
        customers: file.iter().max().map_or(0, |last| last + 1),
        right,
        from_cache: cache.stats().hits,
        joined: coalesce.stats().joined,
        batch: batch.stats(),
        taken: till.taken(),
        booked: ledger.spent("batch").get(Currency::USD),
        time: start.elapsed(),
    })
}

/// Answers like the API: accepts a batch of records, or one.
async fn enrich(
    till: Till,
    request: Ask,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (number, answer) = match serde_json::from_slice::<Json>(&body) {
        Ok(batch) => {
            let asked = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
            let item = |one: &Json| json!({"id": one["id"], "status": 200, "body": one["url"]});
            let answers: Vec<Json> = asked.iter().map(item).collect();
            (asked.len(), json!({"responses": answers}))
        }
        Err(_) => (1, json!(head.uri.path())),
    };
    let charge = till.take(number as u64, RECORD * number as u64);
    sleep(TAKES + EACH_MORE * u32::try_from(number).unwrap_or(1)).await;
    let mut response = Response::new(Full::from(answer.to_string()));
    response.extensions_mut().insert(charge);
    Ok(response)
}
