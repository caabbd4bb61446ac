//! A hundred times as many connections as there are slots.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::Instant,
};

use super::{Gateway, OK, always, upstream};

const CAP: usize = 40;
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// Connects from one of the addresses of the loopback.
async fn connect_from(source: [u8; 4], gateway: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    socket.connect(gateway).await
}

/// Asks as an honest client, from another address than the attackers'.
async fn honest(gateway: SocketAddr) -> String {
    let mut stream = connect_from([127, 0, 0, 2], gateway).await.unwrap();
    stream.write_all(GET).await.unwrap();
    let mut seen = String::new();
    let read = stream.read_to_string(&mut seen);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    read.expect("an answer in time").unwrap();
    seen
}

/// Opens a hundred times as many connections as there are slots, and sends `start` on each.
async fn flood(gateway: SocketAddr, start: &[u8]) -> Vec<TcpStream> {
    let mut attackers = Vec::new();
    for _ in 0..100 * CAP {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        // Those beyond the share of the address are closed already.
        let _ = stream.write_all(start).await;
        attackers.push(stream);
    }
    attackers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_take_all_connections() {
    let gateway = Gateway::with(always(OK).await, |builder| {
        builder.no_cache().max_connections(CAP)
    })
    .await;
    for start in [
        &b""[..],
        b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let attackers = flood(gateway.address, start).await;
        let before = Instant::now();
        let seen = honest(gateway.address).await;
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
        let took = before.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        let mut open = 0;
        for mut stream in attackers {
            let read = tokio::time::timeout(Duration::ZERO, stream.read(&mut [0; 64])).await;
            open += usize::from(read.is_err());
        }
        assert!(open <= CAP / 2, "{open} connections are open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_request_make_room_for_others() {
    let gateway = Gateway::with(always(OK).await, |builder| {
        builder
            .max_connections(CAP)
            .max_connections_per_address(CAP)
            .idle_timeout(Duration::from_secs(600))
            .header_timeout(Duration::from_secs(600))
    })
    .await;
    let mut attackers = Vec::new();
    for start in [&b""[..], b"GET / HTTP/1.1\r\n", b"GET / HT"] {
        for _ in 0..CAP / 2 {
            let mut stream = TcpStream::connect(gateway.address).await.unwrap();
            stream.write_all(start).await.unwrap();
            attackers.push(stream);
        }
    }
    let before = Instant::now();
    let seen = honest(gateway.address).await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    // Without room, it would take ten minutes.
    let took = before.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_an_open_request_does_not_make_room() {
    let gateway = Gateway::with(
        upstream(async |mut wire| {
            wire.head().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            wire.write(OK).await;
        })
        .await,
        |builder| {
            builder
                .no_cache()
                .max_connections(1)
                .max_connections_per_address(100)
        },
    )
    .await;
    let mut first = gateway.connect().await;
    first.write(GET).await;
    let second = tokio::spawn({
        let address = gateway.address;
        async move { honest(address).await }
    });
    assert!(first.rest().await.starts_with("HTTP/1.1 200 "));
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_gateway_reads_no_request_of_those_that_wait() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let silent = upstream(async |mut wire| {
        wire.head().await;
        CALLS.fetch_add(1, Ordering::Relaxed);
        wire.rest().await;
    })
    .await;
    let gateway = Gateway::with(silent, |builder| {
        builder
            .no_cache()
            .max_connections(1)
            .max_connections_per_address(1000)
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut wire = gateway.connect().await;
        wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        clients.push(wire);
    }
    let answer = clients[99].head();
    let waited = tokio::time::timeout(Duration::from_secs(2), answer).await;
    assert!(waited.is_err());
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}
