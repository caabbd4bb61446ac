//! A product catalogue: read a thousand times for each price that changes.

mod shop;
mod traffic;

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use scrimp_cache::{CacheLayer, Invalidation, Invalidator, MemoryStore, Rule};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Clock, Ledger};
use scrimp_stampede::StampedeLayer;
use tokio::{sync::mpsc, time::Instant};
use tower::{ServiceBuilder, service_fn};
use tower_service::Service;

use super::{
    Demo,
    crowd::{Answer, Ask, Crowd, ask},
    outcome::{Line, Scenario},
    prices::{CALL, avoided, saved},
    value::{Goal, Value},
};
use crate::{
    error::{Error, Result},
    format::count,
    stopwatch::Stopwatch,
};
use shop::{CATEGORIES, CATEGORY, Page, Shop, TAKES, category_in};
use traffic::{Event, Readers, TIER, Traffic, is_popular, popular, request};

/// What it is called.
pub(super) const NAME: &str = "product catalogue";

/// Two hours of a shop that is read ten million times a day.
const READS: u64 = 1_000_000;
const SPAN: Duration = Duration::from_secs(7_200);
/// Hits that are timed by a real clock at the end.
const TIMED: u32 = 10_000;

/// What the layers are, and what they have booked.
struct Layers {
    cache: CacheLayer,
    coalesce: CoalesceLayer,
    stampede: StampedeLayer,
    ledger: Ledger,
}

/// How it went.
#[derive(Debug, Default)]
struct Day {
    reads: u64,
    changes: u64,
    warmed: u64,
    calls: u64,
    refreshes: u64,
    avoided: u64,
    waited: u64,
    /// For a popular page, within the first minute.
    waited_at_first: u64,
    slowest: Duration,
    /// Answers that show an old price to somebody who asked after it had changed.
    stale: u64,
    /// The longest after a change that one of them was asked for.
    stale_for: Duration,
    failed: u64,
    /// What a hit takes, in real time.
    hit: Duration,
}

/// A read that was answered.
struct Read {
    page: Page,
    /// Within the first minute.
    at_first: bool,
    asked: Instant,
    /// The last price change it has to show.
    expected: u64,
    answer: Answer,
}

pub(super) async fn run(demo: &Demo) -> Result<Scenario> {
    let parts = demo.one_in;
    let traffic = Traffic {
        reads: READS / parts,
        span: SPAN / u32::try_from(parts).unwrap_or(1),
        warm: true,
        events: true,
    };
    let day = open(demo.seed, traffic).await?;
    let quiet = Traffic {
        reads: traffic.reads / 10,
        ..traffic
    };
    let quiet = open(demo.seed, quiet).await?;
    let minute = Duration::from_secs(60).min(traffic.span);
    let unwarmed = Traffic {
        reads: traffic.reads * minute.as_secs() / traffic.span.as_secs().max(1),
        span: minute,
        warm: false,
        events: true,
    };
    let unwarmed = open(demo.seed, unwarmed).await?;
    let deaf = Traffic {
        reads: traffic.reads / 10,
        events: false,
        ..traffic
    };
    let deaf = open(demo.seed, deaf).await?;
    Ok(told(&day, &quiet, &unwarmed, &deaf, traffic))
}

fn told(day: &Day, quiet: &Day, unwarmed: &Day, deaf: &Day, traffic: Traffic) -> Scenario {
    let (all, paid) = (CALL * day.reads, CALL * day.calls);
    let minutes = traffic.span.as_secs() / 60;
    let scenario = Scenario::new(
        NAME,
        format!(
            "{} reads in {minutes} minutes and {} price changes; lists by category, page and \
             customer tier, products by tier, popular by Zipf's law; electronics are kept for 2 \
             min, books for 30, all else for 10; StampedeLayer, CacheLayer, CoalesceLayer.",
            count(day.reads),
            count(day.changes),
        ),
    )
    .line(Line::count("calls of the shop's API", day.calls).without(Value::Count(day.reads)))
    .line(
        Line::money("cost at $0.01 a call", paid)
            .without(Value::Money(all))
            .goal(Goal::AtMost(Value::Money(CALL * (day.reads / 10)))),
    )
    .line(Line::share("saved", saved(all, paid)).goal(Goal::AtLeast(Value::Share(0.9))))
    .line(
        Line::time("a hit takes (real time)", day.hit)
            .without(Value::Time(TAKES))
            .goal(Goal::AtMost(Value::Time(Duration::from_millis(2)))),
    )
    .line(
        Line::time("slowest read", day.slowest)
            .without(Value::Time(TAKES))
            .goal(Goal::AtMost(Value::Time(Duration::from_millis(100)))),
    )
    .line(Line::count("reads that waited", day.waited).without(Value::Count(day.reads)))
    .line(
        Line::time("old price still served after its event for", day.stale_for)
            .without(Value::Time(deaf.stale_for))
            .must(Goal::Exactly(Value::Time(Duration::ZERO))),
    )
    .line(Line::count("answers with an old price", day.stale).must(Goal::Exactly(Value::Count(0))))
    .line(
        Line::count(
            "waited for a popular list at first, warmed",
            day.waited_at_first,
        )
        .without(Value::Count(unwarmed.waited_at_first)),
    );
    let answered = day.reads + day.warmed + day.refreshes;
    scenario
        .line(
            Line::count(
                "calls, by the layers' books",
                answered.saturating_sub(day.avoided),
            )
            .must(Goal::Exactly(Value::Count(day.calls))),
        )
        .line(Line::count("reads that failed", day.failed).must(Goal::Exactly(Value::Count(0))))
        .line(Line::share(
            "saved, with a tenth of the readers",
            saved(CALL * quiet.reads, CALL * quiet.calls),
        ))
        .note(format!(
            "Warming is {} of the calls and early refreshes {}: both spare readers the wait, and \
             cost calls. Without price events (here: a tenth of the readers) an old price is served \
             until it expires. What is saved depends on how often a page is read before it expires or \
             changes: see the last line.",
            count(day.warmed),
            count(day.refreshes),
        ))
}

/// Opens a shop, and lets its readers in.
async fn open(seed: u64, traffic: Traffic) -> Result<Day> {
    let shop = Shop::new();
    let layers = Layers::new()?;
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
    day.hit = time_a_hit(&client).await;
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
    B: Body<Data = bytes::Bytes>,
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
                // The bus is a channel; whoever follows it is woken, and comes first.
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

/// What a price event means.
async fn follow(invalidator: Invalidator, mut bus: mpsc::UnboundedReceiver<usize>) {
    let events = futures_util::stream::poll_fn(move |cx| bus.poll_recv(cx));
    let meaning = |product: usize| {
        let category = CATEGORIES[Page::Product(product).category()];
        [
            Invalidation::tag(format!("product:{product}")),
            Invalidation::prefix(format!("products:list:{category}:")),
        ]
    };
    invalidator.follow(events, meaning).await;
}

/// The mean of many, by the machine's clock. Virtual time stands still meanwhile.
async fn time_a_hit<S, B>(client: &S) -> Duration
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = bytes::Bytes>,
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

// === impl Layers ===

impl Layers {
    fn new() -> Result<Self> {
        let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
        let ledger = Ledger::new();
        let rule = |error| Error::new(format!("a rule of the catalogue: {error}"));
        let list = Rule::builder()
            .name("list")
            .path("/api/products")
            .query(["category", "page"])
            .header(TIER)
            .tag("products:list:{query.category}:{query.page}")
            .ttl_with(lifetime)
            .build()
            .map_err(rule)?;
        let product = Rule::builder()
            .name("product")
            .path("/api/products/{id}")
            .no_query()
            .header(TIER)
            .tag("product:{id}")
            .ttl_with(lifetime)
            .build()
            .map_err(rule)?;
        // The same draws in every run, so that a run can be repeated.
        let random = Mutex::new(fastrand::Rng::with_seed(1));
        Ok(Self {
            cache: CacheLayer::new(MemoryStore::new(64 << 20))
                .clock(clock.clone())
                .ledger(ledger.clone())
                .rule(list)
                .rule(product),
            coalesce: CoalesceLayer::new()
                .clock(clock.clone())
                .ledger(ledger.clone()),
            stampede: StampedeLayer::new()
                .clock(clock)
                .select_by([TIER])
                .random(move || random.lock().f64()),
            ledger,
        })
    }
}

/// How long an answer is kept goes by how often prices of its category change.
fn lifetime(request: &Request<()>, response: &Response<()>) -> Option<Duration> {
    let asked = request.uri().query().and_then(category_in);
    let answered = || response.headers().get(CATEGORY)?.to_str().ok();
    let minutes = match asked.or_else(answered)? {
        "electronics" => 2,
        "books" => 30,
        _ => 10,
    };
    Some(Duration::from_secs(60 * minutes))
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
