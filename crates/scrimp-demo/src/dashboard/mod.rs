//! A dashboard of twenty widgets, each of which calls a paid API.

mod metrics;

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body::Body;
use scrimp_batch::{BatchLayer, BatchWindow, RestJson};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Clock, Currency, Ledger, Money};
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, service_fn};
use tower_service::Service;

use super::{
    Demo,
    crowd::{Ask, Crowd, ask, get},
    outcome::{Line, Scenario},
    prices::{CALL, IN_BATCH, Till, saved, sum},
    value::{Goal, Value},
};
use crate::{error::Result, support::random::Random};
use metrics::{KINDS, OF_EACH, answer};

const WIDGETS: u64 = (KINDS.len() * OF_EACH) as u64;
/// Time within which a browser sends the requests of a page.
const SPREAD: u64 = 40;
/// Time that the batch waits for them.
const WINDOW: Duration = Duration::from_millis(50);
/// Loads in an office day: ten hours, one load every 72 s on average.
const LOADS: u64 = 500;
const OFFICE: Duration = Duration::from_secs(36_000);

/// One load of the dashboard.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Widgets that received the response to their own query.
    right: u64,
    time: Duration,
}

/// A period of loads, and the upstream's record of its calls.
#[derive(Debug)]
struct Span {
    loads: Vec<Load>,
    calls: u64,
    money: Money,
    /// Money, by the ledger of the layers.
    booked: Money,
}

pub(super) async fn run(demo: &Demo) -> Result<Scenario> {
    let seed = demo.seed;
    let in_turn = one_by_one().await;
    let at_once = {
        let till = Till::default();
        let api = service_fn(move |request| answer(till.clone(), request));
        load(api, Random::new(seed)).await.time
    };
    let cold = office(seed, 1, Duration::ZERO).await?;
    let loads = (LOADS / demo.one_in).max(1);
    let parts = u32::try_from(demo.one_in).unwrap_or(1);
    let day = office(seed, loads, OFFICE / parts).await?;
    Ok(told(&cold, &day, in_turn, at_once))
}

fn told(cold: &Span, day: &Span, in_turn: Duration, at_once: Duration) -> Scenario {
    Scenario::new(
        "dashboard",
        format!(
            "20 widgets within 40 ms, four of each kind: stored for 10 s, 5 min, 1 h, 24 h, all \
             others 1 min; a query takes 100 ms and $0.01, in a batch $0.0025 and four at a \
             time; first one load, then {} in an office day; CacheLayer, CoalesceLayer, \
             BatchLayer with a window of 50 ms.",
            day.loads.len(),
        ),
    )
    .lines(first_load(cold, in_turn, at_once))
    .lines(whole_day(day))
    .lines(promises(cold, day))
    .note(
        "One batch costs $0.05 because its twenty queries are a quarter of a cent each; if a batch \
         is paid as one call, it costs $0.01. It is faster than sequential calls, and slower than \
         twenty parallel calls if the API accepts those.",
    )
}

fn first_load(cold: &Span, in_turn: Duration, at_once: Duration) -> [Line; 4] {
    let first = cold.loads.first().map_or(Duration::ZERO, |load| load.time);
    [
        Line::count("calls for the first load", cold.calls)
            .without(Value::Count(WIDGETS))
            .goal(Goal::AtMost(Value::Count(1))),
        Line::money("cost of the first load", cold.money)
            .without(Value::Money(CALL * WIDGETS))
            .goal(Goal::AtMost(Value::Money(IN_BATCH * WIDGETS))),
        Line::time("first load, against sequential calls", first)
            .without(Value::Time(in_turn))
            .goal(Goal::AtMost(Value::Time(Duration::from_millis(800)))),
        Line::time("first load, against 20 parallel calls", first).without(Value::Time(at_once)),
    ]
}

fn whole_day(day: &Span) -> [Line; 4] {
    let loads = day.loads.len() as u64;
    let each = day.money.pico() / i128::from(loads.max(1));
    let each = Money::from_pico(each, day.money.currency());
    let all = CALL * (WIDGETS * loads);
    let slowest = day.loads.iter().map(|load| load.time).max();
    [
        Line::count("calls in the day", day.calls).without(Value::Count(WIDGETS * loads)),
        Line::money("average cost of a load in the day", each)
            .without(Value::Money(CALL * WIDGETS))
            .goal(Goal::AtMost(Value::Money(IN_BATCH * WIDGETS))),
        Line::share("saved in the day", saved(all, day.money)),
        Line::time("slowest load of the day", slowest.unwrap_or_default())
            .goal(Goal::AtMost(Value::Time(Duration::from_secs(2)))),
    ]
}

fn promises(cold: &Span, day: &Span) -> [Line; 2] {
    let right = |span: &Span| span.loads.iter().map(|load| load.right).sum::<u64>();
    let loads = (cold.loads.len() + day.loads.len()) as u64;
    let (spent, booked) = (sum(cold.money, day.money), sum(cold.booked, day.booked));
    [
        Line::count("widgets with their own response", right(cold) + right(day))
            .must(Goal::Exactly(Value::Count(WIDGETS * loads))),
        Line::money("spent, by the layers' ledger", booked)
            .must(Goal::Exactly(Value::Money(spent))),
    ]
}

/// Runs a day on which the dashboard is loaded at random times.
async fn office(seed: u64, loads: u64, span: Duration) -> Result<Span> {
    let (till, ledger) = (Till::default(), Ledger::new());
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
    let mut cache = CacheLayer::builder(MemoryStore::new(16 << 20)).clock(clock.clone());
    for rule in rules() {
        cache = cache.rule(rule.as_str());
    }
    let cache = cache.build()?;
    let batch = BatchLayer::builder(RestJson::new("/api/batch").base("/api"))
        .window(BatchWindow::fixed(WINDOW))
        .ledger(ledger.clone())
        .build()?;
    let client = ServiceBuilder::new()
        .layer(cache)
        .layer(CoalesceLayer::builder().clock(clock).build()?)
        .layer(batch)
        .service({
            let till = till.clone();
            service_fn(move |request| answer(till.clone(), request))
        });
    let mut random = Random::new(seed);
    let mut crowd = Crowd::new();
    let mut at = 0.0;
    for _ in 0..loads {
        crowd.until(Duration::from_secs_f64(at)).await;
        crowd
            .begin(load(client.clone(), Random::new(random.bits())))
            .await;
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = span.as_secs_f64() / loads as f64;
        at += random.gap(mean);
    }
    let loads = crowd.finish().await;
    let taken = till.taken();
    Ok(Span {
        loads,
        calls: taken.calls,
        money: taken.money,
        booked: ledger.spent("batch").get(Currency::USD),
    })
}

/// Returns a rule for each kind of widget, and one for all others.
fn rules() -> impl Iterator<Item = String> {
    KINDS.iter().map(|(kind, ttl)| match ttl {
        Some(ttl) => format!("path=/api/metrics/{kind}/{{n}} ttl={ttl}"),
        None => "path=/api/metrics/** ttl=1m".to_owned(),
    })
}

/// Loads all widgets, as a browser does.
async fn load<S, B>(client: S, mut random: Random) -> Load
where
    S: Service<Ask, Response = http::Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let start = Instant::now();
    let widgets = paths().map(|path| {
        let (client, after) = (client.clone(), Duration::from_millis(random.below(SPREAD)));
        async move {
            sleep(after).await;
            widget(client, &path).await
        }
    });
    let right = join_all(widgets).await.into_iter().map(u64::from).sum();
    let time = start.elapsed();
    Load { right, time }
}

/// Loads one widget after the other, without layers.
async fn one_by_one() -> Duration {
    let till = Till::default();
    let api = service_fn(|request| answer(till.clone(), request));
    let start = Instant::now();
    for path in paths() {
        widget(api, &path).await;
    }
    start.elapsed()
}

/// Reports whether a widget received the response to its own query.
async fn widget<S, B>(client: S, path: &str) -> bool
where
    S: Service<Ask, Response = http::Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let answer = ask(client, get(&format!("http://metrics.example{path}"))).await;
    let body = answer.body.as_deref().unwrap_or_default();
    // In a batch, URLs do not have their common base.
    let own = [path, path.trim_start_matches("/api")].map(|path| format!("\"{path}\""));
    answer.status.is_success() && own.iter().any(|own| own.as_bytes() == body)
}

fn paths() -> impl Iterator<Item = String> {
    KINDS.iter().flat_map(|(kind, _)| {
        (0..OF_EACH).map(move |number| format!("/api/metrics/{kind}/{number}"))
    })
}
