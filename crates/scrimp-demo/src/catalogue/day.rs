//! One period of the shop, and its measurements.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use tokio::{sync::mpsc, time::Instant};
use tower::{ServiceBuilder, service_fn};
use tower_service::Service;

use super::{
    layers::{Layers, follow},
    shop::{Page, Shop},
    traffic::{Event, Readers, Traffic, is_popular, popular, request},
};
use crate::{
    error::Result,
    support::stopwatch::Stopwatch,
    {
        crowd::{Answer, Ask, Crowd, ask},
        prices::avoided,
    },
};

/// Number of hits that are timed by a real clock at the end.
const TIMED: u32 = 10_000;

/// Measurements of the period.
#[derive(Debug, Default)]
pub(super) struct Day {
    pub(super) reads: u64,
    pub(super) changes: u64,
    pub(super) warmed: u64,
    pub(super) calls: u64,
    pub(super) refreshes: u64,
    pub(super) avoided: u64,
    pub(super) waited: u64,
    /// Waits for a popular page within the first minute.
    pub(super) waited_at_first: u64,
    pub(super) slowest: Duration,
    /// Responses with an old price to requests made after the change.
    pub(super) stale: u64,
    /// Longest time between a change and the request of such a response.
    pub(super) stale_for: Duration,
    pub(super) failed: u64,
    /// Duration of a hit, in real time.
    pub(super) hit: Duration,
}

/// A read that was answered.
struct Read {
    page: Page,
    /// The read was within the first minute.
    at_first: bool,
    asked: Instant,
    /// Last price change that the response must show.
    expected: u64,
    answer: Answer,
}

/// Opens a shop, and starts its readers.
pub(super) async fn open(seed: u64, traffic: Traffic) -> Result<Day> {
    let shop = Shop::new();
    let layers = Layers::new(traffic.learned)?;
    let api = {
        let shop = shop.clone();
        service_fn(move |request| shop.clone().answer(request))
    };
    let client = ServiceBuilder::new()
        .layer(&layers.stampede)
        .layer(&layers.cache)
        .layer(&layers.coalesce)
        .service(api);
    let mut day = Day::default();
    if traffic.warm {
        for request in popular() {
            ask(client.clone(), request).await;
            day.warmed += 1;
        }
    }
    let (events, bus) = mpsc::unbounded_channel();
    let follower = tokio::spawn(follow(layers.cache.invalidator(), bus));
    let reads = visit(&client, &shop, &events, seed, traffic, &mut day).await;
    drop(events);
    // It ends with the events.
    let _ = follower.await;
    for read in reads {
        day.note(&read, &shop);
    }
    day.calls = shop.till.taken().calls;
    day.refreshes = layers.stampede.stats().refreshes;
    day.avoided = avoided(&layers.ledger);
    if traffic.timed {
        day.hit = time_a_hit(&client).await;
    }
    Ok(day)
}

async fn visit<S, B>(
    client: &S,
    shop: &Shop,
    events: &mpsc::UnboundedSender<usize>,
    seed: u64,
    traffic: Traffic,
    day: &mut Day,
) -> Vec<Read>
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let opened = Instant::now();
    let mut crowd = Crowd::new();
    let mut readers = Readers::new(seed, &traffic);
    while day.reads < traffic.reads {
        let (time, event) = readers.next();
        crowd.until(time).await;
        for read in crowd.landed() {
            day.note(&read, shop);
        }
        match event {
            Event::Change { product } => {
                shop.change(product);
                day.changes += 1;
                // The bus is a channel: its follower is woken, and runs first.
                if traffic.events {
                    let _ = events.send(product);
                }
                tokio::task::yield_now().await;
            }
            Event::Read { page, tier } => {
                day.reads += 1;
                let client = client.clone();
                crowd
                    .begin(async move {
                        let (asked, expected) = (Instant::now(), shop.last_change(page));
                        let answer = ask(client, request(page, tier)).await;
                        Read {
                            page,
                            at_first: asked - opened < Duration::from_secs(60),
                            asked,
                            expected,
                            answer,
                        }
                    })
                    .await;
            }
        }
    }
    crowd.finish().await
}

/// Returns the mean duration, by the machine's clock. Virtual time stands still meanwhile.
async fn time_a_hit<S, B>(client: &S) -> Duration
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let page = Page::List {
        category: 1,
        page: 1,
    };
    ask(client.clone(), request(page, "standard")).await;
    let stopwatch = Stopwatch::start();
    for _ in 0..TIMED {
        ask(client.clone(), request(page, "standard")).await;
    }
    stopwatch.elapsed() / TIMED
}

// === impl Day ===

impl Day {
    fn note(&mut self, read: &Read, shop: &Shop) {
        let waited = read.answer.waited;
        self.waited += u64::from(!waited.is_zero());
        if read.at_first && is_popular(read.page) {
            self.waited_at_first += u64::from(!waited.is_zero());
        }
        self.slowest = self.slowest.max(waited);
        let Some(shown) = read.answer.number() else {
            self.failed += 1;
            return;
        };
        if shown < read.expected {
            self.stale += 1;
            let old_for = shop.old_for(read.page, shown, read.asked);
            self.stale_for = self.stale_for.max(old_for);
        }
    }
}
