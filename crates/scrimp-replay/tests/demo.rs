//! Tests of the demonstration as a command.

mod common;

use common::scrimp;

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
        "product pages",
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
    assert_eq!(outcome["scenarios"].as_array().map(Vec::len), Some(5));
    assert_eq!(outcome["failures"].as_array().map(Vec::len), Some(6));
    let line = &outcome["scenarios"][3]["lines"][0];
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

/// Goals of the scenarios, in seconds: a product within 100 ms, a dashboard within 2 s, a hit within 2 ms, a feed
/// that is given again within 15 ms.
#[test]
fn the_latencies_that_were_promised_are_kept() {
    let run = scrimp(&["demo", "--one-in", "200", "--json"], b"");
    let outcome: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    let scenarios = outcome["scenarios"].as_array().expect("scenarios");
    let lines = scenarios
        .iter()
        .flat_map(|scenario| scenario["lines"].as_array().expect("lines"));
    let lines: Vec<_> = lines.collect();
    for (what, goal) in [
        ("slowest read", 0.1),
        ("slowest load of the day", 2.0),
        ("duration of a hit (real time)", 0.002),
        ("duration of a reuse (real time)", 0.015),
    ] {
        let line = lines.iter().find(|line| line["what"] == what);
        let line = line.unwrap_or_else(|| panic!("no line {what:?}"));
        let met = (&line["met"], line["goal"].as_f64());
        assert_eq!(met, (&true.into(), Some(goal)), "{line}");
    }
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
