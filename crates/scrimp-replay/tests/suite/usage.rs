//! Usage, help and explanations of the command.

use crate::common;

use common::{Run, json, scrimp};

const GOOD: &str = r#"10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 12 "-" "ua""#;

/// Checks that wrong usage is refused as clap words it, without standard output, and with code 2.
fn misused(run: &Run, says: &str) {
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    assert!(
        run.err.starts_with("error: ") && run.err.contains(says),
        "{}",
        run.err
    );
    assert!(run.err.contains("try '--help'"), "{}", run.err);
}

#[test]
fn impossible_flags_are_refused_with_the_flag() {
    for (args, says) in [
        (vec!["--sample", "--ttl", "soon"], "--ttl"),
        (vec!["--sample", "--price", "cheap"], "--price"),
        (vec!["--sample", "--price", "-1"], "--price"),
        (vec!["--sample", "--max-bytes", "lots"], "--max-bytes"),
        (vec!["--sample", "--status", "42"], "--status"),
        (vec!["--sample", "--rule", "nonsense"], "nonsense"),
        (vec!["--sample", "--host", "a b"], "host"),
        (vec!["--sample", "--stampede=soon"], "--stampede"),
        (vec!["--sample", "--stampede=2h"], "--stampede"),
        (vec!["--sample", "--frobnicate"], "--frobnicate"),
        (vec!["--sample", "access.log"], "--sample"),
        (vec!["-", "-"], "standard input"),
        (vec![], "LOG"),
    ] {
        let args: Vec<_> = ["replay"].into_iter().chain(args).collect();
        misused(&scrimp(&args, b""), says);
    }
    misused(
        &scrimp(&["sample-log", "--products", "0"], b""),
        "--products",
    );
    misused(&scrimp(&["frobnicate"], b""), "frobnicate");
}

#[test]
fn a_misspelt_word_is_refused_with_the_nearest_one() {
    for (args, tip) in [
        (vec!["replay", "--sampel"], "'--sample'"),
        (vec!["replai"], "'replay'"),
        (vec!["replay", "--sample", "--format", "jsn"], "'json'"),
    ] {
        let run = scrimp(&args, b"");
        misused(&run, tip);
        assert!(run.err.contains("tip: "), "{}", run.err);
    }
}

#[test]
fn sizes_are_in_the_unit_that_is_written() {
    for (size, bytes) in [
        ("1 MB", 1_000_000),
        ("1 MiB", 1 << 20),
        ("2GB", 2_000_000_000),
    ] {
        let report = json(&["-", "--max-bytes", size], GOOD.as_bytes());
        assert_eq!(report["max_bytes"], bytes, "{size}");
    }
}

#[test]
fn an_explanation_names_the_field_of_each_fact() {
    let log = "{\"log\":\"{\\\"StartUTC\\\":\\\"2015-05-17T10:05:03Z\\\",\\\"RequestHost\\\":\\\"a.example\\\",\
               \\\"RequestPath\\\":\\\"/a?b\\\",\\\"DownstreamStatus\\\":200,\\\"Duration\\\":5000000}\\n\"}\nbad\n";
    let run = scrimp(&["replay", "-", "--explain"], log.as_bytes());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for part in [
        "standard input: json (1 of the first 2 lines)",
        "line 1: json in JSON",
        "host     a.example  ← RequestHost",
        "path     /a  ← RequestPath",
        "query    b  ← RequestPath",
        "method   GET  ← assumed",
        "latency  5ms  ← Duration",
        "line 2: in none of the known formats",
    ] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    let few = scrimp(&["replay", "-", "--explain=1"], log.as_bytes());
    assert!(!few.out.contains("line 2"), "{}", few.out);
}

#[test]
fn a_fact_that_no_line_states_is_warned_of() {
    let log = "{\"ts\":1431857103,\"status\":200,\"path\":\"/a\"}\n";
    let report = json(&["-"], log.as_bytes());
    let warnings: Vec<_> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    for (warning, fact) in warnings.iter().zip(["host", "query", "method"]) {
        assert!(
            warning.starts_with(&format!("no {fact} was recognised in standard input")),
            "{warning}"
        );
    }
    assert_eq!(warnings.len(), 3);
    let report = json(&["-", "--host", "a.example"], log.as_bytes());
    assert_eq!(report["warnings"].as_array().unwrap().len(), 2);
    let whole =
        "{\"ts\":1431857103,\"status\":200,\"host\":\"a\",\"method\":\"GET\",\"url\":\"/a?b\"}\n";
    assert_eq!(
        json(&["-"], whole.as_bytes())["warnings"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn help_and_version_are_not_errors() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["replay", "--help"],
        &["help", "sample-log"],
    ] {
        let run = scrimp(args, b"");
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
        assert!(run.out.contains("scrimp"), "{args:?}");
    }
    assert_eq!(scrimp(&[], b"").code, 2);
}
