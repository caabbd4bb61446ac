use super::*;
use crate::engine::{Filters, Health, Outcome, Score, Weights};

fn prior(latency: f64) -> Prior {
    Prior {
        first_byte: latency,
        latency,
        reliability: 0.99,
        quality: 0.9,
    }
}

fn router(latencies: &[f64]) -> Router {
    let mut router = Router::new(RouterConfig::default());
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
        .choose(now, &plain(), &Barred::default(), |index| costs[index])
        .unwrap()
}

fn call(router: &mut Router, now: f64, index: usize, seconds: f64, outcome: Outcome) {
    let ticket = router.started(now, index);
    router.ended(now + seconds, ticket, outcome);
}

fn terms(router: &Router, now: f64) -> Terms {
    router.terms(now, &plain(), &Barred::default(), |_| Some(0.0))[0]
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
        let mut router = Router::new(config);
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
            max_latency: Some(5.0),
            ..Filters::default()
        },
        ..plain()
    };
    let costs = [Some(0.0), Some(1.0)];
    let choice = router.choose(0.0, &ask, &Barred::default(), |i| costs[i]);
    assert_eq!(choice.unwrap().index, 1);
    let ask = Ask {
        filters: Filters {
            max_price: Some(0.5),
            ..ask.filters
        },
        ..ask
    };
    let choice = router.choose(0.0, &ask, &Barred::default(), |i| costs[i]);
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
    assert!(terms.estimate.latency >= 1.0 && terms.estimate.reliability < 0.8);
}

#[test]
fn a_stalled_call_counts_before_it_has_come_back() {
    let mut router = router(&[1.0, 2.0]);
    let costs = [Some(0.001), Some(0.001)];
    let tickets: Vec<_> = (0..5).map(|_| router.started(0.0, 0)).collect();
    assert_eq!(choose(&mut router, 1.0, &costs).index, 0);
    assert_eq!(choose(&mut router, 20.0, &costs).index, 1);
    for ticket in tickets {
        router.ended(20.0, ticket, Outcome::Cancelled);
    }
    let terms = terms(&router, 20.0);
    assert!(
        terms.estimate.latency > 10.0,
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
                .choose(now, &ask, &Barred::default(), |i| costs[i])
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
    let mut router = Router::new(RouterConfig {
        explore_cap: Some(0.0035),
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
            .choose(now, &ask, &Barred::default(), |_| Some(0.001))
            .unwrap();
        explored += usize::from(choice.reason == Reason::Explored);
        call(&mut router, now, choice.index, 1.0, Outcome::Succeeded);
    }
    assert_eq!(explored, 3);
}

#[test]
fn a_call_to_a_candidate_that_is_gone_changes_nobody_else() {
    let mut router = router(&[1.0, 1.0, 1.0]);
    let [gone, moved] = [router.started(0.0, 0), router.started(0.0, 2)];
    router.remove(0);
    (0..3).for_each(|_| router.ended(0.0, gone, FAILED));
    assert_eq!(router.in_flight(1), 1);
    router.ended(1.0, moved, Outcome::Succeeded);
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
        assert!((1.0..=2.0).contains(&estimate.latency), "{estimate:?}");
    }
}

#[test]
#[should_panic(expected = "`half_life` must be within 0.1 and 86400 seconds")]
fn a_half_life_of_nothing_is_refused() {
    let _ = Router::new(RouterConfig {
        half_life: 0.0,
        ..RouterConfig::default()
    });
}
