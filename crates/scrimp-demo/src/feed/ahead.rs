//! Feeds made before their users come: first looks that do not wait, and the cost.

use std::time::{Duration, UNIX_EPOCH};

use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_prefetch::{Precompute, PrecomputeStats};
use tower::{Layer, service_fn};

use super::{generate, request};
use crate::{
    crowd::{Ask, Crowd, ask},
    error::Result,
    outcome::Line,
    prices::{CALL, Till},
    support::random::Random,
    value::Value,
};

/// Users, of whom each looks once a day at a usual hour and twice at any time, on average.
const USERS: u64 = 2_000;
/// Days, of which the last week is measured.
const DAYS: u64 = 28;
const MEASURED: u64 = 21;
const DAY: u64 = 86_400;
/// Usual hours of the first look: most are in the morning.
const HOURS: [u64; 10] = [7, 7, 7, 8, 8, 8, 8, 9, 12, 20];
/// Reliability of the users: a third each, in percent of the days.
const RELIABLE: [u64; 3] = [97, 85, 50];

/// Measurements of the last week.
#[derive(Debug, Clone, Copy, Default)]
struct Week {
    looks: u64,
    at_once: u64,
    calls: u64,
    wasted: u64,
}

/// Measures with feeds made ahead of time and without them, for feeds that stay fresh for an hour and for 30 s.
pub(super) async fn lines(seed: u64, one_in: u64) -> Result<Vec<Line>> {
    let looks = looks(seed, (USERS / one_in).max(1));
    let mut lines = Vec::new();
    for (fresh, ttl) in [("1 h", "1h"), ("30 s", "30s")] {
        let without = week(&looks, ttl, false).await?;
        let with = week(&looks, ttl, true).await?;
        let share = |week: &Week| week.at_once as f64 / week.looks.max(1) as f64;
        let added = with.calls.saturating_sub(without.calls);
        lines.extend([
            Line::share(
                format!("first looks without a wait, {fresh} fresh"),
                share(&with),
            )
            .without(Value::Share(share(&without))),
            Line::count(format!("feeds made for {} looks", with.looks), with.calls)
                .without(Value::Count(without.calls)),
            Line::count("those for users who did not come", with.wasted),
            Line::money("cost of being early", CALL * added),
        ]);
    }
    Ok(lines)
}

/// Returns the looks of all users, in order of time, from a Monday on.
fn looks(seed: u64, users: u64) -> Vec<(Duration, u64)> {
    let mut random = Random::new(seed ^ 0x61);
    let mut looks = Vec::new();
    for user in 0..users {
        let place = usize::try_from(random.below(HOURS.len() as u64)).unwrap_or(0);
        let reliable = RELIABLE[usize::try_from(user % 3).unwrap_or(0)];
        for day in 0..DAYS {
            // At the weekend half as many come.
            let percent = if day % 7 < 5 { reliable } else { reliable / 2 };
            if random.below(100) < percent {
                let second = DAY * day + 3_600 * HOURS[place] + random.below(3_600);
                looks.push((Duration::from_secs(second), user));
            }
            for _ in 0..random.below(5) {
                let second = DAY * day + 3_600 * 8 + random.below(3_600 * 15);
                looks.push((Duration::from_secs(second), user));
            }
        }
    }
    looks.sort_unstable();
    looks
}

async fn week(looks: &[(Duration, u64)], ttl: &str, is_ahead: bool) -> Result<Week> {
    let till = Till::default();
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200));
    let rule = format!("path=/feed header=authorization ttl={ttl}");
    let cache = CacheLayer::builder(MemoryStore::new(64 << 20))
        .clock(clock.clone())
        .rule(rule.as_str())
        .build()?;
    let client = cache.layer({
        let till = till.clone();
        service_fn(move |request: Ask| generate(till.clone(), request))
    });
    let precompute = Precompute::builder(client.clone(), |user| user.parse().ok().map(request))
        .price(CALL)
        .max_fetches(64)
        .max_events(1 << 16)
        .clock(clock)
        .build()?;
    let (mut before, mut week) = (None::<(u64, PrecomputeStats)>, Week::default());
    let mut crowd = Crowd::new();
    for &(time, user) in looks {
        crowd.until(time).await;
        if time >= Duration::from_secs(DAY * MEASURED) {
            before.get_or_insert_with(|| (till.taken().calls, precompute.stats()));
        }
        let is_measured = before.is_some();
        crowd.landed().for_each(|waited| week.note(waited));
        if is_ahead {
            precompute.seen(&user.to_string());
        }
        let client = client.clone();
        let look = async move {
            let answer = ask(client, request(user)).await;
            is_measured.then_some(answer.waited)
        };
        crowd.begin(look).await;
    }
    // The last hour is judged when it is over.
    crowd.until(Duration::from_secs(DAY * DAYS + 3_600)).await;
    crowd
        .finish()
        .await
        .into_iter()
        .for_each(|waited| week.note(waited));
    let (calls, stats) = before.unwrap_or((0, precompute.stats()));
    week.calls = till.taken().calls - calls;
    week.wasted = precompute.stats().wasted - stats.wasted;
    Ok(week)
}

// === impl Week ===

impl Week {
    fn note(&mut self, waited: Option<Duration>) {
        let Some(waited) = waited else { return };
        self.looks += 1;
        self.at_once += u64::from(waited.is_zero());
    }
}
