//! A thousand callers at the moment when a response expires.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use http_body::Body;
use parking_lot::Mutex;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_stampede::StampedeLayer;
use tokio::time::sleep;
use tower::ServiceBuilder;
use tower_service::Service;

use super::{Api, clock};
use crate::{
    error::{Error, Result},
    {
        crowd::{Ask, ask, get},
        outcome::{Line, Scenario},
        prices::Till,
        value::{Goal, Value},
    },
};

const CALLERS: usize = 1_000;
const TAKES: Duration = Duration::from_millis(200);
/// Freshness lifetime, in seconds.
const TTL: u64 = 60;
/// Time between two callers while the response is fresh.
const EVERY: Duration = Duration::from_millis(10);

/// Calls of the upstream, and callers that waited.
#[derive(Debug, Clone, Copy)]
struct Rush {
    calls: u64,
    waited: u64,
}

pub(crate) async fn run() -> Result<Scenario> {
    let alone = |till: &Till| {
        let api = api(till);
        Ok::<_, Error>(ServiceBuilder::new().layer(cache()?).service(api))
    };
    let protected = |till: &Till| {
        let random = Mutex::new(fastrand::Rng::with_seed(1));
        let stampede = StampedeLayer::builder()
            .clock(clock())
            .random(move || random.lock().f64())
            .build()?;
        let stack = ServiceBuilder::new().layer(stampede).layer(cache()?);
        Ok::<_, Error>(stack.service(api(till)))
    };
    let till = Till::default();
    let (cold_without, busy_without) = {
        let client = alone(&till)?;
        (cold(&client, &till).await, busy(&client, &till).await)
    };
    let till = Till::default();
    let (cold_with, busy_with) = {
        let client = protected(&till)?;
        (cold(&client, &till).await, busy(&client, &till).await)
    };
    let count = Value::Count;
    Ok(Scenario::new(
        "stampede",
        "1,000 callers at once for one response that takes 200 ms and is fresh for a minute: after \
         an expiry without requests, and at an expiry under steady use.",
    )
    .line(
        Line::count("calls after an expiry without requests", cold_with.calls)
            .without(count(cold_without.calls))
            .must(Goal::Exactly(count(1))),
    )
    .line(
        Line::count("calls at an expiry in steady use", busy_with.calls)
            .without(count(busy_without.calls))
            .must(Goal::AtMost(count(1))),
    )
    .line(
        Line::count("callers that waited in steady use", busy_with.waited)
            .without(count(busy_without.waited))
            .must(Goal::Exactly(count(0))),
    ))
}

fn cache() -> Result<CacheLayer> {
    let layer = CacheLayer::builder(MemoryStore::new(1 << 20))
        .clock(clock())
        .rule(format!("ttl={TTL}s").as_str())
        .build()?;
    Ok(layer)
}

fn api(till: &Till) -> Api {
    Api {
        till: till.clone(),
        takes: TAKES,
    }
}

/// Fills the cache, lets the response expire, and starts all callers.
async fn cold<S, B>(client: &S, till: &Till) -> Rush
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    ask(client.clone(), get("http://api.example/rates")).await;
    sleep(Duration::from_secs(TTL + 10)).await;
    rush(client, till).await
}

/// Sends requests at a fixed interval until the response expires, and then starts all callers.
async fn busy<S, B>(client: &S, till: &Till) -> Rush
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let mut left = Duration::from_secs(TTL) - TAKES;
    while left > EVERY {
        sleep(EVERY).await;
        ask(client.clone(), get("http://api.example/rates")).await;
        left -= EVERY;
    }
    let before = till.taken().calls;
    // The first response has expired by now, even if a refresh has replaced it.
    sleep(TAKES + EVERY + Duration::from_millis(1)).await;
    let Rush { waited, .. } = rush(client, till).await;
    Rush {
        calls: till.taken().calls - before,
        waited,
    }
}

async fn rush<S, B>(client: &S, till: &Till) -> Rush
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let before = till.taken().calls;
    let calls = (0..CALLERS).map(|_| ask(client.clone(), get("http://api.example/rates")));
    let answers = join_all(calls).await;
    let waited = answers.iter().filter(|answer| !answer.waited.is_zero());
    Rush {
        calls: till.taken().calls - before,
        waited: waited.count() as u64,
    }
}
