//! HTTP/2: with prior knowledge, over TLS, to the upstream, and against clients that abuse it.

mod frames;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{SendRequest, handshake},
    rt::{Read, Write},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{
    Gateway, GatewayBuilder, OK, always, echo,
    tls::{Authority, secure_echo},
    upstream,
};
use frames::Frames;

type Client = SendRequest<Full<Bytes>>;

async fn client(io: impl Read + Write + Unpin + Send + 'static) -> Client {
    let (client, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn client_of(gateway: &Gateway) -> Client {
    client(TokioIo::new(
        TcpStream::connect(gateway.address).await.unwrap(),
    ))
    .await
}

async fn get(client: &mut Client, url: &str) -> (StatusCode, String) {
    let request = Request::get(url).body(Full::default()).unwrap();
    read(client.send_request(request).await.unwrap()).await
}

async fn read(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_client_may_speak_http_2_without_asking() {
    let gateway = Gateway::with(echo().await, GatewayBuilder::preserve_host).await;
    let mut client = client_of(&gateway).await;
    let (status, body) = get(&mut client, "http://shop.test/page?x=1").await;
    assert_eq!(status, 200);
    for line in [
        "get /page?x=1 http/1.1\r\n",
        "\nhost: shop.test\r\n",
        "via: 2.0 scrimp-gateway\r\n",
        "x-forwarded-proto: http\r\n",
    ] {
        assert!(body.contains(line), "{line}: {body}");
    }
    assert!(!body.contains("transfer-encoding"), "{body}");
}

#[tokio::test]
async fn a_problem_has_no_body_for_a_head() {
    let gateway = Gateway::before(upstream(|_| async {}).await).await;
    let mut client = client_of(&gateway).await;
    let request = Request::head("http://shop.test/").body(Full::default());
    let response = client.send_request(request.unwrap()).await.unwrap();
    assert_ne!(response.headers()["content-length"], "0");
    let (status, body) = read(response).await;
    assert_eq!((status, body.as_str()), (StatusCode::BAD_GATEWAY, ""));
}

#[tokio::test]
async fn a_client_may_choose_http_2_over_tls() {
    let authority = Authority::new();
    let gateway = secure_echo(&authority.issue("127.0.0.1", 2999)).await;
    let stream = authority.connect(&gateway, "h2").await;
    let mut client = client(TokioIo::new(stream)).await;
    let (status, body) = get(&mut client, "https://shop.test/").await;
    assert_eq!(status, 200);
    assert!(body.contains("x-forwarded-proto: https\r\n"), "{body}");
}

#[tokio::test]
async fn cookies_that_http_2_has_split_are_one_line_for_the_upstream() {
    let gateway = Gateway::before(echo().await).await;
    let request = Request::get("http://shop.test/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Full::default())
        .unwrap();
    let response = client_of(&gateway).await.send_request(request).await;
    let (_, body) = read(response.unwrap()).await;
    assert!(body.contains("\ncookie: a=1; b=2\r\n"), "{body}");
}

#[tokio::test]
async fn a_host_that_is_not_the_authority_is_refused() {
    let gateway = Gateway::before(echo().await).await;
    let mut client = client_of(&gateway).await;
    for (host, expected) in [("evil.test", 400), ("SHOP.test", 200)] {
        let request = Request::get("http://shop.test/")
            .header("host", host)
            .body(Full::default())
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_stored_response_is_the_same_over_both_versions() {
    let answer = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhello";
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let upstream = upstream(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            loop {
                let head = wire.head().await;
                if head.is_empty() {
                    return;
                }
                // Clients of other tests may try a port that was free before.
                if head.contains("/same-in-both") {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                wire.write(answer).await;
            }
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    // The client may have the last byte before it is stored.
    while !gateway.get("/same-in-both").await.contains("scrimp; hit") {}
    let before = calls.load(Ordering::Relaxed);
    let (status, body) = get(
        &mut client_of(&gateway).await,
        "http://shop.test/same-in-both",
    )
    .await;
    assert_eq!((status, &*body), (StatusCode::OK, "hello"));
    assert_eq!(calls.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn a_body_passes_from_http_2_to_http_1_and_back() {
    let inner = Gateway::before(
        upstream(async |mut wire| {
            wire.head().await;
            wire.until("\r\n0\r\n\r\n").await;
            wire.write(OK).await;
        })
        .await,
    )
    .await;
    // The outer gateway speaks HTTP/2 with the inner one.
    let gateway = Gateway::with(inner.address, GatewayBuilder::upstream_http2).await;
    let seen = gateway
        .ask(
            "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )
        .await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(seen.contains("via: 2.0 scrimp-gateway\r\n"), "{seen}");
    assert!(seen.ends_with("ok"), "{seen}");
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_http_2_becomes_a_502() {
    let plain = always(OK).await;
    let gateway = Gateway::with(plain, GatewayBuilder::upstream_http2).await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
}

#[tokio::test]
async fn the_version_of_a_request_to_an_http_2_upstream_is_not_the_clients() {
    let inner = Gateway::before(echo().await).await;
    let gateway = Gateway::with(inner.address, GatewayBuilder::upstream_http2).await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    let asked = "via: 1.1 scrimp-gateway\r\nvia: 2.0 scrimp-gateway\r\n";
    assert!(seen.contains(asked), "{seen}");
}

#[tokio::test]
async fn stopping_finishes_open_streams() {
    let asked = Arc::new(tokio::sync::Notify::new());
    let may_answer = Arc::new(tokio::sync::Notify::new());
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&may_answer));
    let slow = upstream(move |mut wire| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            wire.head().await;
            tell.notify_one();
            wait.notified().await;
            wire.write(OK).await;
        }
    })
    .await;
    let gateway = Gateway::before(slow).await;
    let mut client = client_of(&gateway).await;
    let request = Request::get("http://a.test/").body(Full::default());
    let response = client.send_request(request.unwrap());
    asked.notified().await;
    gateway.stop.send(()).unwrap();
    may_answer.notify_one();
    let (status, body) = read(response.await.unwrap()).await;
    assert_eq!((status, &*body), (StatusCode::OK, "ok"));
    let stopped = tokio::time::timeout(Duration::from_secs(5), gateway.served).await;
    stopped.expect("it should stop").unwrap();
}

#[tokio::test]
async fn a_list_of_fields_beyond_the_limit_is_refused() {
    let gateway = Gateway::with(echo().await, |builder| builder.max_header_bytes(8 << 10)).await;
    let mut client = client_of(&gateway).await;
    let request = Request::get("http://a.test/")
        .header("x-long", "x".repeat(900 << 10))
        .body(Full::default())
        .unwrap();
    let refused = match client.send_request(request).await {
        Ok(response) => response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Err(_) => true,
    };
    assert!(refused);
    assert!(gateway.get("/").await.starts_with("HTTP/1.1 200 "));
}

/// Counts the requests that reach an upstream that never answers.
async fn counting() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let address = upstream(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            let head = wire.head().await;
            if head.starts_with("GET /honest ") {
                return wire.write(OK).await;
            }
            count.fetch_add(usize::from(!head.is_empty()), Ordering::Relaxed);
            wire.rest().await;
        }
    })
    .await;
    (address, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_that_are_reset_at_once_end_their_connection() {
    let (upstream, calls) = counting().await;
    let gateway = Gateway::with(upstream, GatewayBuilder::no_cache).await;
    let mut attacker = Frames::connect(&gateway, &[]).await;
    let mut flood = Vec::new();
    for stream in 0..10_000 {
        frames::get(&mut flood, 1 + 2 * stream, "/attack");
        frames::reset(&mut flood, 1 + 2 * stream);
    }
    let honest = tokio::spawn({
        let address = gateway.address;
        async move {
            let mut client = client(TokioIo::new(TcpStream::connect(address).await.unwrap())).await;
            get(&mut client, "http://a.test/honest").await.0
        }
    });
    attacker.try_send(&flood).await;
    attacker.until_closed().await;
    assert_eq!(honest.await.unwrap(), 200);
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= 200, "{calls} calls of the upstream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_breaks_off_each_request_after_its_start_is_closed() {
    let (upstream, calls) = counting().await;
    let gateway = Gateway::with(upstream, GatewayBuilder::no_cache).await;
    let mut attacker = Frames::connect(&gateway, &[]).await;
    let mut sent = 0;
    while sent < 10_000 && attacker.is_open() {
        let mut request = Vec::new();
        frames::get(&mut request, 1 + 2 * sent, "/attack");
        attacker.try_send(&request).await;
        // The upstream has been called for it: not one of those that are seen as a burst.
        attacker.ping().await;
        let mut reset = Vec::new();
        frames::reset(&mut reset, 1 + 2 * sent);
        attacker.try_send(&reset).await;
        attacker.ping().await;
        sent += 1;
    }
    assert!(sent < 200, "{sent} requests");
    assert!(calls.load(Ordering::Relaxed) <= 200);
    let (status, _) = get(&mut client_of(&gateway).await, "http://a.test/honest").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_its_client_does_not_read_is_reset_and_its_connection_stays() {
    let body = "x".repeat(1 << 20);
    let large = always(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let gateway = Gateway::with(large, |builder| {
        builder.send_pace(Duration::from_millis(300), 1 << 20)
    })
    .await;
    // Streams have no window, so no byte of a body can be sent.
    let mut client = Frames::connect(&gateway, &[(frames::INITIAL_WINDOW_SIZE, 0)]).await;
    let mut request = Vec::new();
    frames::get(&mut request, 1, "/");
    client.try_send(&request).await;
    assert_eq!(client.reset_stream().await, Some(1));
    client.ping().await;
    assert!(client.is_open());
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_one_by_one() {
    let (upstream, calls) = counting().await;
    let gateway = Gateway::with(upstream, |builder| builder.no_cache().max_streams(5)).await;
    let mut client = Frames::connect(&gateway, &[]).await;
    let mut requests = Vec::new();
    for stream in 0..50 {
        frames::get(&mut requests, 1 + 2 * stream, "/attack");
    }
    client.try_send(&requests).await;
    client.reset_stream().await;
    client.ping().await;
    assert!(calls.load(Ordering::Relaxed) <= 5);
    assert!(gateway.get("/honest").await.starts_with("HTTP/1.1 200 "));
}
