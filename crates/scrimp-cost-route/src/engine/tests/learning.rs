//! Learning from calls.

use proptest::prelude::*;

use super::*;

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
fn a_call_to_a_candidate_that_is_gone_changes_no_other() {
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
fn a_month_of_time_leaves_the_estimates_numbers_that_follow_what_is_seen() {
    let mut router = router(&[1.0]);
    for hour in 0..720_u32 {
        // A day of two seconds, then a day of six.
        let seconds = if hour / 24 % 2 == 0 { 2.0 } else { 6.0 };
        let now = f64::from(hour) * 3_600.0;
        for call_of_the_hour in 0..3_u32 {
            let now = now + 10.0 * f64::from(call_of_the_hour);
            let _ = choose(&mut router, now, &[Some(0.01)]);
            call(&mut router, now, 0, seconds, Outcome::Succeeded);
        }
        let estimate = terms(&router, now + 26.0).estimate;
        let latency = estimate.latency.as_secs_f64();
        let day = if seconds < 4.0 { 1.5..3.0 } else { 4.5..7.0 };
        assert!(
            hour % 24 < 3 || day.contains(&latency),
            "{hour}: {estimate:?}"
        );
        assert!((0.98..=1.0).contains(&estimate.reliability), "{estimate:?}");
        assert!((0.89..=0.91).contains(&estimate.quality), "{estimate:?}");
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
fn more_than_half_that_fail_put_a_candidate_out_and_a_half_does_not() {
    // The row of failures never grows above two. A minute passes first, so that weights differ.
    let failures_until_out = |fails: fn(u32) -> bool| {
        let mut router = router(&[1.0]);
        (0..600_u32).find(|&n| {
            let outcome = if fails(n) { FAILED } else { Outcome::Succeeded };
            call(&mut router, 60.0 + f64::from(n) / 1_000.0, 0, 0.0, outcome);
            terms(&router, 61.0).health != Health::Up
        })
    };
    let two_of_three = failures_until_out(|n| n % 3 != 0);
    assert!(
        two_of_three.is_some_and(|calls| (20..60).contains(&calls)),
        "{two_of_three:?}"
    );
    assert_eq!(failures_until_out(|n| n % 2 == 0), None);
    assert_eq!(failures_until_out(|n| n % 3 == 0), None);
}

#[test]
fn three_quick_failures_while_seventeen_others_are_under_way_are_no_outage() {
    let mut router = router(&[1.0]);
    call(&mut router, 0.0, 0, 0.01, FAILED);
    let mut others: Vec<_> = (0..19).map(|_| router.started(at(0.01), 0)).collect();
    for ticket in others.drain(..2) {
        router.ended(at(0.02), ticket, FAILED);
    }
    assert_eq!(terms(&router, 0.02).health, Health::Up);
    assert_eq!(terms(&router, 0.02).in_flight, 17);
    for ticket in others {
        router.ended(at(0.05), ticket, FAILED);
    }
    assert!(matches!(terms(&router, 0.05).health, Health::Out { .. }));
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
