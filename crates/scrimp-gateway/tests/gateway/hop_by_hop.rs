use super::{Gateway, always, echo};

#[tokio::test]
async fn fields_of_the_clients_connection_do_not_reach_the_upstream() {
    let gateway = Gateway::before(echo().await).await;
    let seen = gateway
        .ask(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close, X-Mine\r\n\
             Connection: x-second-line\r\nX-Mine: 1\r\nX-Second-Line: 1\r\nKeep-Alive: 5\r\n\
             TE: trailers\r\nUpgrade: websocket\r\nProxy-Authorization: secret\r\n\
             Proxy-Connection: close\r\nX-Theirs: 1\r\n\r\n",
        )
        .await;
    for gone in [
        "connection",
        "x-mine",
        "x-second-line",
        "keep-alive",
        "te:",
        "upgrade",
        "proxy-",
    ] {
        let (_, echoed) = seen.split_once("\r\n\r\n").unwrap();
        assert!(!echoed.contains(gone), "{gone} in {echoed}");
    }
    assert!(seen.contains("x-theirs: 1\r\n"), "{seen}");
}

#[tokio::test]
async fn fields_of_the_upstreams_connection_do_not_reach_the_client() {
    let upstream = always(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, x-mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Theirs: 1\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.get("/").await.to_lowercase();
    for gone in ["x-mine", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
    assert!(seen.contains("x-theirs: 1\r\n"), "{seen}");
}

#[tokio::test]
async fn connection_cannot_remove_fields_that_restrict_the_readers_of_a_response() {
    let upstream = always(
        "HTTP/1.1 200 OK\r\nConnection: cache-control, set-cookie\r\nCache-Control: private\r\n\
         Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.get("/").await;
    assert!(seen.contains("cache-control: private\r\n"), "{seen}");
    assert!(seen.contains("set-cookie: a=b\r\n"), "{seen}");
}

#[tokio::test]
async fn both_directions_append_a_via_to_existing_ones() {
    let upstream = always("HTTP/1.0 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 2\r\n\r\nok").await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.get("/").await;
    let (inner, ours) = (
        seen.find("via: 1.1 inner"),
        seen.find("via: 1.0 scrimp-gateway"),
    );
    assert!(inner.is_some() && inner < ours, "{seen}");

    let gateway = Gateway::before(echo().await).await;
    let seen = gateway.get("/").await;
    assert!(seen.contains("via: 1.1 scrimp-gateway\r\n"), "{seen}");
}

#[tokio::test]
async fn all_other_fields_stay_unchanged() {
    // An unregistered status, obsolete text, repeated lines, a path with unusual characters.
    let upstream = always(
        "HTTP/1.1 299 Odd\r\nX-Twice: b\r\nX-Twice: a\r\nX-Empty:\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: theirs\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 299 "), "{seen}");
    for kept in [
        "x-twice: b\r\nx-twice: a\r\n",
        "x-empty: \r\n",
        "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "server: theirs\r\n",
    ] {
        assert!(seen.contains(kept), "{kept} not in {seen}");
    }

    let gateway = Gateway::before(echo().await).await;
    let target = "//a/../b;v=1/%2F%zz/?q=%20&&x=[1]?&";
    let request = format!("BREW {target} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    let seen = gateway.ask(&request).await;
    assert!(
        seen.contains(&format!("brew {} http/1.1\r\n", target.to_lowercase())),
        "{seen}"
    );
}
