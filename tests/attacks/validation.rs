//! Validators with false claims.

use scrimp_tests::{Fields, Rig, layer, reply};

const V1: [(&str, &str); 2] = [("cache-control", "max-age=60"), ("etag", "\"v1\"")];
const NO_CACHE: Fields<'_> = &[("cache-control", "no-cache")];

#[tokio::test]
async fn a_304_to_a_clients_own_condition_is_not_stored() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |parts| {
        match parts.headers.contains_key("if-none-match") {
            true => reply(304, &V1, ""),
            false => reply(200, &V1, "page"),
        }
    });
    let own = rig.ask("GET", "/", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!(own.status, 304);
    let page = rig.get("/").await;
    assert_eq!((page.status.as_u16(), page.text()), (200, "page"));
}

#[tokio::test]
async fn a_clients_condition_never_replaces_the_stored_validator() {
    let rig = Rig::new(layer(&[]), |parts| {
        // An upstream that responds with 304 to any tag.
        match parts.headers.contains_key("if-none-match") {
            true => reply(304, &[("cache-control", "max-age=60")], ""),
            false => reply(200, &V1, "page"),
        }
    });
    rig.get("/").await;
    let forged: Fields<'_> = &[
        ("if-none-match", "\"forged\""),
        ("cache-control", "no-cache"),
    ];
    let answer = rig.ask("GET", "/", forged).await;
    assert_eq!(answer.text(), "page", "the condition was not met");
    let asked = &rig.upstream.requests()[1].headers["if-none-match"];
    assert_eq!(asked, "\"v1\"");
    let next = rig.get("/").await;
    assert!(next.is_hit() && next.header("etag") == "\"v1\"");
}

#[tokio::test]
async fn a_304_cannot_change_fields_that_describe_the_stored_body() {
    let lies = [
        ("cache-control", "max-age=60"),
        ("etag", "\"v1\""),
        ("content-length", "1"),
        ("content-encoding", "gzip"),
        ("content-range", "bytes 0-0/4"),
        ("transfer-encoding", "chunked"),
        ("content-type", "text/plain"),
    ];
    let answers = [reply(200, &V1, "page"), reply(304, &lies, "")];
    let rig = Rig::script(layer(&[]), answers);
    rig.get("/").await;
    rig.ask("GET", "/", NO_CACHE).await;
    let page = rig.get("/").await;
    assert!(page.is_hit() && page.text() == "page");
    for name in ["content-encoding", "content-range", "transfer-encoding"] {
        assert_eq!(page.header(name), "", "{name}");
    }
    assert!(["", "4"].contains(&page.header("content-length")));
}

#[tokio::test]
async fn a_304_that_becomes_private_removes_the_stored_response() {
    let private = [("cache-control", "private"), ("etag", "\"v1\"")];
    let answers = [
        reply(200, &V1, "page"),
        reply(304, &private, ""),
        reply(200, &V1, "new"),
    ];
    let rig = Rig::script(layer(&[]), answers);
    rig.get("/").await;
    rig.ask("GET", "/", NO_CACHE).await;
    assert_eq!(rig.get("/").await.text(), "new");
}

#[tokio::test]
async fn a_304_does_not_pass_its_cookie_to_other_clients() {
    let cookie = [("set-cookie", "session=alice"), ("etag", "\"v1\"")];
    let answers = [
        reply(200, &V1, "page"),
        reply(304, &cookie, ""),
        reply(200, &V1, "new"),
    ];
    let rig = Rig::script(layer(&[]), answers);
    rig.get("/").await;
    rig.ask("GET", "/", NO_CACHE).await;
    assert_eq!(rig.get("/").await.header("set-cookie"), "");
}
