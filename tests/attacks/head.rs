//! HEAD and GET share a key; neither may answer for the other without the needed facts.

use scrimp_tests::{Rig, layer, reply};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

#[tokio::test]
async fn the_empty_response_to_head_does_not_answer_get() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |parts| {
        let body = if parts.method == "HEAD" { "" } else { "page" };
        reply(200, &[MINUTE], body)
    });
    let head = rig.ask("HEAD", "/", &[]).await;
    assert!(!head.is_stored() && head.body.is_empty());
    let page = rig.get("/").await;
    assert!(!page.is_hit());
    assert_eq!(page.text(), "page");
}

#[tokio::test]
async fn a_head_answered_from_store_has_no_body_and_the_lengths_of_get() {
    let rig = Rig::new(layer(&[]), |_| reply(200, &[MINUTE], "page"));
    rig.get("/").await;
    let head = rig.ask("HEAD", "/", &[]).await;
    assert!(head.is_hit() && head.body.is_empty());
    assert_eq!(rig.get("/").await.text(), "page");
}

#[tokio::test]
async fn an_error_to_head_does_not_replace_a_page() {
    for status in [404, 405, 500, 503] {
        let rig = Rig::new(layer(&[]), move |parts| match parts.method.as_str() {
            "HEAD" => reply(status, &[MINUTE], ""),
            _ => reply(200, &[MINUTE], "page"),
        });
        rig.get("/").await;
        let forced = [("cache-control", "no-cache")];
        rig.ask("HEAD", "/", &forced).await;
        let page = rig.get("/").await;
        assert_eq!((page.status.as_u16(), page.text()), (200, "page"));
    }
}

#[tokio::test]
async fn methods_that_look_like_get_are_not() {
    let rig = Rig::reflecting(layer(&["path=/** ttl=1h"]));
    for method in ["get", "GETS", "OPTIONS", "PROPFIND", "POST", "TRACE"] {
        rig.ask(method, "/", &[]).await;
        assert!(!rig.ask(method, "/", &[]).await.is_hit(), "{method}");
    }
    assert!(!rig.get("/").await.is_hit());
}
