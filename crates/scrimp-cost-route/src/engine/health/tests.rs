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
