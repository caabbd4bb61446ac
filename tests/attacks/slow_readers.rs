//! Readers that ask for much, and read nothing: they share the memory of the stored body.
//!
//! `cargo test -p scrimp-tests --test attacks slow_readers -- --nocapture` prints the figures.
#![cfg(target_os = "linux")]

use std::{fs, process::Command};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use scrimp::cache::{CacheLayer, MemoryStore};
use scrimp_tests::{Rig, Server, reply, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Length of the stored body.
const BODY: usize = 4 << 20;

const READERS: usize = 400;

/// The most memory that one reader may take: a connection, its buffers, and the text of one part.
const EACH: usize = 32 << 10;

/// Names the ranges that a process of its own asks for.
const RANGES: &str = "SCRIMP_RANGES";

fn floods() -> [(&'static str, String); 5] {
    let half = BODY / 2;
    let sixteen: Vec<_> = (0..16)
        .map(|n| format!("{}-{}", n * (BODY / 16), (n + 1) * (BODY / 16) - 2))
        .collect();
    [
        ("the whole body", String::new()),
        ("one range", "bytes=1-".into()),
        ("two ranges", format!("bytes=0-{},{half}-", half - 2)),
        ("sixteen ranges", format!("bytes={}", sixteen.join(","))),
        (
            "a thousand overlapping ranges",
            format!("bytes={}", ["0-"; 1000].join(",")),
        ),
    ]
}

/// Returns the bytes of this process that are in memory.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("a count of pages");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_usize) * 4096
}

/// Each flood has a process of its own, as memory that one has freed would hide that of the next.
#[test]
fn readers_of_ranges_hold_no_copies_of_the_body() {
    for (name, _) in floods() {
        let this = std::env::current_exe().expect("this binary");
        let flood = Command::new(this)
            .args(["--exact", "slow_readers::a_flood", "--nocapture"])
            .env(RANGES, name)
            .output()
            .expect("a process");
        let (out, error) = (&flood.stdout, &flood.stderr);
        let (out, error) = (String::from_utf8_lossy(out), String::from_utf8_lossy(error));
        assert!(flood.status.success(), "{name}: {out}{error}");
        for line in out.lines().filter(|line| line.contains("bytes each")) {
            println!("{line}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_evicted_and_still_read_are_bounded_and_short_ones_still_stored() {
    const LIMIT: usize = 1 << 20;
    const LONG: usize = 128 << 10;
    let store = MemoryStore::new(LIMIT as u64);
    let cache = CacheLayer::new(store.clone());
    let fields = [("cache-control", "max-age=3600")];
    let rig = Rig::new(cache.clone(), move |parts| {
        let length = if parts.uri.path() == "/short" {
            1
        } else {
            LONG
        };
        reply(200, &fields, &"x".repeat(length))
    });
    let mut readers = Vec::new();
    // A hundred times as many as there is room for.
    for n in 0..200 * LIMIT / LONG {
        let uri = format!("/{n}");
        rig.get(&uri).await;
        let reader = rig
            .open(request("GET", &uri, &[]))
            .await
            .expect("a response");
        let status = reader.headers()["cache-status"].to_str().expect("text");
        if status.contains("; hit") {
            readers.push(reader);
        }
    }
    let held = readers.len() * LONG;
    assert!(held > LIMIT && held <= 2 * LIMIT, "{held}");
    let stored = || cache.stats().stored;
    let before = stored();
    rig.get("/short").await;
    assert_eq!(stored(), before + 1);
    // The store prefers what is used often to what is new, so one request is not enough.
    let ask_often = async || {
        for _ in 0..100 {
            rig.get("/long").await;
        }
    };
    ask_often().await;
    assert_eq!(stored(), before + 1, "there is no room");
    drop(readers);
    ask_often().await;
    assert!(stored() > before + 1, "there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood() {
    let Ok(wanted) = std::env::var(RANGES) else {
        return;
    };
    let flood = floods().into_iter().find(|flood| flood.0 == wanted);
    let (name, range) = flood.expect("the name of a flood");
    let cache = CacheLayer::new(
        MemoryStore::builder(64 << 20)
            .max_body(BODY as u64)
            .build()
            .expect("a store"),
    );
    let page = || async {
        let body = Bytes::from(vec![b'x'; BODY]);
        ([("cache-control", "max-age=3600")], Body::from(body))
    };
    let server = Server::start(Router::new().route("/", get(page)).layer(cache.clone())).await;
    // The first reader reads it all, so that it is stored.
    read_all(open(&server, "").await, BODY).await;
    let before = resident();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(open(&server, &range).await);
    }
    let each = resident().saturating_sub(before) / READERS;
    println!("{name}: {each} bytes each");
    assert_eq!(cache.stats().hits, READERS as u64);
    assert!(each < EACH, "{name}: {each}");
    // A reader that is slow gets all of it in the end.
    read_all(readers.pop().expect("a reader"), BODY - 16).await;
}

/// Reads at least `length` bytes of a body.
async fn read_all((mut stream, mut read): (TcpStream, usize), length: usize) {
    let mut piece = vec![0; 64 << 10];
    while read < length {
        let more = stream.read(&mut piece).await.expect("a body");
        assert!(more > 0, "the body breaks off");
        read += more;
    }
}

/// Sends a request, and reads the head of the response. Returns the connection, and how much of the
/// body has come with the head.
async fn open(server: &Server, range: &str) -> (TcpStream, usize) {
    let stream = TcpStream::connect(server.address).await;
    let mut stream = stream.expect("a connection");
    let field = match range {
        "" => String::new(),
        range => format!("Range: {range}\r\n"),
    };
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut seen = Vec::new();
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&seen[..end]);
            assert!(text.starts_with("HTTP/1.1 20"), "{text}");
            return (stream, seen.len() - end - 4);
        }
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).await.expect("a head");
        assert!(read > 0, "the head breaks off");
        seen.extend_from_slice(&piece[..read]);
    }
}
