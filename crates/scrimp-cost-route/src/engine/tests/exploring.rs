//! Exploration of candidates.

use super::*;

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
    // The second is far too dear for all but requests that are in a hurry.
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
fn no_candidate_is_explored_that_a_request_would_wait_for() {
    let ask = Ask {
        replayable: true,
        ..Ask::default()
    };
    let explored = |wait: Duration| {
        let mut router = router(&[1.0, 1.5]);
        let mut barred = Barred::default();
        barred.delay(1, wait);
        let all = (0..5_000).filter(|n| {
            let now = f64::from(*n) / 10.0;
            let choice = router
                .choose(at(now), &ask, &barred, |_| Some(usd(0.001)))
                .unwrap();
            call(&mut router, now, choice.index, 1.0, Outcome::Succeeded);
            choice.reason == Reason::Explored
        });
        all.count()
    };
    assert!(explored(Duration::ZERO) > 0);
    assert_eq!(explored(Duration::from_millis(1)), 0);
}
