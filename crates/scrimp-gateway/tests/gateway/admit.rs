use scrimp_gateway::GatewayBuilder;

use super::{Gateway, OK, Wire, always, echo, upstream};

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_refused() {
    let gateway = Gateway::before(echo().await).await;
    for (status, head) in [
        // The host is ambiguous.
        ("400", "GET / HTTP/1.1\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: user@a.test\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: a.test/evil\r\n"),
        // The end of the message is ambiguous.
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        ),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +1\r\n",
        ),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, gzip\r\n",
        ),
        (
            "501",
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n",
        ),
        (
            "400",
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n",
        ),
        (
            "400",
            "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n",
        ),
        // Methods that are not for a gateway.
        ("501", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n"),
        ("405", "TRACE / HTTP/1.1\r\nHost: a.test\r\n"),
    ] {
        let seen = gateway.ask(&format!("{head}\r\n")).await;
        let wanted = format!("HTTP/1.1 {status} ");
        assert!(
            seen.starts_with(&wanted) || seen.starts_with(&wanted.replace("/1.1", "/1.0")),
            "{head}{seen}"
        );
    }
}

#[tokio::test]
async fn nothing_can_hide_behind_a_request_with_two_lengths() {
    // The inner request must never be answered as a separate one.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let length = "Content-Length: 5";
    let chunked = "Transfer-Encoding: chunked";
    for (first, second) in [(length, chunked), (chunked, length)] {
        let upstream = upstream(async |mut wire| {
            let head = wire.head().await.to_lowercase();
            assert!(!head.contains("content-length"), "{head}");
            assert_eq!(wire.until("0\r\n\r\n").await, "0\r\n\r\n");
            wire.write(OK).await;
        })
        .await;
        let gateway = Gateway::before(upstream).await;
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{first}\r\n{second}\r\n\r\n");
        let seen = gateway.ask(&format!("{head}0\r\n\r\n{smuggled}")).await;
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
        assert_eq!(seen.matches("HTTP/1.1").count(), 1, "{seen}");
    }
}

#[tokio::test]
async fn the_upstream_receives_the_clients_address_and_not_its_claims() {
    let gateway = Gateway::before(echo().await).await;
    let forged = "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 6.6.6.6\r\n\
                  X-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\n\
                  X-Original-URL: /evil\r\nConnection: close\r\n\r\n";
    let seen = gateway.ask(forged).await;
    assert!(
        !seen.contains("evil") && !seen.contains("6.6.6.6"),
        "{seen}"
    );
    for line in [
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-host: shop.test\r\n",
        "x-forwarded-proto: http\r\n",
    ] {
        assert!(seen.contains(line), "{seen}");
    }

    let gateway = Gateway::with(echo().await, GatewayBuilder::trust_forwarded).await;
    let seen = gateway.ask(forged).await;
    assert!(
        seen.contains("x-forwarded-for: 6.6.6.6, 127.0.0.1\r\n"),
        "{seen}"
    );
    assert!(seen.contains("x-forwarded-host: evil.test\r\n"), "{seen}");
}

#[tokio::test]
async fn the_upstream_gets_its_own_host_or_the_clients_as_configured() {
    let upstream = echo().await;
    let seen = Gateway::before(upstream).await.get("/").await;
    assert!(seen.contains(&format!("\nhost: {upstream}\r\n")), "{seen}");
    let gateway = Gateway::with(upstream, GatewayBuilder::preserve_host).await;
    let seen = gateway.get("/").await;
    assert!(seen.contains("\nhost: shop.test\r\n"), "{seen}");
}

#[tokio::test]
async fn the_authority_of_an_absolute_url_takes_precedence_over_host() {
    let gateway = Gateway::with(echo().await, GatewayBuilder::preserve_host).await;
    let seen = gateway
        .ask(
            "GET http://real.test:81/x?y HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n",
        )
        .await;
    assert!(seen.contains("get /x?y http/1.1\r\n"), "{seen}");
    assert!(seen.contains("\nhost: real.test:81\r\n"), "{seen}");
}

#[tokio::test]
async fn options_about_the_whole_server_are_passed_on() {
    let gateway = Gateway::before(echo().await).await;
    let seen = gateway
        .ask("OPTIONS * HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
        .await;
    assert!(seen.contains("options * http/1.1\r\n"), "{seen}");
}

#[tokio::test]
async fn an_old_client_needs_no_host() {
    let gateway = Gateway::before(always(OK).await).await;
    let seen = gateway.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.0 200 "), "{seen}");
}

#[tokio::test]
async fn a_request_in_a_loop_is_stopped() {
    let gateway = Gateway::before(echo().await).await;
    let round = "Via: 1.1 scrimp-gateway, 1.1 other\r\n";
    let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{}\r\n", round.repeat(4));
    let seen = gateway.ask(&head).await;
    assert!(seen.starts_with("HTTP/1.1 508 "), "{seen}");
}

#[tokio::test]
async fn a_name_with_an_underscore_does_not_reach_the_upstream() {
    let gateway = Gateway::with(echo().await, GatewayBuilder::trust_forwarded).await;
    let seen = gateway
        .ask(
            "GET / HTTP/1.1\r\nHost: shop.test\r\nX_Original_URL: /evil\r\nX_Tier: evil\r\n\
             X-Real_IP: evil\r\nContent_Length: 4\r\nX-Kept: 1\r\nConnection: close\r\n\r\n",
        )
        .await;
    let (_, echoed) = seen.split_once("\r\n\r\n").unwrap();
    assert!(!echoed.contains('_') && !echoed.contains("evil"), "{seen}");
    assert!(echoed.contains("x-kept: 1\r\n"), "{seen}");
}

#[tokio::test]
async fn a_request_that_a_cgi_program_takes_for_another_is_not_stored() {
    // WSGI and PHP read names with `_` for `-`, and use the last one.
    let program = upstream(async |mut wire: Wire| {
        loop {
            let head = wire.head().await.to_lowercase().replace('_', "-");
            if head.is_empty() {
                break;
            }
            let page = if head.contains("x-original-url") {
                "evil"
            } else {
                "home"
            };
            let answer =
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\n";
            wire.write(format!("{answer}{page}")).await;
        }
    })
    .await;
    let gateway = Gateway::before(program).await;
    for field in ["X_Original_URL", "X-Original_URL", "x_original-url"] {
        let forged = format!(
            "GET / HTTP/1.1\r\nHost: shop.test\r\n{field}: /evil\r\nConnection: close\r\n\r\n"
        );
        gateway.ask(&forged).await;
        let seen = gateway.get("/").await;
        assert!(seen.ends_with("home"), "{field}: {seen}");
    }
}

#[tokio::test]
async fn a_response_to_a_get_with_a_chunked_body_answers_no_other_get() {
    let search = upstream(async |mut wire: Wire| {
        loop {
            let head = wire.head().await.to_lowercase();
            if head.is_empty() {
                break;
            }
            let chunked = head.contains("transfer-encoding: chunked");
            if chunked {
                wire.until("0\r\n\r\n").await;
            }
            let page = if chunked { "evil" } else { "home" };
            let answer =
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\n";
            wire.write(format!("{answer}{page}")).await;
        }
    })
    .await;
    let gateway = Gateway::before(search).await;
    let fat = "GET / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\
               Connection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert!(gateway.ask(fat).await.ends_with("evil"));
    let seen = gateway.get("/").await;
    assert!(seen.ends_with("home"), "{seen}");
}
