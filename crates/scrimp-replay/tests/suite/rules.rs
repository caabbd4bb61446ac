//! Rules, writes and limits, through the real cache.

use crate::common;

use common::{json, scrimp};

/// Returns lines one second apart: method, target and status.
fn log(lines: &[(&str, &str, u16)]) -> String {
    let line = |(second, (method, target, status)): (usize, &(&str, &str, u16))| {
        format!(
            "10.0.0.1 - - [17/May/2015:10:05:{second:02} +0000] \"{method} {target} HTTP/1.1\" \
             {status} 100 \"-\" \"ua\"\n"
        )
    };
    lines.iter().enumerate().map(line).collect()
}

fn calls(lines: &[(&str, &str, u16)], args: &[&str]) -> (u64, u64) {
    let args: Vec<_> = ["-"].iter().chain(args).copied().collect();
    let report = json(&args, log(lines).as_bytes());
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(
        report["ledger_saved"], report["saved"],
        "the ledger contains the savings of the cache"
    );
    assert!(number("hits") <= number("ceiling_hits"));
    (number("upstream_calls_with"), number("ceiling_hits"))
}

#[test]
fn the_query_is_part_of_the_key_unless_a_rule_changes_it() {
    let lines = [
        ("GET", "/p?a=1&utm=x", 200),
        ("GET", "/p?a=1&utm=y", 200),
        ("GET", "/p?a=2", 200),
    ];
    assert_eq!(calls(&lines, &[]), (3, 0));
    assert_eq!(calls(&lines, &["--rule", "path=/** query=a"]), (2, 1));
    assert_eq!(calls(&lines, &["--rule", "path=/** query=none"]), (1, 2));
}

#[test]
fn the_first_rule_that_matches_sets_the_lifetime() {
    let lines = [
        ("GET", "/a", 200),
        ("GET", "/b", 200),
        ("GET", "/a", 200),
        ("GET", "/b", 200),
    ];
    assert_eq!(calls(&lines, &["--ttl", "1s"]), (4, 2));
    assert_eq!(
        calls(&lines, &["--ttl", "1s", "--rule", "path=/a ttl=1m"]),
        (3, 2)
    );
    assert_eq!(
        calls(&lines, &["--ttl", "none", "--rule", "path=/a ttl=1m"]),
        (3, 2)
    );
    assert_eq!(calls(&lines, &["--rule", "path=/a bypass"]), (3, 1));
    let user_agent = ["--rule", "if-header=user-agent:ua bypass"];
    assert_eq!(calls(&lines, &user_agent), (4, 0));
}

#[test]
fn a_write_causes_a_new_call_and_is_not_part_of_the_ceiling() {
    let lines = [
        ("GET", "/p/1", 200),
        ("PUT", "/p/1", 204),
        ("GET", "/p/1", 200),
        ("GET", "/p/1", 200),
    ];
    assert_eq!(calls(&lines, &[]), (3, 2));
}

#[test]
fn head_is_answered_from_a_stored_get_and_stores_nothing() {
    assert_eq!(
        calls(&[("GET", "/a", 200), ("HEAD", "/a", 200)], &[]),
        (1, 1)
    );
    assert_eq!(
        calls(
            &[("HEAD", "/a", 200), ("GET", "/a", 200), ("GET", "/a", 200)],
            &[]
        ),
        (2, 1)
    );
}

#[test]
fn failures_are_not_stored_and_stored_responses_replace_them() {
    assert_eq!(
        calls(&[("GET", "/a", 503), ("GET", "/a", 503)], &[]),
        (2, 0)
    );
    assert_eq!(
        calls(&[("GET", "/a", 200), ("GET", "/a", 503)], &[]),
        (1, 1)
    );
    assert_eq!(
        calls(&[("GET", "/a", 404), ("GET", "/a", 404)], &[]),
        (1, 1)
    );
    let rule = ["--rule", "status=503 ttl=1m"];
    assert_eq!(
        calls(&[("GET", "/a", 503), ("GET", "/a", 503)], &rule),
        (1, 1)
    );
}

#[test]
fn the_report_says_why_responses_were_not_stored() {
    let lines = [
        ("GET", "/a", 200),
        ("GET", "/a", 200),
        ("GET", "/mine", 200),
        ("GET", "/gone", 500),
        ("POST", "/a", 200),
    ];
    let args = ["-", "--rule", "path=/mine bypass"];
    let report = json(&args, log(&lines).as_bytes());
    let reasons = serde_json::json!({"no-lifetime": 1, "rule": 1});
    assert_eq!(report["not_stored"], reasons);
    let args: Vec<_> = ["replay"].iter().chain(&args).copied().collect();
    let text = scrimp(&args, log(&lines).as_bytes()).out;
    assert!(
        text.contains("\nnot stored  1 no-lifetime, 1 rule\n"),
        "{text}"
    );
    let stored = json(&["-"], log(&lines[..2]).as_bytes());
    assert_eq!(stored["not_stored"], serde_json::json!({}));
}

#[test]
fn hosts_are_separate_and_the_given_one_is_the_default() {
    let line = |host: &str, second: u32| {
        format!(
            "{{\"ts\":{},\"uri\":\"/a\",\"status\":200,\"host\":\"{host}\"}}\n",
            1_431_857_100 + second
        )
    };
    let log = line("a.example", 1) + &line("b.example", 2) + &line("-", 3);
    let calls = |args: &[&str]| json(args, log.as_bytes())["upstream_calls_with"].as_u64();
    assert_eq!(calls(&["-"]), Some(3));
    assert_eq!(calls(&["-", "--host", "b.example"]), Some(2));
}

#[test]
fn a_small_cache_stays_small() {
    let report = json(&["--sample", "--max-bytes", "1MiB"], b"");
    let number = |name: &str| report[name].as_u64().unwrap();
    assert!(number("evicted") > 0);
    assert!(number("peak_bytes") <= 1 << 20, "{}", report["peak_bytes"]);
    assert!(number("hits") > 0);
}

#[test]
fn unordered_requests_are_replayed_in_order() {
    let mut lines: Vec<_> = log(&[("GET", "/a", 200); 20])
        .lines()
        .map(str::to_owned)
        .collect();
    let sorted = json(&["-", "--ttl", "3s"], lines.join("\n").as_bytes());
    lines.reverse();
    lines.swap(3, 11);
    let shuffled = json(&["-", "--ttl", "3s"], lines.join("\n").as_bytes());
    assert_eq!(sorted["upstream_calls_with"], 7);
    assert_eq!(
        sorted["upstream_calls_with"],
        shuffled["upstream_calls_with"]
    );
    assert_eq!(sorted["timeline"], shuffled["timeline"]);
}

#[test]
fn eight_thousand_years_are_replayed_as_fast_as_a_day() {
    let line = |year| format!("h - - [01/Jan/{year}:00:00:00 +0000] \"GET /a HTTP/1.1\" 200 1\n");
    let log = line(1970) + &line(2015) + &line(9999);
    let report = json(&["-", "--ttl", "infinite"], log.as_bytes());
    assert_eq!(report["upstream_calls_with"], 1);
    let report = json(&["-", "--ttl", "7d"], log.as_bytes());
    assert_eq!(report["upstream_calls_with"], 3);
}

/// Returns an hour of requests for twenty pages, each with a campaign, a session and a page number.
fn campaigns() -> String {
    let line = |number: u32| {
        let (minute, second) = (number / 20 % 60, number * 3 % 60);
        format!(
            "10.0.0.1 - - [17/May/2015:10:{minute:02}:{second:02} +0000] \"GET /p{}?utm_source=s{}&page={}&\
             utm_medium=m{}&sid={} HTTP/1.1\" 200 100 \"-\" \"ua\"\n",
            number % 20,
            number % 3,
            number % 2,
            number % 3,
            number % 8,
        )
    };
    (0..1_200).map(line).collect()
}

#[test]
fn a_suggestion_states_the_rate_that_its_flags_give() {
    let log = campaigns();
    let report = json(&["-"], log.as_bytes());
    let suggestions = report["suggestions"].as_array().unwrap();
    let changes: Vec<_> = suggestions
        .iter()
        .map(|s| s["change"].as_str().unwrap())
        .collect();
    for change in [
        "drop utm_*",
        "drop sid, if it changes no response",
        "keep responses for 1h",
    ] {
        assert!(changes.contains(&change), "{change} in {changes:?}");
    }
    for suggestion in suggestions {
        assert_eq!(suggestion["before"], report["hit_rate"]);
        assert_eq!(suggestion["requests"], 1_200);
        let flags = suggestion["flags"].as_str().unwrap();
        let (flag, value) = flags.split_once(' ').unwrap();
        let with = json(&["-", flag, value.trim_matches('\'')], log.as_bytes());
        assert_eq!(suggestion["after"], with["hit_rate"], "{flags}");
        assert!(suggestion["after"].as_f64() > suggestion["before"].as_f64());
    }
    let utm = &suggestions[changes
        .iter()
        .position(|change| *change == "drop utm_*")
        .unwrap()];
    assert_eq!(utm["flags"], "--rule 'query=page,sid'");
}

#[test]
fn a_log_that_nothing_improves_has_no_suggestion() {
    let lines = [
        ("GET", "/a", 200),
        ("GET", "/b", 200),
        ("POST", "/c?x=1", 200),
    ];
    let report = json(&["-"], log(&lines).as_bytes());
    assert_eq!(report["suggestions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_rule_of_the_user_is_kept_in_a_suggestion() {
    let log = campaigns();
    let report = json(&["-", "--rule", "path=/** query=page"], log.as_bytes());
    let suggestions = report["suggestions"].as_array().unwrap();
    assert!(
        suggestions
            .iter()
            .all(|suggestion| !suggestion["change"].as_str().unwrap().starts_with("drop")),
        "its rule matches first: {suggestions:?}"
    );
}
