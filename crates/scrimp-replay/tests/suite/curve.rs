//! The hit rate by memory, compared with replays of each size.

use crate::common;

use common::{json, scrimp};
use serde_json::Value;

/// Returns a generated log.
fn log(requests: &str) -> Vec<u8> {
    let run = scrimp(&["sample-log", "--seed", "3", "--requests", requests], b"");
    run.out.into_bytes()
}

fn rate(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn unlimited_memory_gives_the_hits_of_a_replay_without_evictions() {
    let log = log("6000");
    for args in [
        &["-"][..],
        &["-", "--ttl", "infinite"],
        &["-", "--rule", "path=/** query=none"],
        &["-", "--ttl", "none", "--rule", "path=/product/** ttl=1h"],
        &["-", "--latency", "20ms", "--coalesce"],
    ] {
        let args = [args, &["--max-bytes", "8GiB"]].concat();
        let report = json(&args, &log);
        let curve = &report["curve"];
        assert_eq!(
            (&report["evicted"], rate(&curve["sampled"])),
            (&0.into(), 1.0)
        );
        let overlap = args.contains(&"--latency");
        let (found, expected) = (rate(&curve["unlimited"]), rate(&report["hit_rate"]));
        let most = if overlap { 0.01 } else { 1e-9 };
        assert!(
            (found - expected).abs() < most,
            "{args:?}: {found} {expected}"
        );
    }
}

#[test]
fn each_point_is_near_a_replay_of_its_size() {
    let log = log("6000");
    let report = json(&["-", "--ttl", "1h"], &log);
    let points = report["curve"]["points"].as_array().unwrap();
    assert!(points.len() >= 4, "{points:?}");
    for point in points {
        let size = point["max_bytes"].to_string();
        let alone = json(&["-", "--ttl", "1h", "--max-bytes", &size], &log);
        let (found, expected) = (rate(&point["hit_rate"]), rate(&alone["hit_rate"]));
        assert!(
            (found - expected).abs() < 0.02,
            "{size}: {found} {expected}"
        );
    }
}

#[test]
fn a_sample_of_the_keys_gives_nearly_the_rate_of_all() {
    let log = log("70000");
    let report = json(&["-", "--max-bytes", "8GiB"], &log);
    let curve = &report["curve"];
    assert!(rate(&curve["sampled"]) < 0.5, "{}", curve["sampled"]);
    assert_eq!(curve["requests"], report["requests"]);
    let (found, expected) = (rate(&curve["unlimited"]), rate(&report["hit_rate"]));
    assert!((found - expected).abs() < 0.005, "{found} {expected}");
}

#[test]
fn the_knee_is_marked_and_explained_in_text_json_and_on_the_page() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let path = page.path().to_str().unwrap();
    let log = log("6000");
    let args = ["replay", "-", "--ttl", "1h", "--html", path];
    let table = scrimp(&args, &log).out;
    assert_eq!(table.matches("◂ knee").count(), 1, "{table}");
    let sentence = "of the hits that unlimited memory gives.";
    assert!(table.contains(sentence), "{table}");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains("class=\"knee\"") && page.contains(sentence));
    assert!(page.contains("(knee)"), "it is in the description as well");
    let curve = json(&["-", "--ttl", "1h"], &log)["curve"].take();
    let knee = usize::try_from(curve["knee"].as_u64().unwrap()).unwrap();
    let points = curve["points"].as_array().unwrap();
    assert!(rate(&points[knee]["hit_rate"]) > 0.5 * rate(&curve["unlimited"]));
}

#[test]
fn a_log_without_a_hit_has_no_knee_and_no_chart() {
    let line = |number| {
        format!(
            "10.0.0.1 - - [17/May/2015:10:05:03 +0000] \"GET /{number} HTTP/1.1\" 200 12 \"-\" \"ua\"\n"
        )
    };
    let log: String = (0..50).map(line).collect();
    let report = json(&["-"], log.as_bytes());
    assert_eq!(report["curve"]["knee"], Value::Null);
    let table = scrimp(&["replay", "-"], log.as_bytes()).out;
    assert!(!table.contains("knee"), "{table}");
    let posts = log.replace("GET", "POST");
    assert_eq!(json(&["-"], posts.as_bytes())["curve"], Value::Null);
}
