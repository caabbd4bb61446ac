//! Parts that claim to be the whole response.

use scrimp_tests::{Fields, Rig, layer, reply};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

#[tokio::test]
async fn a_part_is_never_stored_with_any_status() {
    let part = ("content-range", "bytes 0-0/4");
    for (status, fields) in [
        (206, &[MINUTE, part][..]),
        (206, &[MINUTE]),
        (200, &[MINUTE, part]),
    ] {
        let fields: Vec<_> = fields.to_vec();
        let rig = Rig::new(layer(&["path=/** ttl=1h"]), move |parts| {
            match parts.headers.contains_key("range") {
                true => reply(status, &fields, "p"),
                false => reply(200, &[MINUTE], "page"),
            }
        });
        let range = rig.ask("GET", "/", &[("range", "bytes=0-0")]).await;
        assert_eq!(range.text(), "p");
        let page = rig.get("/").await;
        assert!(!page.is_hit() && page.text() == "page", "{status}");
    }
}

#[tokio::test]
async fn an_unsatisfiable_range_is_not_stored_as_an_error_for_all() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |parts| {
        match parts.headers.contains_key("range") {
            true => reply(416, &[MINUTE], ""),
            false => reply(200, &[MINUTE], "page"),
        }
    });
    let refused = rig.ask("GET", "/", &[("range", "bytes=9-")]).await;
    assert_eq!(refused.status, 416);
    assert_eq!(rig.get("/").await.text(), "page");
}

#[tokio::test]
async fn a_condition_on_another_version_gets_the_whole_current_one() {
    let rig = Rig::new(layer(&[]), |_| {
        reply(200, &[MINUTE, ("etag", "\"v2\"")], "page")
    });
    rig.get("/").await;
    for (condition, body) in [("\"v1\"", "page"), ("W/\"v2\"", "page"), ("\"v2\"", "p")] {
        let fields: Fields<'_> = &[("range", "bytes=0-0"), ("if-range", condition)];
        let answer = rig.ask("GET", "/", fields).await;
        assert!(answer.is_hit());
        assert_eq!(answer.text(), body, "{condition}");
    }
    assert_eq!(
        rig.get("/").await.text(),
        "page",
        "the whole response stays in store"
    );
}

#[tokio::test]
async fn ranges_that_multiply_a_response_get_it_once() {
    let rig = Rig::new(layer(&[]), |_| reply(200, &[MINUTE], &"x".repeat(1000)));
    rig.get("/").await;
    let many = format!("bytes={}", vec!["0-"; 500].join(","));
    let overlapping = "bytes=0-999,1-999,2-999";
    for range in [many.as_str(), overlapping] {
        let answer = rig.ask("GET", "/", &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 1000));
    }
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_not_stored() {
    let rig = Rig::new(layer(&[]), |_| {
        reply(200, &[MINUTE, ("content-length", "9")], "page")
    });
    rig.get("/").await;
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_body_that_contains_boundaries_is_split_by_another_one() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |_| {
        reply(200, &[], "0123456789")
    });
    rig.get("/").await;
    let two = [("range", "bytes=0-1,5-6")];
    let mut seen = std::collections::HashSet::new();
    for _ in 0..8 {
        let kind = rig
            .ask("GET", "/", &two)
            .await
            .header("content-type")
            .to_owned();
        assert!(seen.insert(kind), "a predictable boundary");
    }
}
