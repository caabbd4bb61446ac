//! Prefetches in front of the cache, beside the replay without them.

use crate::common;

use common::{json, scrimp, trace};
use serde_json::Value;

/// Returns a log of visitors who come each ten minutes, to a page and ten seconds later to another one.
fn visits(count: u32, address: &str) -> String {
    let line = |visit: u32, after: u32, path: &str| {
        let second = visit * 600 + after;
        let (hour, minute, second) = (second / 3_600 % 24, second / 60 % 60, second % 60);
        let day = 1 + visit * 600 / 86_400;
        format!(
            "{address}{visit} - - [{day:02}/May/2015:{hour:02}:{minute:02}:{second:02} +0000] \
             \"GET {path} HTTP/1.1\" 200 1000 \"-\" \"ua\"\n"
        )
    };
    let visit = |visit| line(visit, 0, "/menu") + &line(visit, 10, "/order");
    (0..count).map(visit).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn what_the_cache_does_not_store_is_fetched_once() {
    let log = visits(50, "10.0.0.");
    let args = ["-", "--prefetch=0.5", "--ttl", "none"];
    let side = &json(&args, log.as_bytes())["prefetch"]["with"][0];
    assert_eq!(
        (&side["failed"], &side["prefetches"]),
        (&1.into(), &1.into()),
        "{side}"
    );
}

/// Checks that no value of waiting loses money, and that the outcomes are those of all prefetches.
fn is_sound(report: &Value) {
    for side in report["with"].as_array().unwrap() {
        assert!(side["net"].as_f64().unwrap() >= 0.0, "{side}");
        let ends = ["useful", "late", "wasted", "failed"];
        let ended: u64 = ends.iter().map(|end| number(&side[end])).sum();
        assert_eq!(ended, number(&side["prefetches"]), "{side}");
        let net = side["spared"].as_f64().unwrap() - side["spent"].as_f64().unwrap();
        assert!((net - side["net"].as_f64().unwrap()).abs() < 1e-6, "{side}");
    }
}

#[test]
fn who_goes_on_to_the_next_page_does_not_wait_for_it() {
    let log = visits(100, "10.0.0.");
    let args = ["-", "--prefetch=0.5", "--prefetch-lead", "5s"];
    let report = &json(&args, log.as_bytes())["prefetch"];
    is_sound(report);
    let side = &report["with"][0];
    assert_eq!(report["without"]["waits"], 200, "{report}");
    assert!(number(&side["useful"]) >= 60, "{side}");
    assert_eq!(
        number(&side["waits"]) + number(&side["useful"]),
        200,
        "{side}"
    );
    // A call takes 200 ms: worth ten cents at half a dollar a second.
    let spared = number(&side["useful"]) as f64 / 10.0;
    assert!(
        (side["spared"].as_f64().unwrap() - spared).abs() < 0.01,
        "{side}"
    );
    let slices = side["timeline"].as_array().unwrap();
    let waited: f64 = slices.iter().filter_map(Value::as_f64).sum();
    assert!((waited - side["waited_seconds"].as_f64().unwrap()).abs() < 1e-6);
}

#[test]
fn without_sessions_value_or_budget_nothing_is_fetched() {
    let log = visits(50, "10.0.0.");
    let none = "{\"ts\":1431857103,\"status\":200,\"path\":\"/a\"}\n";
    for (args, log) in [
        (&["-", "--prefetch"][..], none),
        (&["-", "--prefetch=0"], &log),
        (&["-", "--prefetch=1", "--prefetch-budget", "0.001"], &log),
    ] {
        let report = &json(args, log.as_bytes())["prefetch"];
        for side in report["with"].as_array().unwrap() {
            assert_eq!(side["prefetches"], 0, "{args:?}: {side}");
            for count in ["upstream_calls", "waits", "waited_seconds"] {
                assert_eq!(side[count], report["without"][count], "{args:?}: {count}");
            }
        }
    }
}

#[test]
fn prefetches_lose_money_at_no_value_of_waiting() {
    let run = scrimp(&["sample-log", "--requests", "30000"], b"");
    let report = json(&["-", "--prefetch"], run.out.as_bytes());
    is_sound(&report["prefetch"]);
    assert_eq!(report["prefetch"]["with"].as_array().map(Vec::len), Some(3));
    if let Some(trace) = trace() {
        let report = json(&[trace.to_str().unwrap(), "--prefetch"], b"");
        is_sound(&report["prefetch"]);
        let best = &report["prefetch"]["with"][2];
        assert!(number(&best["useful"]) > 0, "{best}");
    }
}

#[test]
fn prefetches_are_in_the_text_and_on_the_page() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let path = page.path().to_str().unwrap();
    let log = visits(100, "10.0.0.");
    let args = ["replay", "-", "--prefetch=0.1,0.5", "--html", path];
    let table = scrimp(&args, log.as_bytes()).out;
    let page = std::fs::read_to_string(path).unwrap();
    for text in [&table, &page] {
        for part in [
            "prefetches, if waiting is worth",
            "$0.10/s",
            "$0.50/s",
            "useful",
            "late",
            "wasted",
            "net",
            "A session is an address and a user agent",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(table.contains("█ useful"), "{table}");
    assert!(page.contains("Seconds of waiting per"), "{page}");
}

#[test]
fn flags_that_mean_nothing_together_are_refused() {
    for (args, message) in [
        (&["--prefetch", "--all"][..], "--all"),
        (&["--prefetch-lead", "5s"], "--prefetch"),
        (&["--prefetch=-1"], "negative"),
        (&["--prefetch", "--prefetch-threshold", "1.5"], "threshold"),
        (&["--prefetch", "--prefetch-lead", "2h"], "an hour"),
        (&["--prefetch=1 EUR"], "USD"),
        (&["--prefetch=1,2,3,4,5,6,7,8,9"], "eight"),
    ] {
        let args: Vec<_> = ["replay", "--sample"].iter().chain(args).copied().collect();
        let run = scrimp(&args, b"");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.contains(message), "{args:?}: {}", run.err);
    }
}
