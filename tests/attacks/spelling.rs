//! Spellings that RFC 3986 calls equivalent and that upstreams still treat differently: a router
//! that compares before it decodes has no route for `/%70roducts`.

use scrimp_tests::{Rig, layer, reply};

/// Makes an upstream that compares paths byte by byte, and allows caches to store its errors.
fn literal() -> Rig {
    Rig::new(layer(&[]), |parts| {
        let (status, body) = match parts.uri.path() {
            "/products" => (200, "products"),
            _ => (404, "no such page"),
        };
        reply(status, &[("cache-control", "max-age=60")], body)
    })
}

const SPELLINGS: [&str; 5] = [
    "/%70roducts",
    "/./products",
    "/x/../products",
    "/%2e/products",
    "/product%73",
];

#[tokio::test]
async fn a_response_to_one_spelling_does_not_answer_another() {
    for spelling in SPELLINGS {
        let rig = literal();
        let wrong = rig.get(spelling).await;
        assert_eq!(wrong.text(), "no such page", "{spelling}");
        let right = rig.get("/products").await;
        assert_eq!(
            (right.status.as_u16(), right.text()),
            (200, "products"),
            "{spelling}"
        );
        assert!(rig.get("/products").await.is_hit(), "{spelling}");
    }
}

#[tokio::test]
async fn a_flood_of_spellings_replaces_one_entry_and_never_the_plain_one() {
    let rig = literal();
    rig.get("/products").await;
    let word = "products";
    for bits in 1..1u32 << word.len() {
        let spelled: String = word
            .bytes()
            .enumerate()
            .map(|(at, byte)| match bits >> at & 1 {
                0 => char::from(byte).to_string(),
                _ => format!("%{byte:02x}"),
            })
            .collect();
        assert!(rig.get(&format!("/{spelled}")).await.is_hit(), "{spelled}");
    }
    assert_eq!(rig.upstream.calls(), 1);
    assert!(rig.get("/products").await.is_hit());
}
