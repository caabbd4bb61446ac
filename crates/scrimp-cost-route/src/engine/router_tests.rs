use std::{sync::LazyLock, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::engine::{Filters, Health, Outcome, Reason, Score, Weights};

fn at(seconds: f64) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START + Duration::from_secs_f64(seconds)
}

fn made(config: RouterConfig) -> Router {
    Router::new(config, at(0.0)).unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "small amounts")]
fn usd(dollars: f64) -> Money {
    Money::from_pico((dollars * 1e12).round() as i128, Currency::USD)
}

fn prior(latency: f64) -> Prior {
    let latency = Duration::from_secs_f64(latency);
    Prior {
        first_byte: latency,
        latency,
        reliability: 0.99,
        quality: 0.9,
    }
}

fn router(latencies: &[f64]) -> Router {
    let mut router = made(RouterConfig::default());
    for latency in latencies {
        router.add(prior(*latency));
    }
    router
}

/// A request that nothing is tried out with.
fn plain() -> Ask {
    Ask::default()
}

fn choose(router: &mut Router, now: f64, costs: &[Option<f64>]) -> Choice {
    router
        .choose(at(now), &plain(), &Barred::default(), |index| {
            costs[index].map(usd)
        })
        .unwrap()
}

fn call(router: &mut Router, now: f64, index: usize, seconds: f64, outcome: Outcome) {
    let ticket = router.started(at(now), index);
    router.ended(at(now + seconds), ticket, outcome);
}

fn terms(router: &Router, now: f64) -> Terms {
    router.terms(at(now), &plain(), &Barred::default(), |_| Some(Money::ZERO))[0]
}

const FAILED: Outcome = Outcome::Failed { retry_after: None };

#[test]
fn the_cheapest_of_equals_is_chosen() {
    let mut router = router(&[1.0, 1.0, 1.0]);
    let costs = [Some(0.03), Some(0.01), Some(0.02)];
    assert_eq!(choose(&mut router, 0.0, &costs).index, 1);
}

#[test]
fn an_unknown_price_ranks_behind_every_known_one() {
    let mut router = router(&[0.1, 1.0]);
    assert_eq!(choose(&mut router, 0.0, &[None, Some(5.0)]).index, 1);
    assert_eq!(choose(&mut router, 0.0, &[None, None]).index, 0);
}

#[test]
fn a_third_that_is_worse_in_everything_changes_nothing() {
    for score in [Score::default(), Score::Weighted(Weights::default())] {
        let config = RouterConfig {
            score,
            ..RouterConfig::default()
        };
        let mut router = made(config);
        router.add(prior(1.0));
        router.add(prior(3.0));
        let before = choose(&mut router, 0.0, &[Some(0.01), Some(0.008)]).index;
        router.add(prior(300.0));
        let after = choose(&mut router, 0.0, &[Some(0.01), Some(0.008), Some(99.0)]).index;
        assert_eq!(before, after);
    }
}

#[test]
fn who_is_not_good_enough_is_not_chosen_however_cheap() {
    let mut router = router(&[9.0, 1.0]);
    let ask = Ask {
        filters: Filters {
            max_latency: Some(Duration::from_secs(5)),
            ..Filters::default()
        },
        ..plain()
    };
    let costs = [Some(0.0), Some(1.0)];
    let choice = router.choose(at(0.0), &ask, &Barred::default(), |i| costs[i].map(usd));
    assert_eq!(choice.unwrap().index, 1);
    let ask = Ask {
        filters: Filters {
            max_price: Some(usd(0.5)),
            ..ask.filters
        },
        ..ask
    };
    let choice = router.choose(at(0.0), &ask, &Barred::default(), |i| costs[i].map(usd));
    assert_eq!(choice, Err(NoCandidate::NoneGoodEnough));
}

#[test]
fn three_failures_switch_and_the_last_one_left_is_never_refused() {
    let mut router = router(&[1.0, 1.0]);
    let costs = [Some(0.001), Some(0.1)];
    for _ in 0..3 {
        assert_eq!(choose(&mut router, 0.0, &costs).index, 0);
        call(&mut router, 0.0, 0, 0.0, FAILED);
    }
    assert_eq!(choose(&mut router, 0.0, &costs).index, 1);
    (0..3).for_each(|_| call(&mut router, 0.5, 1, 0.0, FAILED));
    let choice = choose(&mut router, 0.5, &costs);
    // The one that may be asked again first.
    assert_eq!((choice.index, choice.reason), (0, Reason::LastLeft));
}

#[test]
fn failures_never_look_like_fast_answers() {
    let mut router = router(&[1.0]);
    for _ in 0..2 {
        call(&mut router, 0.0, 0, 0.001, FAILED);
    }
    let terms = terms(&router, 0.0);
    assert!(terms.estimate.latency >= Duration::from_secs(1) && terms.estimate.reliability < 0.8);
}

#[test]
fn a_stalled_call_counts_before_it_has_come_back() {
    let mut router = router(&[1.0, 2.0]);
    let costs = [Some(0.001), Some(0.001)];
    let tickets: Vec<_> = (0..5).map(|_| router.started(at(0.0), 0)).collect();
    assert_eq!(choose(&mut router, 1.0, &costs).index, 0);
    assert_eq!(choose(&mut router, 20.0, &costs).index, 1);
    for ticket in tickets {
        router.ended(at(20.0), ticket, Outcome::Cancelled);
    }
    let terms = terms(&router, 20.0);
    assert!(
        terms.estimate.latency > Duration::from_secs(10),
        "the cancelled ones were slow"
    );
    assert_eq!(terms.in_flight, 0);
}

#[test]
fn a_little_better_is_no_reason_to_switch() {
    let mut router = router(&[1.0, 1.0]);
    assert_eq!(
        choose(&mut router, 0.0, &[Some(0.0100), Some(0.0101)]).index,
        0
    );
    let kept = choose(&mut router, 0.0, &[Some(0.0102), Some(0.0101)]);
    assert_eq!((kept.index, kept.reason), (0, Reason::Kept));
    assert_eq!(
        choose(&mut router, 0.0, &[Some(0.0200), Some(0.0101)]).index,
        1
    );
    assert_eq!(router.switches(), 1);
}

#[test]
fn at_most_one_request_in_a_hundred_explores_and_none_that_may_not() {
    let mut router = router(&[1.0, 1.5, 1.5]);
    let costs = [Some(0.001), Some(0.0011), Some(0.0011)];
    let ask = Ask {
        replayable: true,
        ..Ask::default()
    };
    let mut count = |ask: Ask, from: u32| {
        let mut explored = 0;
        for n in from..from + 10_000 {
            let now = f64::from(n) / 10.0;
            let choice = router
                .choose(at(now), &ask, &Barred::default(), |i| costs[i].map(usd))
                .unwrap();
            explored += usize::from(choice.reason == Reason::Explored);
            call(&mut router, now, choice.index, 1.0, Outcome::Succeeded);
        }
        explored
    };
    let explored = count(ask, 0);
    // Two that never turn out to be better: each about every 45 s in the end.
    assert!((40..=101).contains(&explored), "{explored}");
    let urgent = Ask {
        priority: Priority::High,
        ..ask
    };
    assert_eq!(count(urgent, 10_000), 0);
    let once = Ask {
        replayable: false,
        ..ask
    };
    assert_eq!(count(once, 20_000), 0);
}

#[test]
fn exploring_stops_at_its_hourly_cap() {
    let mut router = made(RouterConfig {
        explore_cap: Some(usd(0.0035)),
        ..RouterConfig::default()
    });
    router.add(prior(1.0));
    router.add(prior(1.5));
    let ask = Ask {
        replayable: true,
        ..Ask::default()
    };
    let mut explored = 0;
    for n in 0..30_000 {
        let now = f64::from(n) / 10.0;
        let choice = router
            .choose(at(now), &ask, &Barred::default(), |_| Some(usd(0.001)))
            .unwrap();
        explored += usize::from(choice.reason == Reason::Explored);
        call(&mut router, now, choice.index, 1.0, Outcome::Succeeded);
    }
    assert_eq!(explored, 3);
}

#[test]
fn a_call_to_a_candidate_that_is_gone_changes_nobody_else() {
    let mut router = router(&[1.0, 1.0, 1.0]);
    let [gone, moved] = [router.started(at(0.0), 0), router.started(at(0.0), 2)];
    router.remove(0);
    (0..3).for_each(|_| router.ended(at(0.0), gone, FAILED));
    assert_eq!(router.in_flight(1), 1);
    router.ended(at(1.0), moved, Outcome::Succeeded);
    assert_eq!((router.in_flight(0), router.in_flight(1)), (0, 0));
    let terms = terms(&router, 1.0);
    assert_eq!(terms.health, Health::Up);
}

#[test]
fn a_month_of_time_leaves_the_estimates_numbers() {
    let mut router = router(&[1.0]);
    for hour in 0..720 {
        let now = f64::from(hour) * 3_600.0;
        let _ = choose(&mut router, now, &[Some(0.01)]);
        call(&mut router, now, 0, 2.0, Outcome::Succeeded);
        let estimate = terms(&router, now + 2.0).estimate;
        assert!(
            (1.0..=2.0).contains(&estimate.latency.as_secs_f64()),
            "{estimate:?}"
        );
    }
}

#[test]
fn what_surely_changed_is_believed_at_once() {
    let mut router = router(&[1.0]);
    let call_at = |router: &mut Router, now: f64, seconds: f64, quality: f64| {
        let ticket = router.started(at(now), 0);
        router.ended(at(now + seconds), ticket, Outcome::Succeeded);
        router.judged(at(now + seconds), ticket, quality);
    };
    // Ten minutes at ten a second, none quite like the other.
    for n in 0..6_000_u32 {
        let off = f64::from(n % 5) * 0.02;
        call_at(&mut router, f64::from(n) / 10.0, 0.96 + off, 0.86 + off);
    }
    let before = terms(&router, 600.0).estimate;
    assert!(
        (before.latency.as_secs_f64() - 1.0).abs() < 0.02 && (before.quality - 0.9).abs() < 0.02
    );
    (0..6).for_each(|n| call_at(&mut router, 601.0 + f64::from(n) / 10.0, 4.0, 0.5));
    let after = terms(&router, 606.0).estimate;
    assert!(
        after.latency > Duration::from_secs(3) && after.quality < 0.6,
        "{after:?}"
    );
}

#[test]
fn one_slow_answer_is_no_change() {
    let mut router = router(&[1.0]);
    for n in 0..1_000_u32 {
        let seconds = if n == 900 { 60.0 } else { 1.0 };
        call(
            &mut router,
            f64::from(n) / 10.0,
            0,
            seconds,
            Outcome::Succeeded,
        );
    }
    let latency = terms(&router, 160.0).estimate.latency.as_secs_f64();
    assert!((1.0..2.0).contains(&latency), "{latency}");
}

#[test]
fn what_was_thought_fades_to_what_is_usual_when_it_is_not_seen_any_more() {
    let mut router = router(&[1.0]);
    for n in 0..600_u32 {
        call(&mut router, f64::from(n), 0, 1.0, Outcome::Succeeded);
    }
    for n in 600..630_u32 {
        call(&mut router, f64::from(n), 0, 8.0, Outcome::Succeeded);
    }
    let thought = |now: f64| terms(&router, now).estimate.latency.as_secs_f64();
    assert!(thought(638.0) > 6.5, "{}", thought(638.0));
    assert!((2.0..6.0).contains(&thought(720.0)), "{}", thought(720.0));
    assert!(thought(1_300.0) < 1.6, "{}", thought(1_300.0));
}

#[test]
fn requests_that_cannot_be_sent_again_find_the_end_of_an_outage_too() {
    let mut router = router(&[1.0, 1.0]);
    let costs = [Some(0.001), Some(0.1)];
    (0..3).for_each(|_| call(&mut router, 0.0, 0, 0.0, FAILED));
    assert_eq!(choose(&mut router, 0.5, &costs).index, 1);
    let back = (1..600).find(|&second| {
        let now = f64::from(second);
        let choice = choose(&mut router, now, &costs);
        call(&mut router, now, choice.index, 0.1, Outcome::Succeeded);
        choice.index == 0
    });
    assert!(back.is_some_and(|seconds| seconds <= 300), "{back:?}");
}

#[test]
fn others_try_out_for_requests_of_high_priority() {
    // The second is far too dear for all but those who are in a hurry.
    let mut router = router(&[2.0, 2.2]);
    let costs = [Some(0.001), Some(0.001_5)];
    let ask = |priority| Ask {
        priority,
        replayable: true,
        ..Ask::default()
    };
    let mut high = 0;
    for n in 0..4_000_u32 {
        let now = f64::from(n) / 20.0;
        let priority = [Priority::Low, Priority::High][n as usize % 2];
        let choice = router.choose(at(now), &ask(priority), &Barred::default(), |i| {
            costs[i].map(usd)
        });
        let choice = choice.unwrap();
        if choice.reason == Reason::Explored {
            assert_eq!(priority, Priority::Low);
        }
        high += usize::from(priority == Priority::High && choice.index == 1);
        let seconds = [2.0, 0.2][choice.index];
        call(&mut router, now, choice.index, seconds, Outcome::Succeeded);
    }
    assert!(high > 1_500, "{high}");
}

#[test]
fn the_last_attempt_is_weighed_without_one_after_it() {
    // The first is cheaper, and fails three times in ten.
    let mut router = made(RouterConfig::default());
    router.add(Prior {
        reliability: 0.7,
        ..prior(1.0)
    });
    router.add(prior(1.0));
    let costs = [Some(0.001), Some(0.003)];
    let ask = |replayable| Ask {
        replayable,
        ..Ask::default()
    };
    let mut pick = |replayable| {
        let choice = router.choose(at(0.0), &ask(replayable), &Barred::default(), |i| {
            costs[i].map(usd)
        });
        choice.unwrap().index
    };
    assert_eq!((pick(true), pick(false)), (0, 1));
}

#[test]
fn kinds_do_not_share_a_place() {
    let mut router = router(&[1.0, 1.0]);
    let mut pick = |priority, kind, costs: [f64; 2]| {
        let ask = Ask {
            priority,
            kind,
            ..Ask::default()
        };
        let choice = router.choose(at(0.0), &ask, &Barred::default(), |i| Some(usd(costs[i])));
        choice.unwrap().index
    };
    for priority in [Priority::Low, Priority::Default, Priority::High] {
        for kind in 0..32 {
            let first = usize::from(kind % 2 == 1);
            let costs = if first == 0 {
                [0.01, 0.02]
            } else {
                [0.02, 0.01]
            };
            assert_eq!(pick(priority, kind, costs), first);
        }
    }
    // Each keeps to its own where the two are nearly the same.
    for priority in [Priority::Low, Priority::Default, Priority::High] {
        for kind in 0..32 {
            let first = usize::from(kind % 2 == 1);
            let costs = if first == 0 {
                [0.0101, 0.01]
            } else {
                [0.01, 0.0101]
            };
            assert_eq!(pick(priority, kind, costs), first);
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_estimates_stay_in_their_ranges(
        events in proptest::collection::vec((0.0..1e5f64, 0.0..1e6f64, 0..4u8, 0.0..=1.0f64), 1..200),
    ) {
        let mut router = router(&[1.0]);
        let mut now = 0.0;
        for (pause, seconds, what, quality) in events {
            now += pause;
            let ticket = router.started(at(now), 0);
            now += seconds;
            let outcome = match what {
                0 => Outcome::Succeeded,
                1 => FAILED,
                2 => Outcome::Failed { retry_after: Some(Duration::from_secs_f64(quality)) },
                _ => Outcome::Cancelled,
            };
            router.ended(at(now), ticket, outcome);
            router.judged(at(now), ticket, quality);
            router.first_byte(at(now), ticket, Duration::from_secs_f64(seconds));
            let _ = choose(&mut router, now, &[Some(quality)]);
            for later in [now, now + 1e3, now + 1e9] {
                let one = terms(&router, later).estimate;
                let share = -1e-9..=1.0 + 1e-9;
                prop_assert!(share.contains(&one.reliability) && share.contains(&one.quality), "{one:?}");
                prop_assert!(one.latency < Duration::MAX, "{one:?}");
                prop_assert!(one.first_byte < Duration::MAX, "{one:?}");
            }
        }
    }
}

#[test]
fn a_half_life_of_nothing_is_refused() {
    let config = RouterConfig {
        half_life: Duration::ZERO,
        ..RouterConfig::default()
    };
    let error = Router::new(config, at(0.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CostRouteLayer: `half_life` must be within 100ms and 86400s, not 0ns"
    );
}
