//! All layers together, and the share of each.

use crate::common;

use common::{json, scrimp};
use scrimp_replay::SampleLog;
use serde_json::Value;

/// Returns the log of an hour of a shop.
fn shop() -> Vec<u8> {
    let lines = SampleLog::new().requests(4_000).hours(1);
    lines.flat_map(|line| (line + "\n").into_bytes()).collect()
}

/// Returns a line of a log at this second, with this request.
fn line(second: u32, request: &str, status: u16) -> String {
    let (hour, minute, second) = (10 + second / 3_600, second / 60 % 60, second % 60);
    format!(
        "10.0.0.1 - - [17/May/2015:{hour:02}:{minute:02}:{second:02} +0000] \
         \"{request} HTTP/1.1\" {status} 12 \"-\" \"ua\"\n"
    )
}

fn number(report: &Value, path: &str) -> i64 {
    let value = report.pointer(path).and_then(Value::as_i64);
    value.unwrap_or_else(|| panic!("{path} in {report:#}"))
}

fn shares(report: &Value) -> Vec<(String, i64, f64)> {
    let shares = report["layers"]["shares"].as_array().expect("shares");
    let share = |share: &Value| {
        let name = share["layer"].as_str().expect("a name").to_owned();
        let calls = share["calls"].as_i64().expect("calls");
        (name, calls, share["saved"].as_f64().expect("money"))
    };
    shares.iter().map(share).collect()
}

/// Returns the calls that a layer avoided; the layer must be present.
fn of(report: &Value, layer: &str) -> i64 {
    let shares = shares(report);
    let share = shares.iter().find(|(name, ..)| name == layer);
    share.unwrap_or_else(|| panic!("{layer} in {shares:?}")).1
}

#[test]
fn no_line_of_a_report_holds_three_percentages() {
    let budget = ["--provider", "budget price=0.004 latency=900ms"];
    let page = tempfile::NamedTempFile::new().expect("a file");
    let path = page.path().to_str().expect("a path");
    for flags in [&["--all", budget[0], budget[1]][..], &[]] {
        let run = scrimp(&[&["replay", "-", "--html", path], flags].concat(), &shop());
        assert_eq!(run.code, 0, "{}", run.err);
        let page = std::fs::read_to_string(path).expect("a page");
        for line in run.out.lines().chain(page.lines()) {
            assert!(line.matches(" %").count() < 3, "{line}");
        }
    }
}

#[test]
fn the_running_bill_ends_at_the_sum_of_its_card() {
    let page = tempfile::NamedTempFile::new().expect("a file");
    let path = page.path().to_str().expect("a path");
    let budget = "budget price=0.004 latency=900ms";
    let flags = ["replay", "-", "--all", "--provider", budget, "--html", path];
    let run = scrimp(&flags, &shop());
    assert_eq!(run.code, 0, "{}", run.err);
    let page = std::fs::read_to_string(path).expect("a page");
    let card = page.split("without, $").nth(1).expect("a card");
    let card: f64 = card
        .split(" with")
        .next()
        .and_then(|sum| sum.parse().ok())
        .expect("a sum");
    let chart = page.split("The bill so far").nth(2).expect("a chart");
    let end = chart
        .split("with all layers: at most")
        .nth(1)
        .expect("a summary");
    let end = end
        .split("at the end ")
        .nth(1)
        .and_then(|rest| rest.split(".\n").next());
    let end: f64 = end.and_then(|end| end.parse().ok()).expect("a number");
    assert!((card - end).abs() < 0.06, "{card} and {end}");
}

#[test]
fn the_upstream_takes_the_time_in_the_log() {
    let line = |second: u32, millis: &str| {
        format!(
            "{{\"ts\":{},\"status\":200,\"path\":\"/a\"{millis}}}\n",
            1_431_857_103 + second
        )
    };
    // The first answer takes five seconds, so the request after three finds none.
    let slow = line(0, ",\"duration_ms\":5000") + &line(3, ",\"duration_ms\":5000") + &line(9, "");
    for (flags, calls) in [
        (&["--latency", "log"][..], 2),
        (&["--latency", "1s"], 1),
        (&[], 1),
    ] {
        let report = json(&[&["-"], flags].concat(), slow.as_bytes());
        assert_eq!(number(&report, "/upstream_calls_with"), calls, "{flags:?}");
        assert_eq!(number(&report, "/timed"), 2);
    }
    let all = json(&["-", "--all", "--batch=0s"], slow.as_bytes());
    assert_eq!(all["latency_logged"], true);
    let table = scrimp(&["replay", "-", "--latency", "log"], slow.as_bytes()).out;
    assert!(
        table.contains("from the log for 2 requests, otherwise 200ms"),
        "{table}"
    );
}

#[test]
fn shares_add_up_to_the_whole() {
    let log = shop();
    let budget = ["--provider", "budget price=0.004 latency=900ms"];
    for flags in [
        &["--all"][..],
        &["--batch"],
        &["--batch=1s", "--batch-max", "3", "--ttl", "none"],
        &budget,
        &["--all", "--window", "30s", budget[0], budget[1]],
        &["--all", "--ttl", "none"],
    ] {
        let report = json(&[&["-"], flags].concat(), &log);
        let shares = shares(&report);
        let calls: i64 = shares.iter().map(|(_, calls, _)| calls).sum();
        let reached = number(&report, "/upstream_calls_with");
        assert_eq!(calls, number(&report, "/requests") - reached, "{flags:?}");
        let saved: f64 = shares.iter().map(|(.., saved)| saved).sum();
        let whole = report["saved"].as_f64().expect("saved");
        assert!(
            (saved - whole).abs() < 1e-6,
            "{flags:?}: {saved} of {whole}"
        );
        let providers = report["layers"]["providers"].as_array().expect("some");
        let made: i64 = providers.iter().map(|used| number(used, "/calls")).sum();
        assert_eq!(made, reached, "{flags:?}");
        let timeline = report["timeline"]["upstream_calls"]
            .as_array()
            .expect("a list");
        let timeline: i64 = timeline.iter().filter_map(Value::as_i64).sum();
        assert_eq!(timeline, reached, "{flags:?}: over time");
        let spent = report["timeline"]["spent"].as_array().expect("a list");
        let spent: f64 = spent.iter().filter_map(Value::as_f64).sum();
        let bill = report["cost_with"].as_f64().expect("a cost");
        assert!((spent - bill).abs() < 1e-6, "{flags:?}: {spent} of {bill}");
    }
}

#[test]
fn a_cheaper_provider_changes_the_bill_and_nothing_else() {
    let log = shop();
    let plain = json(&["-"], &log);
    let routed = json(&["-", "--provider", "budget price=0.004"], &log);
    for same in [
        "upstream_calls_with",
        "hits",
        "ceiling_hits",
        "keys",
        "entries",
    ] {
        assert_eq!(plain[same], routed[same], "{same}");
    }
    for same in ["requests", "upstream_calls"] {
        assert_eq!(plain["timeline"][same], routed["timeline"][same], "{same}");
    }
    assert_eq!(of(&routed, "cache"), number(&plain, "/hits"));
    // All calls go to it: latency and quality are equal.
    let calls = number(&routed, "/upstream_calls_with");
    assert_eq!(number(&routed, "/layers/providers/1/calls"), calls);
    let spent = routed["cost_with"].as_f64().expect("money");
    let exact = 0.004 * f64::from(u32::try_from(calls).expect("a small number"));
    assert!((spent - exact).abs() < 1e-6, "{spent} and {exact}");
}

#[test]
fn a_more_expensive_or_too_slow_provider_is_not_used() {
    let flags = [
        "-",
        "--latency",
        "200ms",
        "--provider",
        "dear price=0.02 latency=200ms",
        "--provider",
        "slow price=0.0099 latency=60s",
    ];
    let report = json(&flags, &shop());
    let of = |at: usize| number(&report, &format!("/layers/providers/{at}/calls"));
    let all = number(&report, "/upstream_calls_with");
    // One call in a hundred may test whether the provider has changed.
    assert!(of(1) + of(2) <= all / 100, "{report:#}");
    assert_eq!(of(0) + of(1) + of(2), all);
}

#[test]
fn batches_agree_with_a_count_of_each_second() {
    // Seven pages in each of a hundred seconds, and a write that is sent alone.
    let second = |second: u32| {
        let gets = (0..7).map(move |page| line(second, &format!("GET /{second}/{page}"), 200));
        gets.chain([line(second, "POST /write", 201)])
    };
    let log: String = (0..100).flat_map(second).collect();
    for (most, batches) in [("20", 1), ("7", 1), ("3", 2)] {
        let flags = ["-", "--ttl", "none", "--batch", "--batch-max", most];
        let report = json(&flags, log.as_bytes());
        let per_second = 7i64.div_euclid(most.parse().expect("a number"));
        let rest = i64::from(7 % most.parse::<i64>().expect("a number") > 0);
        assert_eq!(
            number(&report, "/upstream_calls_with"),
            100 * (per_second + rest + 1),
            "at most {most}"
        );
        assert_eq!(number(&report, "/layers/batch/batches"), 100 * batches);
        assert_eq!(of(&report, "cache"), 0);
    }
}

#[test]
fn paths_without_batches_are_sent_alone() {
    let log: String = (0..10)
        .map(|page| line(0, &format!("GET /{}/{page}", ["api", "web"][page % 2]), 200))
        .collect();
    let flags = ["-", "--batch", "--batch-path", "/api/**"];
    let report = json(&flags, log.as_bytes());
    assert_eq!(number(&report, "/upstream_calls_with"), 1 + 5);
    assert_eq!(number(&report, "/layers/batch/items"), 5);
}

#[test]
fn ten_thousand_simultaneous_requests_go_in_batches_of_twenty() {
    let log: String = (0..10_000)
        .map(|page| {
            line(
                0,
                &format!("GET /{page}"),
                if page % 3 == 0 { 503 } else { 200 },
            )
        })
        .collect();
    let report = json(&["-", "--all"], log.as_bytes());
    assert_eq!(
        number(&report, "/upstream_calls_with"),
        500,
        "failures are not retried"
    );
    assert_eq!(number(&report, "/layers/batch/items"), 10_000);
}

#[test]
fn a_rush_is_one_fill_whose_waiters_count_for_stampede_protection() {
    let log: String = (0..500).map(|_| line(0, "GET /hot", 200)).collect();
    let report = json(&["-", "--all"], log.as_bytes());
    assert_eq!(number(&report, "/upstream_calls_with"), 1);
    assert_eq!((of(&report, "stampede"), of(&report, "cache")), (499, 0));

    // Without it, the layer for shared calls has the same effect.
    let flags = ["-", "--latency", "200ms", "--coalesce", "--batch"];
    let report = json(&flags, log.as_bytes());
    assert_eq!(number(&report, "/upstream_calls_with"), 1);
    assert_eq!(
        (
            of(&report, "coalesce"),
            number(&report, "/coalesced/joined")
        ),
        (499, 499)
    );
}

#[test]
fn the_ceiling_is_the_same_with_all_layers() {
    let flags = [
        "--rule",
        "path=/api/products/** status=503 ttl=10s",
        "--rule",
        "path=/**",
    ];
    let log = shop();
    let plain = json(&[&["-"], &flags[..]].concat(), &log);
    let all = json(&[&["-", "--all"], &flags[..]].concat(), &log);
    assert_eq!(plain["ceiling_hits"], all["ceiling_hits"]);
    assert_eq!(plain["keys"], all["keys"]);
}

#[test]
fn a_run_is_repeatable_but_for_what_a_full_store_drops() {
    let flags = [
        "-",
        "--all",
        "--provider",
        "budget price=0.004 latency=900ms",
    ];
    let [one, other] = [(); 2].map(|()| {
        let mut report = json(&flags, &shop());
        report["elapsed_seconds"] = Value::Null;
        let curve = report["curve"].take();
        (report, curve)
    });
    assert_eq!(one.0, other.0);
    // A store divides its keys by a secret of the process, so a small one drops others.
    let rates = |curve: &Value| -> Vec<f64> {
        let points = curve["points"].as_array().expect("points");
        let rate = |point: &Value| point["hit_rate"].as_f64().expect("a number");
        points.iter().map(rate).collect()
    };
    let (one, other) = (rates(&one.1), rates(&other.1));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert!((one - other).abs() < 0.04, "{one} {other}");
    }
}

#[test]
fn the_table_and_the_page_show_the_savings_by_layer() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let file = folder.path().join("providers");
    std::fs::write(&file, "# offers\nbudget price=0.004 latency=<b>\n").expect("written");
    let refused = [
        "replay",
        "--sample",
        "--providers",
        file.to_str().expect("a path"),
    ];
    let refused = scrimp(&refused, b"");
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("providers: the provider"),
        "{}",
        refused.err
    );

    std::fs::write(&file, "# offers\n<b>udget price=0.004\n").expect("written");
    let args = [
        "replay",
        "-",
        "--all",
        "--providers",
        file.to_str().expect("a path"),
        "--html",
        page.to_str().expect("a path"),
    ];
    let run = scrimp(&args, &shop());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for words in [
        "savings by layer",
        "stampede protection",
        "batches",
        "total",
        "<b>udget",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let page = std::fs::read_to_string(page).expect("a page");
    for words in ["Savings by layer", "with all layers", "&lt;b&gt;udget"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<b>udget"), "arguments are escaped");
}

#[test]
fn invalid_combinations_of_flags_are_refused() {
    for (args, says) in [
        (vec!["--batch-max", "5"], "--batch"),
        (vec!["--batch", "--batch-max", "1"], "--batch-max"),
        (vec!["--batch=2h"], "minute"),
        (vec!["--batch=soon"], "--batch"),
        (vec!["--provider", "budget"], "needs a price"),
        (
            vec!["--provider", "a price=1", "--provider", "a price=2"],
            "two providers",
        ),
        (vec!["--providers", "no/such.file"], "no/such.file"),
        (vec!["--window", "30s"], "--coalesce"),
        (vec!["--coalesce"], "--latency"),
    ] {
        let args: Vec<_> = ["replay", "--sample"].into_iter().chain(args).collect();
        let run = scrimp(&args, b"");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.contains(says), "{args:?}: {}", run.err);
    }
}
