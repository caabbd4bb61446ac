//! The fleet, without and with a shared tier, beside the replay of one process.

mod common;

use common::{json, scrimp};
use serde_json::Value;

/// Returns a generated log.
fn log(requests: &str) -> Vec<u8> {
    let run = scrimp(&["sample-log", "--seed", "3", "--requests", requests], b"");
    run.out.into_bytes()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Returns the sum of the requests by the source of their response.
fn answered(side: &Value) -> u64 {
    let parts = ["upstream_calls", "node_hits", "shared_hits", "shared_calls"];
    parts.iter().map(|part| number(&side[part])).sum()
}

#[test]
fn one_node_is_the_replay_itself_and_a_shared_tier_adds_nothing_to_a_large_memory() {
    let log = log("2000");
    for args in [
        &["-"][..],
        &["-", "--rule", "path=/** query=none"],
        &["-", "--max-bytes", "1MiB"],
        &["-", "--latency", "500ms", "--coalesce"],
    ] {
        let args = [args, &["--nodes", "1", "--l2", "1GiB"]].concat();
        let report = json(&args, &log);
        let fleet = &report["fleet"];
        assert_eq!(
            fleet["without"]["upstream_calls"], report["upstream_calls_with"],
            "{args:?}"
        );
        for side in ["without", "with"] {
            assert_eq!(answered(&fleet[side]), 2_000, "{args:?}: {fleet}");
        }
        if args.len() == 5 {
            assert_eq!(
                fleet["with"]["upstream_calls"],
                fleet["without"]["upstream_calls"]
            );
        }
    }
}

#[test]
fn a_shared_tier_gives_eight_nodes_nearly_the_hits_of_one() {
    let log = log("5000");
    let report = json(&["-", "--nodes", "8", "--l2", "256MiB"], &log);
    let fleet = &report["fleet"];
    let (without, with) = (&fleet["without"], &fleet["with"]);
    let one = number(&report["upstream_calls_with"]);
    assert!(number(&without["upstream_calls"]) > one, "{fleet}");
    let calls = number(&with["upstream_calls"]);
    assert!(calls.abs_diff(one) <= one / 200, "{fleet}");
    assert!(number(&with["shared_hits"]) > 0 && number(&without["shared_hits"]) == 0);
    // What it adds is the price of the calls that it saves: a cent each.
    let fewer = number(&without["upstream_calls"]) - calls;
    let added = with["added"].as_f64().unwrap();
    assert!(
        (added - fewer as f64 / 100.0).abs() < 1e-6,
        "{added} {fewer}"
    );
    let (reads, waited) = (
        number(&with["reads"]),
        with["waited_seconds"].as_f64().unwrap(),
    );
    assert!(
        (waited - reads as f64 / 1e3).abs() < 1e-6,
        "{reads} {waited}"
    );
    assert!(reads >= number(&with["shared_hits"]) && number(&with["writes"]) > 0);
}

#[test]
fn a_small_shared_tier_evicts_and_adds_less() {
    let log = log("5000");
    let added = |size| {
        let report = json(
            &["-", "--nodes", "8", "--max-bytes", "256KiB", "--l2", size],
            &log,
        );
        let with = report["fleet"]["with"].clone();
        assert!(number(&with["peak_bytes"]) <= number(&with["max_bytes"]));
        (with["added"].as_f64().unwrap(), number(&with["evicted"]))
    };
    let (small, large) = (added("256KiB"), added("256MiB"));
    assert!(
        small.0 < large.0 && small.1 > 0 && large.1 == 0,
        "{small:?} {large:?}"
    );
}

#[test]
fn clients_stay_at_their_node_if_the_spread_says_so() {
    let line = |client: u32, number: u32| {
        format!(
            "10.0.0.{client} - - [17/May/2015:10:05:{:02} +0000] \"GET /own/{client} HTTP/1.1\" 200 12 \"-\" \"ua\"\n",
            number % 60
        )
    };
    // Each of 20 clients asks for a page of its own, three times.
    let log: String = (0..60).map(|number| line(number % 20, number)).collect();
    let calls = |spread| {
        let report = json(&["-", "--nodes", "7", "--spread", spread], log.as_bytes());
        assert_eq!(report["fleet"]["spread"], spread);
        assert_eq!(report["fleet"]["clients_known"], 60);
        number(&report["fleet"]["without"]["upstream_calls"])
    };
    assert_eq!(calls("client"), 20);
    assert_eq!(calls("round-robin"), 60);
    // Without a client in the log, a warning says so.
    let plain = "{\"ts\":1431857103,\"status\":200,\"path\":\"/a\"}\n";
    let args = ["replay", "-", "--nodes", "2", "--spread", "client"];
    let table = scrimp(&args, plain.as_bytes()).out;
    assert!(
        table.contains("The log states no client for 1 of the requests"),
        "{table}"
    );
}

#[test]
fn a_request_that_changes_a_page_reaches_all_nodes_and_the_shared_tier() {
    let line = |method: &str, second: u32| {
        format!(
            "10.0.0.1 - - [17/May/2015:10:05:{second:02} +0000] \"{method} /a HTTP/1.1\" 200 12 \"-\" \"ua\"\n"
        )
    };
    let methods = ["GET", "GET", "POST", "GET", "GET"];
    let log: String = (0..)
        .zip(methods)
        .map(|(at, method)| line(method, at))
        .collect();
    let fleet = json(&["-", "--nodes", "2", "--l2", "1MiB"], log.as_bytes())["fleet"].take();
    // Both nodes have the page before, and neither after: an old copy is a call at each.
    assert_eq!(fleet["without"]["upstream_calls"], 5, "{fleet}");
    assert_eq!(fleet["with"]["upstream_calls"], 4, "{fleet}");
    assert_eq!(fleet["with"]["shared_hits"], 1, "{fleet}");
}

#[test]
fn the_fleet_is_in_the_text_and_on_the_page() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let path = page.path().to_str().unwrap();
    let log = log("3000");
    let args = [
        "replay", "-", "--nodes", "8", "--l2", "64MiB", "--html", path,
    ];
    let table = scrimp(&args, &log).out;
    let page = std::fs::read_to_string(path).unwrap();
    for text in [&table, &page] {
        for part in [
            "8 nodes of 256 MiB, in turn",
            "without a shared tier",
            "with 64 MiB shared",
            "answered by the shared tier",
            "The shared tier saves $",
            "look-ups of 1ms",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    // Without one, there is no column for it.
    let table = scrimp(&["replay", "-", "--nodes", "8"], &log).out;
    assert!(
        table.contains("8 nodes of 256 MiB") && !table.contains("shared tier saves"),
        "{table}"
    );
    assert_eq!(json(&["-"], &log)["fleet"], Value::Null);
}

#[test]
fn flags_of_a_fleet_that_miss_another_one_say_which() {
    for (args, says) in [
        (vec!["--l2", "1GiB"], "--nodes <COUNT>"),
        (vec!["--spread", "client"], "--nodes <COUNT>"),
        (vec!["--nodes", "8", "--l2-latency", "2ms"], "--l2 <SIZE>"),
        (vec!["--nodes", "0"], "1..=1000"),
        (vec!["--nodes", "8", "--l2", "much"], "64MiB"),
        (
            vec!["--nodes", "8", "--l2", "1GiB", "--l2-latency", "2h"],
            "at most a second",
        ),
        (
            vec!["--nodes", "8", "--spread", "hash"],
            "round-robin, client",
        ),
        (vec!["--nodes", "8", "--all"], "cannot be used with '--all'"),
        (
            vec!["--nodes", "8", "--batch"],
            "cannot be used with '--batch",
        ),
    ] {
        let args: Vec<_> = ["replay", "--sample"].into_iter().chain(args).collect();
        let run = scrimp(&args, b"");
        assert_eq!(
            (run.code, run.out.as_str()),
            (2, ""),
            "{args:?}: {}",
            run.err
        );
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    }
    let fleet = scrimp_replay::Settings::new().nodes(2).unwrap();
    let fleet = fleet
        .provider("budget price=0.004".parse().unwrap())
        .unwrap();
    let log = scrimp_replay::Input::Sample(scrimp_replay::SampleLog::new());
    let error = scrimp_replay::replay(vec![log], &fleet, &mut ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("leave out batches and providers"),
        "{error}"
    );
    let error = scrimp_replay::Settings::new().shared_tier(1).unwrap_err();
    assert!(error.to_string().contains("needs a fleet"), "{error}");
}
