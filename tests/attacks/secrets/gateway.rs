//! The gateway: its responses, refusals, failures, traces and settings.

use axum::{Router, http::StatusCode};
use scrimp::cache::{CacheLayer, MemoryStore};
use scrimp_gateway::{Gateway, GatewayBuilder};
use scrimp_tests::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::{API_KEY, AUTHORIZATION, COOKIE, QUERY, Written, ear::Ear};

/// Requests that are stored, keyed by a secret, not stored, or refused, in HTTP/1.1.
fn requests() -> Vec<String> {
    let secrets = format!(
        "Authorization: {AUTHORIZATION}\r\nX-Api-Key: {API_KEY}\r\nCookie: {COOKIE}\r\n\
         X-Forwarded-For: s3cr3t\r\nForwarded: for=s3cr3t\r\nX_Forwarded_Key: s3cr3t\r\n\
         Proxy-Authorization: {AUTHORIZATION}\r\n"
    );
    let host = "Host: shop.example\r\n";
    let lines = [
        (format!("GET {QUERY} HTTP/1.1"), host.to_owned()),
        (format!("GET {QUERY} HTTP/1.1"), format!("{host}{secrets}")),
        (
            format!("GET /a{QUERY} HTTP/1.1"),
            format!("{host}{secrets}"),
        ),
        (format!("POST {QUERY} HTTP/1.1"), format!("{host}{secrets}")),
        (
            format!("GET http://u:s3cr3t@shop.example{QUERY} HTTP/1.1"),
            host.to_owned(),
        ),
        (
            format!("GET /down{QUERY} HTTP/1.1"),
            format!("{host}{secrets}"),
        ),
        // Refused by the gateway.
        (
            format!("GET {QUERY} HTTP/1.1"),
            format!("Host: s3cr3t/evil\r\n{secrets}"),
        ),
        (
            format!("GET {QUERY} HTTP/1.1"),
            format!("{host}Host: s3cr3t\r\n"),
        ),
        (
            "CONNECT s3cr3t.example:443 HTTP/1.1".to_owned(),
            format!("{host}{secrets}"),
        ),
        (
            format!("TRACE {QUERY} HTTP/1.1"),
            format!("{host}{secrets}"),
        ),
        (
            format!("OPTIONS {QUERY} HTTP/1.1"),
            format!("{host}Max-Forwards: 0\r\n{secrets}"),
        ),
        (
            format!("GET {QUERY} HTTP/1.1"),
            format!("{host}Content-Length: s3cr3t\r\n"),
        ),
        (
            format!("POST {QUERY} HTTP/1.1"),
            format!("{host}Transfer-Encoding: s3cr3t\r\n"),
        ),
        // Refused by the server below it.
        (format!("GET {QUERY} s3cr3t"), host.to_owned()),
        (
            format!("GET {QUERY} HTTP/1.1"),
            format!("{host}X-Long: s3cr3t{}\r\n", "a".repeat(70_000)),
        ),
    ];
    let lines = lines.into_iter();
    lines
        .map(|(line, fields)| format!("{line}\r\n{fields}Connection: close\r\n\r\n"))
        .collect()
}

/// Sends one request, and returns everything that comes back.
async fn ask(to: std::net::SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.expect("a connection");
    // A refusal may come before the whole request was written.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    read
}

fn cached(upstream: String) -> GatewayBuilder {
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .rule("path=/a/** header=authorization,x-api-key ttl=1m")
        .rule("path=/page ttl=1m");
    Gateway::builder(upstream).cache(cache.build().expect("valid settings"))
}

#[tokio::test]
async fn a_gateway_writes_no_secret_of_its_clients_or_its_operator() {
    let mut written = Written::default();
    let ear = Ear::of_ours();
    let _guard = scrimp_testkit::listen(ear.clone());
    let app = Router::new().fallback(|request: axum::extract::Request| async move {
        match request.uri().path().starts_with("/down") {
            true => (StatusCode::SERVICE_UNAVAILABLE, "down"),
            false => (StatusCode::OK, "page"),
        }
    });
    let server = Server::start(app).await;
    let nothing = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let (mut answers, mut failures) = (0, 0);
    for upstream in [server.url(""), nothing] {
        let builder = cached(upstream);
        written.debug("settings of a gateway", &builder);
        let gateway = builder.build().expect("valid settings");
        written.debug("a gateway", &gateway);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = gateway.serve(listener, async { drop(stopped.await) });
        let serving = tokio::spawn(serving);
        for request in requests().iter().chain(&requests()) {
            let seen = ask(address, request).await;
            answers += usize::from(seen.starts_with(b"HTTP/1.1 2"));
            failures += usize::from(seen.starts_with(b"HTTP/1.1 4"));
            failures += usize::from(seen.starts_with(b"HTTP/1.1 5"));
            written.bytes("a response of the gateway", &seen);
        }
        drop(stop);
        serving.await.expect("no panic");
    }
    assert!(answers > 8 && failures > 30, "{answers} {failures}");
    let heard = ear.heard();
    assert!(!heard.is_empty());
    for line in heard {
        written.bytes("a trace of the gateway", line.as_bytes());
    }
    written.has_no_secret();
}

#[test]
fn a_refused_setting_of_a_gateway_does_not_repeat_it() {
    let mut written = Written::default();
    let pem = "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\n";
    for builder in [
        Gateway::builder("http://u:s3cr3t@shop.example"),
        Gateway::builder("http://u:s3cr3t@[shop"),
        Gateway::builder("http://shop.example/?key=s3cr3t"),
        Gateway::builder("https://shop.example").upstream_ca(pem),
        Gateway::builder("http://shop.example").tls(pem, pem),
    ] {
        written.debug("settings of a gateway", &builder);
        let error = builder.build().expect_err("a refusal");
        written.debug("a refused setting", &error);
        written.bytes("a refused setting", error.to_string().as_bytes());
    }
    written.has_no_secret();
}
