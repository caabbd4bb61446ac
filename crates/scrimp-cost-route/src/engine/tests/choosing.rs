//! Choice of a candidate.

use super::*;

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
        filters: Bounds {
            max_latency: Some(Duration::from_secs(5)),
            ..Bounds::default()
        },
        ..plain()
    };
    let costs = [Some(0.0), Some(1.0)];
    let choice = router.choose(at(0.0), &ask, &Barred::default(), |i| costs[i].map(usd));
    assert_eq!(choice.unwrap().index, 1);
    let ask = Ask {
        filters: Bounds {
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
