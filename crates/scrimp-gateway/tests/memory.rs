//! Memory under floods, in a process of its own: what clients hold, counted as resident bytes.
//!
//! `cargo test -p scrimp-gateway --test memory -- --nocapture` prints the figures.
#![cfg(target_os = "linux")]

use std::{fs, net::SocketAddr, process::Command, time::Duration};

use scrimp_gateway::{Gateway, GatewayBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Starts an upstream that sends without an end to each request, except to `/honest`.
async fn endless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap_or(0);
                if head[..read].starts_with(b"GET /honest ") {
                    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    return drop(stream.write_all(ok).await);
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                let chunk = [b'x'; 16 << 10];
                while stream.write_all(&chunk).await.is_ok() {}
            });
        }
    });
    address
}

async fn gateway(set: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> SocketAddr {
    let upstream = endless().await;
    let builder = Gateway::builder(format!("http://{upstream}")).no_cache();
    let gateway = set(builder).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener, std::future::pending()));
    address
}

async fn connect(gateway: SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::from(([127, 0, 0, last], 0)))
        .unwrap();
    socket.connect(gateway).await.unwrap()
}

async fn honest_is_answered(gateway: SocketAddr) {
    let mut stream = connect(gateway, 3).await;
    let request = b"GET /honest HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut seen = String::new();
    let read = stream.read_to_string(&mut seen);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    read.expect("an answer in time").unwrap();
    assert!(seen.ends_with("ok"), "{seen}");
}

/// Returns the growth of the memory by `clients` that each send `start` and read nothing.
async fn growth(gateway: SocketAddr, clients: usize, start: &[u8]) -> usize {
    let before = resident();
    let mut held = Vec::new();
    for _ in 0..clients {
        let mut stream = connect(gateway, 2).await;
        let sent = tokio::time::timeout(Duration::from_secs(2), stream.write_all(start)).await;
        drop(sent);
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    honest_is_answered(gateway).await;
    resident().saturating_sub(before)
}

/// Names the flood that a process of its own runs.
const FLOOD: &str = "SCRIMP_FLOOD";

/// A flood: its name, its clients, what each sends, and the most that it may hold.
type Flood = (&'static str, usize, Vec<u8>, usize);

fn floods() -> [Flood; 4] {
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\n";
    let fields = format!("{head}X: {}", "x".repeat(60 << 10));
    let request = format!("{head}\r\n");
    [
        ("idle connections", 1000, Vec::new(), 32 << 10),
        (
            "unfinished fields of 60 KiB",
            1000,
            fields.into(),
            192 << 10,
        ),
        ("unread endless responses", 200, request.into(), 512 << 10),
        ("100 unread endless streams", 10, streams(100), 32 << 20),
    ]
}

/// Each flood has a process of its own, as memory that one has freed would hide that of the next.
#[test]
fn what_a_client_holds_is_bounded() {
    for (name, ..) in floods() {
        let this = std::env::current_exe().unwrap();
        let flood = Command::new(this)
            .args(["--exact", "a_flood_of_a_process_of_its_own", "--nocapture"])
            .env(FLOOD, name)
            .output()
            .unwrap();
        let (out, error) = (flood.stdout, flood.stderr);
        let (out, error) = (
            String::from_utf8_lossy(&out),
            String::from_utf8_lossy(&error),
        );
        assert!(flood.status.success(), "{name}: {out}{error}");
        for line in out.lines().filter(|line| line.contains("bytes each")) {
            println!("{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_a_process_of_its_own() {
    let Ok(wanted) = std::env::var(FLOOD) else {
        return;
    };
    let flood = floods().into_iter().find(|flood| flood.0 == wanted);
    let (name, clients, start, most) = flood.expect("the name of a flood");
    let gateway = gateway(|builder| builder.max_connections(4000)).await;
    let each = growth(gateway, clients, &start).await / clients;
    println!("{name}: {each} bytes each");
    assert!(each < most, "{name}: {each}");
}

/// Returns the bytes of a client of HTTP/2 that asks for many endless responses, which it does not
/// read: the window of its streams is one byte.
fn streams(count: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1]);
    for stream in 0..count {
        let fields = b"\x82\x86\x84\x01\x06a.test";
        bytes.extend_from_slice(&[0, 0, u8::try_from(fields.len()).unwrap(), 1, 5]);
        bytes.extend_from_slice(&(1 + 2 * stream).to_be_bytes());
        bytes.extend_from_slice(fields);
    }
    bytes
}
