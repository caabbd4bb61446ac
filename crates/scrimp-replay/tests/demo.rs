//! Tests of the demonstration, as a library and as a command.

mod common;

use common::scrimp;
use scrimp_replay::demo::{Demo, Goal, Line, Outcome, Scenario, Value};

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
    ] {
        let line = line(&outcome.failures, name, what);
        let (goal, without) = (line.goal.expect("a goal"), line.without.expect("a value"));
        assert!(!goal.is_met_by(without), "{name}: {what} is not a failure");
        assert!(matches!(goal, Goal::Exactly(_) | Goal::AtMost(_)) && line.must);
    }
}

#[test]
fn a_user_sees_the_goal_beside_the_measurement() {
    let run = scrimp(&["demo", "--one-in", "200"], b"");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    for words in [
        "one part in 200",
        "savings",
        "goal",
        "measured",
        "product catalogue",
        "social feed",
        "dashboard",
        "nightly job",
        "failures",
        "stampede",
        "All required goals are met.",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    assert!(
        run.out.lines().all(|line| line.chars().count() <= 100),
        "fits a terminal"
    );
    assert!(!run.out.contains('\u{1b}'), "colour only on a terminal");
}

#[test]
fn the_json_output_is_one_object() {
    let run = scrimp(&["demo", "--one-in", "200", "--seed", "7", "--json"], b"");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let outcome: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        (outcome["seed"].as_u64(), outcome["one_in"].as_u64()),
        (Some(7), Some(200))
    );
    assert_eq!(outcome["wrong"].as_array().map(Vec::len), Some(0));
    assert_eq!(outcome["scenarios"].as_array().map(Vec::len), Some(4));
    assert_eq!(outcome["failures"].as_array().map(Vec::len), Some(5));
    let line = &outcome["scenarios"][2]["lines"][0];
    assert_eq!(line["what"], "calls for the first load");
    assert_eq!(
        (&line["unit"], &line["with"], &line["without"]),
        (&"count".into(), &1.into(), &20.into())
    );
    assert_eq!(
        (&line["goal"], &line["meant"], &line["met"]),
        (&1.into(), &"at most".into(), &true.into())
    );
}

#[test]
fn impossible_flags_are_refused() {
    for args in [
        ["demo", "--one-in", "0"],
        ["demo", "--one-in", "9999"],
        ["demo", "--seed", "x"],
    ] {
        let run = scrimp(&args, b"");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.contains(args[1]), "{}", run.err);
    }
}
