//! Waits before calls, and second calls beside slow ones.

use super::*;

#[test]
fn a_wait_counts_as_latency_and_a_substitute_is_not_remembered() {
    let mut router = router(&[1.0, 1.0]);
    let costs = [0.010, 0.011].map(usd);
    let mut choose = |wait: f64| {
        let mut barred = Barred::default();
        barred.delay(0, Duration::from_secs_f64(wait));
        let cost = |index: usize| Some(costs[index]);
        let choice = router.choose(at(0.0), &plain(), &barred, cost).unwrap();
        let terms = router.terms(at(0.0), &plain(), &barred, cost);
        assert_eq!(terms[0].wait, Duration::from_secs_f64(wait));
        assert_eq!(terms[0].estimate.latency, Duration::from_secs(1));
        (choice.index, choice.reason, router.switches())
    };
    assert_eq!(choose(0.0), (0, Reason::Best, 0));
    // A second is worth $0.0005, and the other one costs $0.001 more.
    assert_eq!(choose(1.0), (0, Reason::Best, 0));
    assert_eq!(choose(30.0), (1, Reason::Best, 0));
    assert_eq!(choose(0.0), (0, Reason::Best, 0));
}

#[test]
fn a_wait_counts_for_the_longest_latency() {
    let mut router = router(&[1.0]);
    let ask = Ask {
        filters: Bounds {
            max_latency: Some(Duration::from_secs(3)),
            ..Bounds::default()
        },
        ..plain()
    };
    for (wait, expected) in [(1, Ok(0)), (5, Err(NoCandidate::NoneGoodEnough))] {
        let mut barred = Barred::default();
        barred.delay(0, Duration::from_secs(wait));
        let choice = router.choose(at(0.0), &ask, &barred, |_| Some(usd(0.01)));
        assert_eq!(choice.map(|choice| choice.index), expected);
    }
}

/// Makes a router that has seen a hundred calls to the first candidate, of which four took 40 s.
fn with_a_tail() -> Router {
    with_a_tail_since(0.0)
}

fn with_a_tail_since(start: f64) -> Router {
    let mut router = router(&[1.0, 1.0, 1.0]);
    for n in 0..100 {
        let seconds = if n % 25 == 7 { 40.0 } else { 1.0 };
        let began = start + f64::from(n);
        let ticket = router.started(at(began), 0);
        let after = Duration::from_secs_f64(seconds);
        router.first_byte(at(began), ticket, after);
        router.ended(at(began), ticket, Outcome::Succeeded);
    }
    router
}

fn worth(dollars: f64) -> Ask {
    Ask {
        hedge: Some(usd(dollars)),
        ..plain()
    }
}

fn costs(index: usize) -> Option<HedgeCost> {
    let whole = [0.011, 0.012, 0.5][index];
    Some(HedgeCost {
        whole: usd(whole),
        sent: usd(whole - 0.001),
    })
}

#[test]
fn a_second_call_goes_to_the_candidate_that_gains_most() {
    let router = with_a_tail();
    let none = Barred::default();
    let plan = |ask: &Ask, barred: &Barred| router.hedge(at(100.0), ask, 0, barred, costs);
    let hedge = plan(&worth(0.1), &none).unwrap();
    assert_eq!(hedge.index, 1);
    let after = hedge.after.as_secs_f64();
    assert!((1.0..1.5).contains(&after), "{after}");
    for ask in [plain(), worth(0.0), worth(0.0001)] {
        assert_eq!(plan(&ask, &none), None);
    }
    let mut barred = Barred::default();
    barred.bar(1);
    assert_eq!(plan(&worth(0.1), &barred).unwrap().index, 2);
    barred.delay(2, Duration::from_secs(1));
    assert_eq!(plan(&worth(0.1), &barred), None, "it would have to wait");
}

#[test]
fn times_are_known_however_long_the_router_runs() {
    let known = |start: f64| {
        let router = with_a_tail_since(start);
        let now = at(start + 100.0);
        router.hedge(now, &worth(0.1), 0, &Barred::default(), costs)
    };
    assert!(known(0.0).is_some());
    for start in [4_000.0, 9_000.0] {
        assert!(known(start).is_some(), "{start}");
    }
}

#[test]
fn there_is_no_second_call_beside_or_to_a_candidate_that_is_not_up() {
    for down in [0, 1] {
        let mut router = with_a_tail();
        let mut barred = Barred::default();
        barred.bar(2);
        let ask = worth(0.1);
        assert!(router.hedge(at(100.0), &ask, 0, &barred, costs).is_some());
        assert!(router.beside(at(100.0), &ask, (0, 1), None).is_some());
        let retry_after = Some(Duration::from_secs(60));
        call(
            &mut router,
            100.0,
            down,
            0.0,
            Outcome::Failed { retry_after },
        );
        assert_eq!(router.hedge(at(101.0), &ask, 0, &barred, costs), None);
        assert_eq!(router.beside(at(101.0), &ask, (0, 1), None), None);
    }
}

#[test]
fn calls_that_were_given_up_keep_the_tail() {
    let mut router = with_a_tail();
    let gain =
        |router: &Router| router.hedge(at(400.0), &worth(0.02), 0, &Barred::default(), costs);
    let before = gain(&router);
    assert!(before.is_some());
    for n in 0..300 {
        let began = 100.0 + f64::from(n);
        let ticket = router.started(at(began), 0);
        if n % 25 == 7 {
            let age = Duration::from_secs_f64(2.5);
            router.outrun(at(began), ticket, age);
        } else {
            router.first_byte(at(began), ticket, Duration::from_secs(1));
        }
        router.ended(at(began), ticket, Outcome::Cancelled);
    }
    assert_eq!(gain(&router), before);
}
