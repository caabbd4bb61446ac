//! Versions of HTTP and numbers of hops, on both sides.

use super::{Gateway, always, echo};

const OPTIONS: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n";

#[tokio::test]
async fn the_version_of_a_response_is_the_gateways_and_not_the_upstreams() {
    let old = "HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok";
    let gateway = Gateway::before(always(old).await).await;
    for how in ["fresh", "stored"] {
        let seen = gateway.get("/").await;
        assert!(seen.starts_with("HTTP/1.1 200 "), "{how}: {seen}");
        assert!(seen.contains("via: 1.0 scrimp-gateway\r\n"), "{seen}");
    }
}

#[tokio::test]
async fn a_body_of_an_old_upstream_that_ends_with_its_connection_is_chunked() {
    let upstream = super::upstream(async |mut wire| {
        wire.head().await;
        wire.write("HTTP/1.0 200 OK\r\n\r\nhello").await;
    })
    .await;
    let seen = Gateway::before(upstream).await.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(seen.contains("transfer-encoding: chunked\r\n"), "{seen}");
    assert!(seen.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn an_options_request_without_hops_left_is_answered_by_the_gateway() {
    let gateway = Gateway::before(echo().await).await;
    for target in ["/", "*"] {
        let seen = gateway
            .ask(&format!(
                "OPTIONS {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\
                 Max-Forwards: 0\r\n\r\n"
            ))
            .await;
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
        assert!(seen.contains("allow: GET, HEAD, "), "{seen}");
        assert!(seen.contains("content-length: 0\r\n"), "{seen}");
        assert!(!seen.contains("options "), "{seen}");
    }
}

#[tokio::test]
async fn each_hop_of_an_options_request_is_counted() {
    let gateway = Gateway::before(echo().await).await;
    for (before, after) in [("10", "9"), ("1", "0")] {
        let seen = gateway
            .ask(&format!("{OPTIONS}Max-Forwards: {before}\r\n\r\n"))
            .await;
        let line = format!("max-forwards: {after}\r\n");
        assert!(seen.contains(&line), "{before}: {seen}");
    }
    let seen = gateway.ask(&format!("{OPTIONS}\r\n")).await;
    assert!(!seen.contains("max-forwards"), "{seen}");
}

#[tokio::test]
async fn a_number_of_hops_that_is_none_is_refused() {
    let gateway = Gateway::before(echo().await).await;
    for value in ["-1", "1.5", "ten", "", "1, 2", "1\r\nMax-Forwards: 1"] {
        let seen = gateway
            .ask(&format!("{OPTIONS}Max-Forwards: {value}\r\n\r\n"))
            .await;
        assert!(seen.starts_with("HTTP/1.1 400 "), "{value}: {seen}");
        assert!(seen.contains("urn:scrimp:gateway:max-forwards"), "{seen}");
    }
}

#[tokio::test]
async fn other_methods_keep_their_number_of_hops() {
    let gateway = Gateway::before(echo().await).await;
    let seen = gateway
        .ask("GET / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n")
        .await;
    assert!(seen.contains("max-forwards: 0\r\n"), "{seen}");
    let trace = "TRACE / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n";
    let seen = gateway.ask(trace).await;
    assert!(seen.starts_with("HTTP/1.1 405 "), "{seen}");
    assert!(seen.contains("allow: GET, HEAD, "), "{seen}");
}
