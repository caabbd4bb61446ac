use super::*;

const LONGEST: f64 = 30.0;

fn at(seconds: f64) -> Instant {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    *START + std::time::Duration::from_secs_f64(seconds)
}

fn health(breaker: &Breaker, now: f64) -> Health {
    breaker.health(now, at)
}

fn failure(rate: f64, counts: (f64, f64)) -> Failure {
    Failure {
        retry_after: None,
        rate,
        counts,
        longest: LONGEST,
    }
}

fn fail(breaker: &mut Breaker, now: f64) -> Option<u32> {
    breaker.failed(now, &failure(0.01, (3.0, 3.0)))
}

fn out() -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..3 {
        fail(&mut breaker, 0.0);
    }
    breaker
}

#[test]
fn three_failures_in_a_row_put_it_out_and_a_success_between_does_not() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        assert_eq!(fail(&mut breaker, 0.0), None);
        assert_eq!(fail(&mut breaker, 0.0), None);
        breaker.succeeded(0.0, 0.0);
    }
    assert_eq!(health(&breaker, 0.0), Health::Up);
    assert_eq!(health(&out(), 0.0), Health::Out { until: at(1.0) });
}

#[test]
fn answers_to_older_calls_do_not_hide_an_outage() {
    let mut breaker = Breaker::default();
    for now in [5.0, 5.1, 5.2] {
        assert_eq!(health(&breaker, now), Health::Up);
        breaker.failed(now, &failure(0.01, (1.0, 100.0)));
        breaker.succeeded(now, 4.9);
    }
    assert!(matches!(health(&breaker, 5.2), Health::Out { .. }));
}

#[test]
fn who_fails_three_times_in_ten_anyway_needs_a_longer_row() {
    let mut breaker = Breaker::default();
    for row in 1..=8 {
        assert_eq!(health(&breaker, 0.0), Health::Up, "before failure {row}");
        breaker.failed(0.0, &failure(0.3, (3.0, 10.0)));
    }
    assert!(matches!(health(&breaker, 0.0), Health::Out { .. }));
}

#[test]
fn a_rate_surely_above_a_half_puts_it_out_without_a_row() {
    let mut breaker = Breaker::default();
    breaker.failed(0.0, &failure(0.01, (6.0, 10.0)));
    assert_eq!(health(&breaker, 0.0), Health::Up);
    breaker.failed(0.0, &failure(0.01, (30.0, 40.0)));
    assert!(matches!(health(&breaker, 0.0), Health::Out { .. }));
}

#[test]
fn a_failure_at_the_very_end_of_its_time_out_puts_it_out_for_twice_as_long() {
    let mut breaker = out();
    assert_eq!(fail(&mut breaker, 0.9), None);
    assert_eq!(health(&breaker, 0.9), Health::Out { until: at(1.0) });
    assert_eq!(fail(&mut breaker, 1.0), Some(5));
    assert_eq!(health(&breaker, 1.0), Health::Out { until: at(3.0) });
}

#[test]
fn who_answers_the_first_probe_was_unlucky_and_is_back_at_once() {
    let mut breaker = out();
    assert!(!breaker.admits(0.9));
    assert!(breaker.admits(1.0));
    breaker.started();
    assert!(!breaker.admits(1.0), "one probe at a time");
    breaker.succeeded(1.5, 1.0);
    assert_eq!(health(&breaker, 1.5), Health::Up);
}

#[test]
fn after_an_outage_it_comes_back_by_a_tenth_then_a_half_then_all() {
    let mut breaker = out();
    breaker.started();
    assert_eq!(fail(&mut breaker, 1.0), Some(4));
    assert!(breaker.admits(3.0));
    breaker.started();
    breaker.succeeded(3.5, 3.0);
    let admitted = |breaker: &mut Breaker| {
        let admit = |_: &u32| {
            let yes = breaker.admits(4.0);
            if yes {
                breaker.started();
            }
            yes
        };
        (0..100).filter(admit).count()
    };
    assert_eq!(admitted(&mut breaker), 10);
    (0..3).for_each(|_| breaker.succeeded(4.0, 4.0));
    assert_eq!(admitted(&mut breaker), 50);
    (0..3).for_each(|_| breaker.succeeded(4.0, 4.0));
    assert_eq!(admitted(&mut breaker), 100);
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_the_longest() {
    let mut breaker = out();
    let mut now = 1.0;
    for expected in [2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST] {
        assert!(breaker.admits(now));
        breaker.started();
        fail(&mut breaker, now);
        let until = now + expected;
        assert_eq!(health(&breaker, now), Health::Out { until: at(until) });
        now = until;
    }
}

#[test]
fn a_provider_that_says_when_is_asked_then() {
    let mut breaker = Breaker::default();
    let says = Failure {
        retry_after: Some(300.0),
        ..failure(0.01, (1.0, 1.0))
    };
    assert_eq!(breaker.failed(5.0, &says), None);
    assert_eq!(health(&breaker, 5.0), Health::Out { until: at(305.0) });
}

#[test]
fn a_cancelled_probe_lets_another_go() {
    let mut breaker = out();
    breaker.started();
    breaker.cancelled();
    assert!(breaker.admits(1.0));
}

#[test]
fn the_share_that_surely_fails_is_the_lower_end_of_wilsons_interval() {
    // Fewest failures, for a number of attempts, from which more than half surely fail.
    let fewest = [
        (8.0, 7.0),
        (9.0, 8.0),
        (10.0, 9.0),
        (12.0, 10.0),
        (16.0, 12.0),
        (20.0, 15.0),
        (25.0, 18.0),
        (30.0, 21.0),
        (40.0, 27.0),
        (50.0, 32.0),
        (100.0, 60.0),
        (1_000.0, 531.0),
    ];
    for (attempts, failures) in fewest {
        assert!(
            is_mostly_failing(failures, attempts),
            "{failures} of {attempts}"
        );
        assert!(
            !is_mostly_failing(failures - 1.0, attempts),
            "{failures} of {attempts}"
        );
    }
    assert!(!is_mostly_failing(7.0, 7.0), "too few attempts");
    assert!(is_mostly_failing(8.0, 8.0) && !is_mostly_failing(0.0, 8.0));
}

#[test]
fn failures_are_no_outage_while_calls_that_began_after_the_first_are_under_way() {
    let mut breaker = Breaker::default();
    let fail = |breaker: &mut Breaker| {
        let failure = failure(0.01, (1.0, 100.0));
        breaker.failed(0.0, &failure)
    };
    breaker.started();
    assert_eq!(fail(&mut breaker), None);
    (0..19).for_each(|_| breaker.started());
    for failures in 2..20 {
        assert_eq!(fail(&mut breaker), None, "{failures}");
        assert_eq!(health(&breaker, 0.0), Health::Up, "{failures}");
    }
    assert_eq!(fail(&mut breaker), Some(20), "none is left that may answer");
    assert!(matches!(health(&breaker, 0.0), Health::Out { .. }));
}

#[test]
fn a_row_of_failures_is_an_outage_where_chance_would_not_make_it() {
    // Three in a row at 4 % come once in 15,000, and at 5 % once in 8,000.
    for (rate, is_outage) in [(0.04, true), (0.05, false)] {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(0.0, &failure(rate, (1.0, 100.0)));
        }
        assert_eq!(
            matches!(breaker.state, State::Out { .. }),
            is_outage,
            "{rate}"
        );
    }
}

#[test]
fn a_provider_that_is_out_is_told_from_one_that_is_half_open() {
    let breaker = out();
    assert!(!breaker.is_up() && breaker.out_until() == 1.0);
    assert!(!breaker.is_half_open(0.9) && breaker.is_half_open(1.0));
    assert_eq!(health(&breaker, 0.9), Health::Out { until: at(1.0) });
    assert_eq!(health(&breaker, 1.0), Health::HalfOpen);
    let breaker = Breaker::default();
    assert!(breaker.is_up() && !breaker.is_half_open(5.0) && breaker.out_until() == 0.0);
}

/// Returns a provider that answered its second probe at 3.5 seconds: it is on its way back.
fn on_its_way_back() -> Breaker {
    let mut breaker = out();
    breaker.started();
    fail(&mut breaker, 1.0);
    breaker.started();
    breaker.succeeded(3.5, 3.0);
    assert_eq!(health(&breaker, 3.5), Health::Ramp { permille: 100 });
    breaker
}

#[test]
fn time_takes_a_provider_a_step_further_if_it_has_answered_since() {
    let mut breaker = on_its_way_back();
    breaker.admits(13.6);
    assert_eq!(
        health(&breaker, 13.6),
        Health::Ramp { permille: 100 },
        "no answer"
    );
    breaker.succeeded(13.0, 13.0);
    breaker.admits(13.5);
    assert_eq!(
        health(&breaker, 13.5),
        Health::Ramp { permille: 100 },
        "ten seconds"
    );
    breaker.admits(13.6);
    assert_eq!(health(&breaker, 13.6), Health::Ramp { permille: 500 });
    breaker.admits(23.7);
    assert_eq!(
        health(&breaker, 23.7),
        Health::Ramp { permille: 500 },
        "no answer"
    );
    breaker.succeeded(23.7, 23.7);
    assert!(breaker.admits(23.7));
    assert_eq!(health(&breaker, 23.7), Health::Up);
}

#[test]
fn a_share_that_is_not_used_does_not_come_as_a_burst() {
    let mut breaker = on_its_way_back();
    // Ten requests were admitted, and went elsewhere.
    let admitted = (0..100).filter(|_| breaker.admits(4.0)).count();
    assert_eq!(admitted, 91, "from the tenth on, until it is used");
    breaker.started();
    assert!((0..9).all(|_| !breaker.admits(4.0)) && breaker.admits(4.0));
}

#[test]
fn a_success_from_before_does_not_bring_a_provider_back_and_a_failure_takes_it_out_again() {
    let mut breaker = out();
    breaker.succeeded(0.5, 0.0);
    assert_eq!(health(&breaker, 0.5), Health::Out { until: at(1.0) });
    let mut breaker = on_its_way_back();
    for _ in 0..3 {
        fail(&mut breaker, 4.0);
    }
    // The outages before are over, and counted no more.
    assert_eq!(health(&breaker, 4.0), Health::Out { until: at(5.0) });
}

#[test]
fn a_longer_wait_that_a_provider_asks_for_while_it_is_out_counts_and_a_shorter_one_does_not() {
    let asks = |seconds: f64| Failure {
        retry_after: Some(seconds),
        ..failure(0.01, (3.0, 3.0))
    };
    let mut breaker = out();
    assert_eq!(breaker.failed(0.5, &asks(60.0)), None);
    assert_eq!(health(&breaker, 0.5), Health::Out { until: at(60.5) });
    for shorter in [asks(2.0), failure(0.01, (3.0, 3.0))] {
        assert_eq!(breaker.failed(0.6, &shorter), None);
        assert_eq!(health(&breaker, 0.6), Health::Out { until: at(60.5) });
    }
}
