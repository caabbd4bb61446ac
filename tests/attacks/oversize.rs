//! Oversized targets and fields.

use scrimp_tests::{Rig, layer, reply};

#[tokio::test]
async fn the_longest_targets_are_told_apart_to_their_last_byte() {
    let rig = Rig::reflecting(layer(&[]));
    let long = "x".repeat(60_000);
    rig.get(&format!("/{long}?a")).await;
    for other in [
        format!("/{long}?b"),
        format!("/{long}a"),
        format!("/{long}"),
    ] {
        assert!(!rig.get(&other).await.is_hit());
    }
}

#[tokio::test]
async fn a_long_target_pays_for_its_own_memory() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |_| reply(200, &[], "x"));
    let limit = 1 << 20;
    for n in 0..200 {
        rig.get(&format!("/{n}/{}", "x".repeat(50_000))).await;
        let stats = rig.layer.store().stats();
        assert!(stats.bytes <= limit, "{stats:?}");
    }
    assert!(rig.layer.store().stats().evicted > 150);
}

#[tokio::test]
async fn the_error_for_an_oversized_field_reaches_no_other_client() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |parts| {
        let size: usize = parts.headers.values().map(http::HeaderValue::len).sum();
        match size > 8_000 {
            true => reply(431, &[("cache-control", "max-age=60")], "too large"),
            false => reply(200, &[], "page"),
        }
    });
    let padding = "x".repeat(20_000);
    let seen = rig.ask("GET", "/", &[("x-padding", &padding)]).await;
    assert_eq!(seen.status.as_u16(), 431);
    assert_eq!(rig.get("/").await.text(), "page");
}

#[tokio::test]
async fn the_size_of_a_response_includes_its_fields() {
    let rig = Rig::new(layer(&[]), |_| {
        let value = "x".repeat(40_000);
        let fields = [("cache-control", "max-age=60"), ("x-large", &value)];
        reply(200, &fields, "x")
    });
    for n in 0..200 {
        rig.get(&format!("/{n}")).await;
    }
    let stats = rig.layer.store().stats();
    assert!(
        stats.entries < 30 && stats.peak_bytes <= 1 << 20,
        "{stats:?}"
    );
}
