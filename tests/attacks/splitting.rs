//! Line ends in places where none is allowed.

use http::{HeaderValue, Uri};
use scrimp_tests::{Rig, builder, layer, reply};

#[test]
fn a_field_value_cannot_contain_a_line_end() {
    for value in ["a\r\nb: c", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderValue::from_bytes(value.as_bytes()).is_err());
    }
}

#[test]
fn a_target_cannot_contain_a_line_end() {
    for target in ["/a\r\nb", "/a\nb", "/a b", "/a\0"] {
        assert!(target.parse::<Uri>().is_err(), "{target:?}");
    }
}

#[tokio::test]
async fn an_escaped_line_end_stays_escaped_in_all_output_of_the_cache() {
    let uri = "/%0d%0aset-cookie:%20a=b?%0d%0a";
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |parts| {
        let target = parts.uri.to_string();
        reply(
            200,
            &[("cache-control", "max-age=60"), ("link", &target)],
            "x",
        )
    });
    for _ in 0..2 {
        let answer = rig.get(uri).await;
        assert_eq!(answer.header("link"), uri);
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(rig.upstream.requests()[0].uri, uri, "also for the upstream");
}

#[tokio::test]
async fn the_caches_name_is_quoted_correctly() {
    let rig = Rig::reflecting(builder(&[]).name("odd \"name\"; hit").build().unwrap());
    let said = rig.get("/").await.header("cache-status").to_owned();
    assert!(said.starts_with(r#""odd \"name\"; hit""#), "{said}");
    let refused = builder(&[]).name("odd\r\n").build().unwrap_err();
    assert!(refused.to_string().contains("`name`"), "{refused}");
}

#[tokio::test]
async fn responses_with_two_lengths_are_not_stored() {
    let rig = Rig::new(layer(&[]), |_| {
        let fields = [
            ("cache-control", "max-age=60"),
            ("content-length", "4"),
            ("content-length", "9"),
        ];
        reply(200, &fields, "page")
    });
    rig.get("/").await;
    assert!(!rig.get("/").await.is_hit());
}
