//! Product pages: the requests that follow one, fetched before they are made.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::Full;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{Clock, Currency, Money};
use scrimp_prefetch::{PrefetchLayer, PrefetchStats, RulePredictor, SessionKey};
use tokio::time::sleep;
use tower::{Layer, service_fn};

use super::{
    Demo,
    crowd::{Ask, Crowd, ask, get},
    outcome::{Line, Scenario},
    prices::{CALL, Till},
    value::{Goal, Value},
};
use crate::{
    error::Result,
    support::{
        format::count,
        random::{Random, Zipf},
    },
};

/// Visits of a product's page.
const VISITS: u64 = 20_000;
const SPAN: f64 = 3_600.0;
const PRODUCTS: u64 = 5_000;
/// Time of a call.
const TAKES: Duration = Duration::from_millis(200);
/// Value to a visitor of not having to wait for a response: two cents.
const VALUE: Money = Money::from_pico(20_000_000_000, Currency::USD);
/// Field that names the visit.
const VISIT: HeaderName = HeaderName::from_static("x-visit");
/// Requests that follow: their probability, and the seconds until they do, on average.
const FOLLOW: [(f64, f64); 3] = [(0.8, 5.0), (0.65, 10.0), (0.45, 15.0)];

/// A request: its time, its visit, and its path.
type Look = (Duration, u64, String);

/// Measurements of an hour.
#[derive(Debug)]
struct Hour {
    follows: u64,
    waited: u64,
    /// Requests whose response was missing, broken, or that of another path or visit.
    wrong: u64,
    calls: u64,
    stats: PrefetchStats,
}

pub(super) async fn run(demo: &Demo) -> Result<Scenario> {
    let visits = (VISITS / demo.one_in).max(1);
    let looks = looks(demo.seed, visits, 1.0);
    let (without, with) = (hour(&looks, false).await?, hour(&looks, true).await?);
    // The table says twice as much as comes true.
    let fewer = self::looks(demo.seed, visits, 0.5);
    let boasting = hour(&fewer, true).await?;
    Ok(told(visits, &without, &with, &boasting))
}

fn told(visits: u64, without: &Hour, with: &Hour, boasting: &Hour) -> Scenario {
    let stats = &with.stats;
    let at_least = Goal::AtLeast(Value::Money(Money::ZERO));
    Scenario::new(
        "product pages",
        format!(
            "{} visits of a product in an hour, by Zipf's law; 80 % go on to its reviews after 5 s, \
             65 % to related products after 10 s, 45 % to the cart after 15 s; responses are stored \
             for 10 min, the cart for 1 min and each visit; a call takes 200 ms; PrefetchLayer with \
             the rules of RulePredictor::shop(), CacheLayer. Without: CacheLayer alone.",
            count(visits),
        ),
    )
    .line(
        Line::count("requests that follow, and wait", with.waited)
            .without(Value::Count(without.waited)),
    )
    .line(Line::share("of all that follow", part(with)).without(Value::Share(part(without))))
    .line(Line::count("calls", with.calls).without(Value::Count(without.calls)))
    .line(
        Line::count("requests without their own response", with.wrong)
            .without(Value::Count(without.wrong))
            .must(Goal::Exactly(Value::Count(0))),
    )
    .line(Line::count("prefetches that were useful", stats.useful))
    .line(Line::count("late", stats.late))
    .line(Line::count("wasted", stats.wasted))
    .line(Line::money("waiting spared, at $0.02 each", stats.spared))
    .line(Line::money("price of prefetches in vain", stats.spent))
    .line(Line::money("net", stats.net).goal(at_least))
    .line(Line::money("net, if half as many follow", boasting.stats.net).goal(at_least))
    .note(
        "A prefetch spares waiting, not calls. The rules state 0.8, 0.65 and 0.45; the layer acts upon how \
         often they were right.",
    )
}

fn part(hour: &Hour) -> f64 {
    hour.waited as f64 / hour.follows.max(1) as f64
}

/// Returns the requests of all visits in order of time. Of those that follow, `share` is made.
fn looks(seed: u64, visits: u64, share: f64) -> Vec<Look> {
    let (mut random, zipf) = (Random::new(seed ^ 0x70), Zipf::new(PRODUCTS));
    let mut looks = Vec::new();
    for visit in 0..visits {
        let (start, product) = (random.unit() * SPAN, zipf.draw(&mut random));
        looks.push((millis(start), visit, format!("/api/products/{product}")));
        let paths = [
            format!("/api/products/{product}/reviews"),
            format!("/api/products/related?id={product}"),
            "/api/cart".to_owned(),
        ];
        for (path, (probability, seconds)) in paths.into_iter().zip(FOLLOW) {
            // From half the time to half as much again.
            let after = seconds * (0.5 + random.unit());
            if random.unit() < probability * share {
                looks.push((millis(start + after), visit, path));
            }
        }
    }
    looks.sort_unstable();
    looks
}

fn millis(seconds: f64) -> Duration {
    Duration::from_millis(
        Duration::from_secs_f64(seconds)
            .as_millis()
            .try_into()
            .unwrap_or(0),
    )
}

async fn hour(looks: &[Look], is_ahead: bool) -> Result<Hour> {
    let till = Till::default();
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
    let cache = CacheLayer::builder(MemoryStore::new(64 << 20))
        .clock(clock.clone())
        .rule("path=/api/cart header=x-visit ttl=1m")
        .rule("path=/api/products/** ttl=10m")
        .build()?;
    let client = cache.layer({
        let till = till.clone();
        service_fn(move |request| answer(till.clone(), request))
    });
    let mut prefetch = PrefetchLayer::builder(SessionKey::header(VISIT))
        .rules(RulePredictor::shop())
        .price(CALL)
        .personal()
        .max_events(1 << 16)
        .clock(clock);
    if is_ahead {
        prefetch = prefetch.value_of_waiting(VALUE);
    }
    let prefetch = prefetch.build()?;
    let client = prefetch.layer(client);
    let (mut follows, mut waited, mut wrong) = (0, 0, 0);
    let mut note = |(is_waiting, is_own): (Option<bool>, bool)| {
        follows += u64::from(is_waiting.is_some());
        waited += u64::from(is_waiting == Some(true));
        wrong += u64::from(!is_own);
    };
    let mut crowd = Crowd::new();
    for (time, visit, path) in looks {
        crowd.until(*time).await;
        crowd.landed().for_each(&mut note);
        let client = client.clone();
        let is_first =
            path.bytes().filter(|byte| *byte == b'/').count() == 3 && !path.contains("related");
        let asked = request(*visit, path);
        let own = page(path, *visit);
        crowd
            .begin(async move {
                let answer = ask(client, asked).await;
                let is_own = answer.is_good() && answer.body.as_deref() == Some(own.as_bytes());
                ((!is_first).then_some(!answer.waited.is_zero()), is_own)
            })
            .await;
    }
    crowd.until(Duration::from_secs(2 * 3_600)).await;
    crowd.finish().await.into_iter().for_each(note);
    Ok(Hour {
        follows,
        waited,
        wrong,
        calls: till.taken().calls,
        stats: prefetch.stats(),
    })
}

fn request(visit: u64, path: &str) -> Ask {
    let mut request = get(&format!("http://shop.example{path}"));
    request
        .headers_mut()
        .insert(VISIT, HeaderValue::from(visit));
    request
}

/// Returns the page of a path. A visit has a cart of its own.
fn page(path: &str, visit: u64) -> String {
    match path {
        "/api/cart" => format!("{path} of {visit}"),
        _ => path.to_owned(),
    }
}

async fn answer(till: Till, request: Ask) -> Result<Response<Full<Bytes>>, Infallible> {
    let charge = till.take(1, CALL);
    sleep(TAKES).await;
    let visit = request
        .headers()
        .get(VISIT)
        .and_then(|visit| visit.to_str().ok()?.parse().ok());
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let mut response = Response::new(Full::from(page(path, visit.unwrap_or_default())));
    response.extensions_mut().insert(charge);
    Ok(response)
}
