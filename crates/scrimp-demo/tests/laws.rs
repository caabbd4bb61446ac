//! Tests of the demonstration as a library.

use scrimp_demo::{Demo, Goal, Line, Outcome, Scenario, Value};

fn run(seed: u64) -> Outcome {
    Demo::new()
        .seed(seed)
        .one_in(200)
        .run()
        .expect("an outcome")
}

fn line<'a>(scenarios: &'a [Scenario], name: &str, what: &str) -> &'a Line {
    let scenario = scenarios.iter().find(|scenario| scenario.name == name);
    let line = scenario.and_then(|scenario| scenario.get(what));
    line.unwrap_or_else(|| panic!("{name}: {what}"))
}

#[test]
fn all_required_goals_are_met_with_any_seed() {
    for seed in 1..=3 {
        let outcome = run(seed);
        assert_eq!(outcome.wrong(), Vec::<String>::new(), "seed {seed}");
        let must = outcome.scenarios.iter().chain(&outcome.failures);
        for scenario in must {
            let bound = scenario.lines.iter().filter(|line| line.must).count();
            assert!(bound > 0, "{} has no required goal", scenario.name);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_seed_gives_others() {
    let numbers = |outcome: &Outcome| {
        let all = outcome.scenarios.iter().chain(&outcome.failures);
        let lines = all.flat_map(|scenario| &scenario.lines);
        let virtually = lines.filter(|line| !line.what.contains("real time"));
        virtually
            .map(|line| format!("{}: {} {:?}", line.what, line.with, line.without))
            .collect::<Vec<_>>()
    };
    let (one, same, other) = (numbers(&run(5)), numbers(&run(5)), numbers(&run(6)));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn traffic_keeps_its_proportions() {
    let outcome = run(1);
    let reads = line(
        &outcome.scenarios,
        "product catalogue",
        "calls of the shop's API",
    );
    assert_eq!(reads.without, Some(Value::Count(2_500)));
    let first = line(&outcome.scenarios, "dashboard", "calls for the first load");
    assert_eq!(
        (first.without, first.with),
        (Some(Value::Count(20)), Value::Count(1))
    );
    let fetched = line(&outcome.scenarios, "nightly job", "records fetched");
    assert_eq!(
        (fetched.without, fetched.with),
        (Some(Value::Count(5_000)), Value::Count(1_500))
    );
    let calls = line(&outcome.scenarios, "nightly job", "upstream calls");
    assert_eq!(calls.with, Value::Count(15));
}

#[test]
fn without_layers_the_goals_are_not_met() {
    let outcome = run(1);
    for (name, what) in [
        ("stampede", "calls after an expiry without requests"),
        ("partial batch failure", "good responses of 20"),
        (
            "invalidation during a fill",
            "old profiles served after the change",
        ),
        ("late duplicate", "calls, with a reuse window of 30 s"),
        ("batch time-out", "slowest caller"),
        ("Redis stops answering", "slowest request while it hangs"),
        (
            "Redis stops answering",
            "requests that waited for its time-out",
        ),
    ] {
        let line = line(&outcome.failures, name, what);
        let (goal, without) = (line.goal.expect("a goal"), line.without.expect("a value"));
        assert!(!goal.is_met_by(without), "{name}: {what} is not a failure");
        assert!(matches!(goal, Goal::Exactly(_) | Goal::AtMost(_)) && line.must);
    }
}

#[test]
fn a_redis_that_hangs_costs_fewer_calls_with_its_handling_and_all_of_them_are_booked() {
    let outcome = run(1);
    let of = |what| line(&outcome.failures, "Redis stops answering", what);
    let count = |value| match value {
        Value::Count(number) => number,
        other => panic!("{other:?}"),
    };
    let down = of("calls while it hangs");
    let (with, without) = (count(down.with), count(down.without.expect("a value")));
    assert!(with < without, "{with} {without}");
    // Each request without the handling is a call: 100 a second for 30 s.
    assert!((2_500..3_500).contains(&without), "{without}");
    let before = of("calls in the 30 s before");
    assert!(count(before.without.expect("a value")) < without / 2);
    let degraded = of("degraded calls, by the ledger");
    assert!(count(degraded.with) >= with && degraded.is_met() == Some(true));
    let json = outcome.to_json();
    let failures = json["failures"].as_array().expect("a list");
    let named = failures
        .iter()
        .any(|failure| failure["name"] == "Redis stops answering");
    assert!(named, "{json}");
}

#[test]
fn an_invalid_part_of_the_traffic_is_refused() {
    for parts in [0, 1_001] {
        let error = Demo::new().one_in(parts).run().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Demo: `one_in` must be within 1 and 1000, not {parts}")
        );
    }
}
