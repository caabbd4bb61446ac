//! A log of each format, with the same requests in all of them.

use std::{fs, path::PathBuf, time::Duration};

use super::{Entry, Format, Reader, time};
use crate::input::{Line, Lines};

/// A log, and what its format cannot state.
struct Log {
    name: &'static str,
    format: Format,
    without: &'static [Fact],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Host,
    Query,
    Bytes,
    Latency,
    /// Fractions of a second.
    Fraction,
}

const fn log(name: &'static str, format: Format, without: &'static [Fact]) -> Log {
    Log {
        name,
        format,
        without,
    }
}

use Fact::{Bytes, Fraction, Host, Latency, Query};

const LOGS: &[Log] = &[
    log("alb", Format::Alb, &[]),
    log("api-gateway", Format::Json, &[Query, Fraction]),
    log(
        "api-gateway-clf",
        Format::Clf,
        &[Host, Query, Latency, Fraction],
    ),
    log("array", Format::Json, &[]),
    log("azure-application-gateway", Format::Json, &[Fraction]),
    log("azure-application-gateway-v1", Format::Json, &[]),
    log("azure-front-door", Format::Json, &[]),
    log("caddy", Format::Json, &[]),
    log("caddy-wall", Format::Json, &[]),
    log("cloudflare", Format::Json, &[]),
    log("cloudfront", Format::W3c, &[Fraction]),
    log("combined", Format::Clf, &[Host, Latency, Fraction]),
    log("combined-tabs", Format::Clf, &[Host, Latency, Fraction]),
    log("common", Format::Clf, &[Host, Latency, Fraction]),
    log("compose", Format::Clf, &[Host, Latency, Fraction]),
    log("cri", Format::Json, &[]),
    log("csv", Format::Table, &[]),
    log("docker", Format::Clf, &[Host, Latency, Fraction]),
    log("ecs", Format::Json, &[]),
    log("ecs-dotted", Format::Json, &[]),
    log("elb", Format::Alb, &[]),
    log("envoy", Format::Envoy, &[]),
    log("envoy-json", Format::Json, &[]),
    log("fastly", Format::Json, &[Fraction]),
    log("gcp", Format::Json, &[]),
    log("gelf", Format::Json, &[]),
    log("haproxy", Format::Haproxy, &[]),
    log("haproxy-https", Format::Haproxy, &[]),
    log("heroku", Format::Logfmt, &[]),
    log("iis", Format::W3c, &[Fraction]),
    log("ingress-nginx", Format::Clf, &[Host, Fraction]),
    log("ingress-nginx-json", Format::Json, &[Fraction]),
    log("istio", Format::Envoy, &[]),
    log("kong", Format::Json, &[]),
    log("logfmt", Format::Logfmt, &[]),
    log("lograge", Format::Logfmt, &[Host, Query, Bytes]),
    log("ltsv", Format::Ltsv, &[Fraction]),
    log("nginx-json", Format::Json, &[Fraction]),
    log("nginx-pairs", Format::Clf, &[Fraction]),
    log("nginx-request-time", Format::Clf, &[Host, Fraction]),
    log("pino", Format::Json, &[]),
    log("quoted", Format::Text, &[Host, Latency, Fraction]),
    log("s3", Format::S3, &[Fraction]),
    log("syslog-json", Format::Json, &[]),
    log("tabs", Format::Text, &[]),
    log("tracing", Format::Json, &[Host, Bytes]),
    log("tracing-text", Format::Logfmt, &[Host, Bytes]),
    log("traefik", Format::Clf, &[Host, Fraction]),
    log("traefik-json", Format::Json, &[]),
    log("vhost-combined", Format::Clf, &[Latency, Fraction]),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Returns the requests that every log contains.
fn requests() -> Vec<Entry> {
    let text = fs::read_to_string(folder().join("requests.tsv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let columns: Vec<_> = row.split('\t').collect();
        let [time, host, method, target, status, bytes, millis] = columns[..] else {
            panic!("seven columns: {row}");
        };
        Entry {
            time: time::text(time).unwrap(),
            host: host.into(),
            method: method.into(),
            target: target.into(),
            status: status.parse().unwrap(),
            bytes: bytes.parse().unwrap(),
            latency: Some(Duration::from_millis(millis.parse().unwrap())),
            user_agent: String::new(),
            client: 0,
        }
    })
    .collect()
}

/// Returns a request as a format can state it.
fn stated(log: &Log, mut entry: Entry) -> Entry {
    for fact in log.without {
        match fact {
            Host => entry.host.clear(),
            Query => entry.target = entry.target.split('?').next().unwrap().to_owned(),
            Bytes => entry.bytes = 0,
            Latency => entry.latency = None,
            Fraction => entry.time -= entry.time.rem_euclid(super::MICROS),
        }
    }
    if log.name == "vhost-combined" && !entry.host.contains(':') {
        entry.host.push_str(":443");
    }
    entry
}

/// Reads a log as a replay does. Returns its requests, and its other lines.
fn read(text: &[u8], reader: &mut Reader) -> (Vec<Entry>, Vec<String>) {
    let mut lines = Lines::new(text);
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    while let Some((number, line)) = lines.next().unwrap() {
        let Line::Text(line) = line else {
            panic!("no line is too long");
        };
        match reader.read(line) {
            Ok(Some(parsed)) => entries.push(Entry {
                user_agent: String::new(),
                client: 0,
                ..parsed.entry
            }),
            Err(reason) => others.push(format!("{number}: {reason}")),
            Ok(None) => {}
        }
    }
    (entries, others)
}

#[test]
fn every_field_of_every_format_is_read() {
    let requests = requests();
    assert!(requests.len() >= 20);
    for log in LOGS {
        let text = fs::read(folder().join(log.name).with_extension("log")).unwrap();
        let (entries, others) = read(&text, &mut Reader::new(None));
        let events = log.name == "tracing";
        assert_eq!(
            others.len(),
            if events { requests.len() } else { 0 },
            "{}: {others:?}",
            log.name
        );
        assert_eq!(entries.len(), requests.len(), "{}", log.name);
        for (number, (entry, expected)) in (1..).zip(entries.into_iter().zip(&requests)) {
            assert_eq!(
                entry,
                stated(log, expected.clone()),
                "{}, request {number}",
                log.name
            );
        }
    }
}

#[test]
fn the_format_is_detected_from_the_lines_or_forced() {
    for log in LOGS {
        let text = fs::read(folder().join(log.name).with_extension("log")).unwrap();
        let (entries, others) = read(&text, &mut Reader::new(Some(log.format)));
        assert!(entries.len() >= 20, "{}: {others:?}", log.name);
        let mut lines = Lines::new(&text[..]);
        let mut head = Vec::new();
        while let Some((_, Line::Text(line))) = lines.next().unwrap() {
            head.push(line.to_vec());
        }
        let counts = Reader::new(None).detect(&head.iter().map(Vec::as_slice));
        assert_eq!(
            counts.first().map(|&(format, _)| format),
            Some(log.format),
            "{}",
            log.name
        );
    }
}

#[test]
fn a_mixed_log_is_read_in_the_format_of_each_line() {
    let requests = requests();
    let logs = [
        "alb",
        "envoy",
        "haproxy",
        "s3",
        "traefik-json",
        "vhost-combined",
        "heroku",
    ];
    let logs = logs.map(|name| {
        let text = fs::read_to_string(folder().join(name).with_extension("log")).unwrap();
        let log = LOGS.iter().find(|log| log.name == name).unwrap();
        (log, text.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    let mixed: Vec<_> = (0..requests.len())
        .flat_map(|number| {
            logs.iter()
                .map(move |(log, lines)| (log, number, &lines[number]))
        })
        .collect();
    let mut reader = Reader::new(None);
    reader.detect(&mixed.iter().map(|(.., line)| line.as_bytes()));
    for (log, number, line) in mixed {
        let parsed = reader.read(line.as_bytes()).unwrap().unwrap();
        let entry = Entry {
            user_agent: String::new(),
            client: 0,
            ..parsed.entry
        };
        assert_eq!(entry, stated(log, requests[number].clone()), "{line}");
    }
}

#[test]
fn every_fixture_is_a_log_of_the_list() {
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let listed = LOGS.iter().any(|log| log.name == name);
        assert!(listed || name == "requests", "{name}");
    }
}

/// Logs whose lines state no client, or state it where only its looks tell.
const WITHOUT_CLIENT: &[&str] = &[
    "caddy-wall",
    "ecs-dotted",
    "logfmt",
    "lograge",
    "quoted",
    "tabs",
    "tracing",
    "tracing-text",
];

#[test]
fn the_client_is_read_where_the_format_states_it() {
    let clients = ["192.0.2.1", "2001:db8::7", "192.0.2.2"].map(super::client::hash);
    let mut wrong = Vec::new();
    for log in LOGS {
        let path = folder().join(log.name).with_extension("log");
        let text = fs::read(path).unwrap();
        let mut reader = Reader::new(None);
        let mut lines = Lines::new(text.as_slice());
        let mut read = Vec::new();
        while let Some((_, Line::Text(line))) = lines.next().unwrap() {
            let parsed = reader.read(line).ok().flatten();
            read.extend(parsed.map(|parsed| parsed.entry.client));
        }
        let expected = match WITHOUT_CLIENT.contains(&log.name) {
            true => [0; 3],
            false => clients,
        };
        if read[..3] != expected {
            wrong.push(log.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
