//! Candidates that come, go, are judged, and are late.

use super::*;

#[test]
fn whoever_is_kept_is_kept_where_it_moves_to_and_forgotten_where_it_goes() {
    // The last one is kept, by a little, against the one before it.
    let kept = |removed: usize| {
        let mut router = router(&[1.0, 1.0, 1.0]);
        let first = [Some(0.0200), Some(0.0101), Some(0.0100)];
        assert_eq!(choose(&mut router, 0.0, &first).index, 2);
        router.remove(removed);
        choose(&mut router, 0.0, &[Some(0.0101), Some(0.0102)])
    };
    let moved = kept(0);
    assert_eq!((moved.index, moved.reason), (1, Reason::Kept));
    // What is left is cheapest at its first place: the kept one is gone.
    let gone = kept(2);
    assert_eq!(gone.index, 0);
    assert_ne!(gone.reason, Reason::Kept);

    // One before it goes, and none behind it.
    let mut router = router(&[1.0, 1.0, 1.0]);
    let first = [Some(0.0100), Some(0.0101), Some(0.0200)];
    assert_eq!(choose(&mut router, 0.0, &first).index, 0);
    router.remove(2);
    let stays = choose(&mut router, 0.0, &[Some(0.0102), Some(0.0101)]);
    assert_eq!((stays.index, stays.reason), (0, Reason::Kept));
}

#[test]
fn a_candidate_that_takes_the_place_of_another_does_not_get_its_calls() {
    let mut router = router(&[1.0, 1.0]);
    let ticket = router.started(at(0.0), 1);
    router.remove(1);
    router.add(prior(1.0));
    router.add(prior(1.0));
    router.ended(at(900.0), ticket, Outcome::Succeeded);
    let terms = router.terms(at(900.0), &plain(), &Barred::default(), |_| {
        Some(Money::ZERO)
    });
    let latencies: Vec<_> = terms
        .iter()
        .map(|terms| terms.estimate.latency.as_secs_f64())
        .collect();
    assert!(
        latencies.iter().all(|latency| *latency < 2.0),
        "{latencies:?}"
    );
}

#[test]
fn what_is_judged_is_what_is_expected() {
    let mut router = router(&[1.0]);
    for _ in 0..50 {
        call(&mut router, 0.0, 0, 1.0, Outcome::Succeeded);
        router.judge(at(1.0), 0, 0.2);
    }
    let quality = terms(&router, 1.0).estimate.quality;
    assert!((0.15..0.4).contains(&quality), "{quality}");
}

#[test]
fn calls_that_are_late_count_before_they_end_and_more_of_them_count_more() {
    let expected = |calls: usize| {
        let mut router = router(&[1.0]);
        for _ in 0..20 {
            call(&mut router, 0.0, 0, 1.0, Outcome::Succeeded);
        }
        for _ in 0..calls {
            let _ = router.started(at(10.0), 0);
        }
        terms(&router, 70.0).estimate.latency.as_secs_f64()
    };
    let [none, one, many] = [0, 1, 40].map(expected);
    assert!(
        none < 1.2 && one > 1.5 && many > 2.0 * one,
        "{none} {one} {many}"
    );
    assert!(many < 60.0, "{many}: no call has taken longer than that");
}

#[test]
fn waiting_for_a_place_counts_as_time_in_the_score() {
    let router = router(&[1.0, 1.0]);
    let mut barred = Barred::default();
    barred.delay(0, Duration::from_secs(5));
    let terms = router.terms(at(0.0), &plain(), &barred, |_| Some(Money::ZERO));
    let [waits, other] = [terms[0].score, terms[1].score].map(|score| match score {
        Scored::Money(money) => money,
        other => panic!("{other:?}"),
    });
    assert!(waits > other, "{waits} beside {other}");
}

#[test]
fn a_candidate_that_goes_is_no_switch_and_its_calls_are_those_of_no_other() {
    let mut router = router(&[1.0]);
    choose(&mut router, 0.0, &[Some(0.01)]);
    let gone = router.started(at(0.0), 0);
    router.remove(0);
    router.add(prior(1.0));
    choose(&mut router, 1.0, &[Some(0.01)]);
    assert_eq!(router.switches(), 0);
    let _ = router.started(at(1.0), 0);
    router.ended(at(2.0), gone, FAILED);
    assert_eq!(router.in_flight(0), 1);
}

#[test]
fn a_call_that_was_resumed_is_learned_from_as_it_went_from_then_on() {
    let mut router = router(&[1.0]);
    let early = router.started(at(0.0), 0);
    let _other = router.started(at(0.0), 0);
    router.unmade(early);
    assert_eq!(router.in_flight(0), 1);
    let resumed = router.resumed(at(60.0), early);
    assert_eq!(router.in_flight(0), 2);
    router.ended(at(60.5), resumed, Outcome::Succeeded);
    assert_eq!(router.in_flight(0), 1);
}

#[test]
fn a_call_is_late_from_three_times_the_usual_latency_on() {
    let expected = |usual: f64, age: f64, calls: usize| {
        let mut router = router(&[usual]);
        for _ in 0..20 {
            call(&mut router, 0.0, 0, usual, Outcome::Succeeded);
        }
        let begun = 20.0;
        for _ in 0..calls {
            let _ = router.started(at(begun), 0);
        }
        terms(&router, begun + age).estimate.latency
    };
    for (usual, age, late) in [(10.0, 20.0, false), (10.0, 40.0, true), (0.1, 0.5, true)] {
        let [none, one] = [0, 1].map(|calls| expected(usual, age, calls));
        assert_eq!(one > none, late, "{usual} {age}: {none:?} {one:?}");
    }
}

#[test]
fn requests_of_each_priority_have_a_last_choice_of_their_own() {
    // The first is quick and dear.
    let mut router = router(&[1.0, 30.0]);
    let costs = [0.050, 0.001].map(usd);
    let mut chosen = |priority: Priority| {
        let ask = Ask {
            priority,
            ..plain()
        };
        let choice = router.choose(at(0.0), &ask, &Barred::default(), |i| Some(costs[i]));
        choice.unwrap().index
    };
    for _ in 0..3 {
        assert_eq!(chosen(Priority::High), 0);
        assert_eq!(chosen(Priority::Low), 1);
    }
    assert_eq!(router.switches(), 0);
}
