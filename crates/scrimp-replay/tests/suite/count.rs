//! The numbers, compared with a count that uses no layers, stores or policies.

use crate::common;

use common::{json, scrimp, trace};
use std::{collections::HashMap, io::Read};

/// Fields of a line for the naive count.
struct Hit {
    time: i64,
    path: String,
    status: u16,
    method: String,
}

/// Reads Combined Log Format in a simple way: by spaces and quotes.
fn lines(log: &str) -> Vec<Hit> {
    let mut hits: Vec<_> = log
        .lines()
        .map(|line| {
            let time = line.split(['[', ']']).nth(1).unwrap();
            let request = line.split('"').nth(1).unwrap();
            let after = line.split("\" ").nth(1).unwrap();
            Hit {
                time: jiff::Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", time)
                    .unwrap()
                    .as_second(),
                path: request.split(' ').nth(1).unwrap().to_owned(),
                status: after.split(' ').next().unwrap().parse().unwrap(),
                method: request.split(' ').next().unwrap().to_owned(),
            }
        })
        .collect();
    hits.sort_by_key(|hit| hit.time);
    hits
}

/// Counts the calls of a map from path to expiry, for GETs answered with 200 or 304.
fn count(hits: &[Hit], ttl: i64) -> (u64, u64) {
    let mut fresh: HashMap<&str, i64> = HashMap::new();
    let (mut requests, mut calls) = (0, 0);
    for hit in hits
        .iter()
        .filter(|hit| hit.method == "GET" && [200, 304].contains(&hit.status))
    {
        requests += 1;
        let path = hit.path.split('?').next().unwrap();
        if fresh.get(path).is_none_or(|&until| hit.time >= until) {
            calls += 1;
            fresh.insert(path, hit.time.saturating_add(ttl));
        }
    }
    (requests, calls)
}

fn agrees(path: &str, log: &str) {
    let hits = lines(log);
    // Room for all responses: a naive count evicts nothing.
    let plain = [
        "--max-bytes",
        "1GiB",
        "--method",
        "GET",
        "--status",
        "200,304",
        "--rule",
        "path=/** query=none",
    ];
    let (requests, best) = count(&hits, i64::MAX);
    for (ttl, seconds) in [
        ("infinite", i64::MAX),
        ("5m", 300),
        ("1h", 3_600),
        ("1d", 86_400),
    ] {
        let args: Vec<_> = [path, "--ttl", ttl].iter().chain(&plain).copied().collect();
        let report = json(&args, b"");
        let (_, calls) = count(&hits, seconds);
        assert_eq!(report["requests"], requests, "{ttl}");
        assert_eq!(report["upstream_calls_with"], calls, "{ttl}");
        assert_eq!(report["ceiling_hits"], requests - best, "{ttl}");
        assert_eq!(report["keys"], best, "{ttl}");
        assert_eq!(report["ledger_saved"], report["saved"], "{ttl}");
    }
}

/// Counts calls, requests that join one, and requests that reuse its response, with a map from path
/// to the end of the last call, in milliseconds.
fn count_shared(hits: &[Hit], latency: i64, window: i64) -> (u64, u64, u64) {
    let mut ends: HashMap<&str, i64> = HashMap::new();
    let (mut calls, mut joined, mut reused) = (0, 0, 0);
    for hit in hits
        .iter()
        .filter(|hit| hit.method == "GET" && hit.status == 200)
    {
        let now = hit.time * 1_000;
        match ends.get(&*hit.path) {
            Some(&end) if now < end => joined += 1,
            Some(&end) if now < end + window => reused += 1,
            _ => {
                calls += 1;
                ends.insert(&hit.path, now + latency);
            }
        }
    }
    (calls, joined, reused)
}

#[test]
fn shared_calls_agree_with_a_naive_count() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    make_up(path);
    let hits = lines(&std::fs::read_to_string(path).unwrap());
    for (latency, window) in [(1_500, 0), (2_500, 30_500), (20_500, 10_500)] {
        let plain = ["--ttl", "none", "--method", "GET", "--status", "200"];
        let (latency_text, window_text) = (format!("{latency}ms"), format!("{window}ms"));
        let mut args: Vec<_> = [path, "--latency", &latency_text].to_vec();
        args.extend(plain);
        let alone = json(&args, b"");
        assert_eq!(alone["upstream_calls_with"], alone["requests"]);
        args.push("--coalesce");
        if window > 0 {
            args.extend(["--window", &window_text]);
        }
        let report = json(&args, b"");
        let (calls, joined, reused) = count_shared(&hits, latency, window);
        assert!(joined > 100, "a log with overlapping requests");
        assert_eq!(report["upstream_calls_with"], calls, "{latency} {window}");
        assert_eq!(report["coalesced"]["joined"], joined, "{latency} {window}");
        assert_eq!(report["coalesced"]["reused"], reused, "{latency} {window}");
        assert_eq!(report["ledger_saved"], report["saved"]);
    }
}

#[test]
fn a_generated_log_gives_the_numbers_of_a_naive_count() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    make_up(path);
    agrees(path, &std::fs::read_to_string(path).unwrap());
}

fn make_up(path: &str) {
    let run = scrimp(
        &[
            "sample-log",
            "--seed",
            "9",
            "--requests",
            "20000",
            "-o",
            path,
        ],
        b"",
    );
    assert_eq!(run.code, 0, "{}", run.err);
}

#[test]
fn the_real_trace_gives_the_numbers_of_a_naive_count() {
    let Some(path) = trace() else { return };
    let mut log = String::new();
    let file = std::fs::File::open(&path).unwrap();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut log)
        .unwrap();
    agrees(path.to_str().unwrap(), &log);
}

#[test]
fn the_real_trace_has_its_known_ceilings() {
    let Some(path) = trace() else { return };
    let path = path.to_str().unwrap();
    let rounded = |value: &serde_json::Value| (value.as_f64().unwrap() * 1000.0).round() / 10.0;

    let all = json(&[path, "--ttl", "infinite", "--method", "GET,HEAD"], b"");
    assert_eq!(
        (&all["requests"], &all["bad_lines"]),
        (&9_994.into(), &0.into())
    );
    assert_eq!(rounded(&all["ceiling_hit_rate"]), 85.0);

    let filters = [
        "--max-bytes",
        "1GiB",
        "--method",
        "GET",
        "--status",
        "200,304",
        "--rule",
        "path=/** query=none",
    ];
    let args: Vec<_> = [path, "--ttl", "infinite"]
        .iter()
        .chain(&filters)
        .copied()
        .collect();
    let pages = json(&args, b"");
    assert_eq!(
        (&pages["requests"], &pages["keys"]),
        (&9_536.into(), &1_259.into())
    );
    assert_eq!(rounded(&pages["ceiling_hit_rate"]), 86.8);
    assert_eq!(
        pages["hits"], pages["ceiling_hits"],
        "with an infinite TTL the ceiling is reached"
    );
}
