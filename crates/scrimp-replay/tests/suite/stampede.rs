//! Waiting, with and without stampede protection.

use crate::common;

use common::{json, scrimp};

/// Returns twenty requests for one page in each second of five minutes, and one for another page.
fn log() -> String {
    let line = |second: u32, page: &str| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "10.0.0.1 - - [17/May/2015:10:{minute:02}:{second:02} +0000] \
             \"GET {page} HTTP/1.1\" 200 12 \"-\" \"ua\"\n"
        )
    };
    let second = |second| line(second, "/hot").repeat(20);
    (0..300).map(second).chain([line(299, "/once")]).collect()
}

#[test]
fn requests_do_not_wait_at_an_expiry() {
    let log = log();
    let args = ["-", "--ttl", "60s", "--stampede=2s"];
    let report = json(&args, log.as_bytes());
    let stampede = &report["stampede"];
    let number = |side: &str, what: &str| stampede[side][what].as_u64().expect("a number");
    assert_eq!(stampede["upstream_seconds"], 2.0);

    // Two seconds of requests at the start and at each of four expiries, and the other page.
    assert_eq!(number("without", "blocked"), 5 * 2 * 20 + 1);
    assert_eq!(number("without", "upstream_calls"), 5 * 2 * 20 + 1);
    assert_eq!(number("without", "burst"), 40);

    // Only at the start, when nothing is stored, and with one call.
    assert_eq!(number("with", "blocked"), 2 * 20 + 1);
    assert_eq!((number("with", "burst"), number("with", "doubled")), (1, 0));
    let refreshes = stampede["refreshes"].as_u64().expect("a number");
    assert!((4..=7).contains(&refreshes), "{refreshes}");
    assert_eq!(number("with", "upstream_calls"), refreshes + 2);
    assert_eq!(report, {
        let mut again = json(&args, log.as_bytes());
        again["elapsed_seconds"] = report["elapsed_seconds"].clone();
        again
    });
}

#[test]
fn the_rest_of_the_report_does_not_change() {
    let log = log();
    let mut with = json(&["-", "--ttl", "60s", "--stampede"], log.as_bytes());
    let mut without = json(&["-", "--ttl", "60s"], log.as_bytes());
    assert_eq!(with["stampede"]["upstream_seconds"], 0.2);
    assert!(without["stampede"].is_null());
    for report in [&mut with, &mut without] {
        report["stampede"] = serde_json::Value::Null;
        report["elapsed_seconds"] = serde_json::Value::Null;
    }
    assert_eq!(with, without);
}

#[test]
fn the_table_and_the_page_show_it() {
    let table = scrimp(
        &["replay", "-", "--stampede=2s", "--ttl", "60s"],
        log().as_bytes(),
    );
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    for words in [
        "upstream takes 2s",
        "cache alone",
        "with stampede protection",
    ] {
        assert!(table.out.contains(words), "{}", table.out);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let args = [
        "replay",
        "-",
        "--stampede=2s",
        "--html",
        page.to_str().expect("a path"),
    ];
    assert_eq!(scrimp(&args, log().as_bytes()).code, 0);
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("with stampede protection"), "{page}");
}
