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
    for [cheap, dear] in [[0, 1], [1, 0]] {
        let mut router = router(&[1.0, 1.0]);
        let mut costs = [Some(0.1); 2];
        costs[cheap] = Some(0.001);
        for _ in 0..3 {
            assert_eq!(choose(&mut router, 0.0, &costs).index, cheap);
            call(&mut router, 0.0, cheap, 0.0, FAILED);
        }
        assert_eq!(choose(&mut router, 0.0, &costs).index, dear);
        (0..3).for_each(|_| call(&mut router, 0.5, dear, 0.0, FAILED));
        let choice = choose(&mut router, 0.5, &costs);
        // The one that may be asked again first.
        assert_eq!((choice.index, choice.reason), (cheap, Reason::LastLeft));
    }
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

/// Returns a router over two candidates with these expectations.
fn two(score: Score, priors: [Prior; 2]) -> Router {
    let mut router = made(RouterConfig {
        score,
        ..RouterConfig::default()
    });
    priors.into_iter().for_each(|prior| router.add(prior));
    router
}

#[test]
fn the_better_one_by_a_single_property_wins_by_money_and_by_weights() {
    let usual = prior(1.0);
    let better = [
        Prior {
            latency: Duration::from_millis(500),
            ..usual
        },
        Prior {
            quality: 0.95,
            ..usual
        },
        Prior {
            reliability: 0.999,
            ..usual
        },
    ];
    let even = Weight {
        cost: 1.0,
        latency: 1.0,
        quality: 1.0,
        reliability: 1.0,
    };
    let even = Weights {
        high: even,
        default: even,
        low: even,
    };
    for score in [
        Score::default(),
        Score::Weighted(Weights::default()),
        Score::Weighted(even),
    ] {
        for better in better {
            let costs = [Some(0.001), Some(0.001)];
            let first = choose(&mut two(score.clone(), [better, usual]), 0.0, &costs).index;
            let second = choose(&mut two(score.clone(), [usual, better]), 0.0, &costs).index;
            assert_eq!((first, second), (0, 1), "{score:?} {better:?}");
        }
        for (costs, cheaper) in [([0.001, 0.002], 0), ([0.002, 0.001], 1)] {
            let mut router = two(score.clone(), [usual, usual]);
            let choice = choose(&mut router, 0.0, &costs.map(Some));
            assert_eq!(choice.index, cheaper, "{score:?}");
        }
    }
}

#[test]
fn by_weights_too_a_little_better_is_no_reason_to_switch() {
    let cost = Weight {
        cost: 1.0,
        latency: 0.0,
        quality: 0.0,
        reliability: 0.0,
    };
    let weights = Weights {
        default: cost,
        ..Weights::default()
    };
    let mut router = two(Score::Weighted(weights), [prior(1.0), prior(1.0)]);
    let mut pick = |costs: [f64; 2]| {
        let choice = choose(&mut router, 0.0, &costs.map(Some));
        (choice.index, choice.reason)
    };
    assert_eq!(pick([0.0100, 0.0104]), (0, Reason::Best));
    assert_eq!(pick([0.0104, 0.0100]), (0, Reason::Kept), "four percent");
    assert_eq!(pick([0.0106, 0.0100]), (1, Reason::Best), "six percent");
    assert_eq!(pick([0.0100, 0.0104]), (1, Reason::Kept));
    assert_eq!(router.switches(), 1);
}

#[test]
fn the_value_of_failing_over_decides_where_there_is_a_next_one() {
    // The first is cheap, and fails half of the time. A failure does harm of two cents, unless
    // another candidate answers.
    let flaky = Prior {
        reliability: 0.5,
        ..prior(1.0)
    };
    let replayable = Ask {
        replayable: true,
        ..Ask::default()
    };
    // Half of the next one's price is less than the difference of the two, and half of the harm is
    // more.
    let costs = [0.001, 0.008];
    let pick = |ask: &Ask, with_next: bool| {
        let mut router = two(Score::default(), [flaky, prior(1.0)]);
        let mut barred = Barred::default();
        if !with_next {
            barred.bar(1);
        }
        let choice = router.choose(at(0.0), ask, &barred, |i| Some(usd(costs[i])));
        let Ok(Choice {
            index,
            score: Scored::Money(score),
            ..
        }) = choice
        else {
            panic!("a choice by money");
        };
        (index, score)
    };
    assert_eq!(pick(&replayable, true).0, 0);
    assert_eq!(pick(&plain(), true).0, 1, "it cannot be sent again");
    // A second is worth 0.0005, the missing tenth of the quality as much, and the pause 0.00005.
    let success = 0.001 + 0.0005 + 0.0005;
    let next = 0.99 * (0.008 + 0.001) + 0.01 * 0.02;
    let near = |score: Money, dollars: f64| (score.as_f64() - dollars).abs() < 1e-9;
    let (_, score) = pick(&replayable, true);
    assert!(
        near(score, 0.5 * success + 0.5 * (0.00005 + next)),
        "{score}"
    );
    let (index, score) = pick(&replayable, false);
    assert!(
        index == 0 && near(score, 0.5 * success + 0.5 * 0.02),
        "{score}"
    );
}

#[test]
fn terms_report_the_scores_that_decide() {
    let replayable = Ask {
        replayable: true,
        ..Ask::default()
    };
    let flaky = Prior {
        reliability: 0.6,
        ..prior(1.0)
    };
    let costs = [usd(0.001), usd(0.004), usd(0.002)];
    for score in [Score::default(), Score::Weighted(Weights::default())] {
        for ask in [plain(), replayable] {
            for only in 0..3 {
                let mut router = two(score.clone(), [flaky, prior(2.0)]);
                router.add(prior(1.0));
                let none = Barred::default();
                let terms = router.terms(at(0.0), &ask, &none, |i| Some(costs[i]));
                let best = router
                    .choose(at(0.0), &ask, &none, |i| Some(costs[i]))
                    .unwrap();
                assert_eq!(terms[best.index].score, best.score);
                assert!(terms.iter().all(|one| best.score <= one.score));
                let mut barred = Barred::default();
                (0..3).filter(|&i| i != only).for_each(|i| barred.bar(i));
                let terms = router.terms(at(0.0), &ask, &barred, |i| Some(costs[i]));
                let choice = router
                    .choose(at(0.0), &ask, &barred, |i| Some(costs[i]))
                    .unwrap();
                assert_eq!((choice.index, choice.score), (only, terms[only].score));
                assert_eq!(terms.iter().filter(|one| one.barred).count(), 2);
            }
        }
    }
}

#[test]
fn of_two_that_are_out_the_one_that_may_be_asked_first_is_asked() {
    for (waits, sooner) in [([60, 20], 1), ([20, 60], 0)] {
        let mut router = router(&[1.0, 1.0]);
        for (index, seconds) in waits.into_iter().enumerate() {
            let retry_after = Some(Duration::from_secs(seconds));
            call(
                &mut router,
                0.0,
                index,
                0.0,
                Outcome::Failed { retry_after },
            );
        }
        let choice = choose(&mut router, 1.0, &[Some(0.001), Some(0.001)]);
        assert_eq!((choice.index, choice.reason), (sooner, Reason::LastLeft));
        // It is half-open after its wait, and the other one is still out.
        let terms = router.terms(at(30.0), &plain(), &Barred::default(), |_| None);
        let [one, other] = [terms[sooner].health, terms[1 - sooner].health];
        assert_eq!(one, Health::HalfOpen);
        assert_eq!(other, Health::Out { until: at(60.0) });
        let choice = choose(&mut router, 30.0, &[Some(0.001), Some(0.001)]);
        assert_eq!((choice.index, choice.reason), (sooner, Reason::Probed));
    }
}
