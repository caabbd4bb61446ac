//! Memory that a client could fill with varying requests.

use scrimp::cache::{CacheLayer, MemoryStore};
use scrimp_tests::{Rig, layer, reply};

const BY_AGENT: [(&str, &str); 2] = [("cache-control", "max-age=60"), ("vary", "user-agent")];

#[tokio::test]
async fn variants_of_one_key_are_bounded_in_number() {
    let rig = Rig::new(layer(&[]), |_| reply(200, &BY_AGENT, "x"));
    for n in 0..1000 {
        let agent = format!("agent {n}");
        rig.ask("GET", "/", &[("user-agent", &agent)]).await;
    }
    let mut kept = 0;
    for n in 0..1000 {
        let agent = format!("agent {n}");
        let fields = [("user-agent", &*agent), ("cache-control", "only-if-cached")];
        kept += u32::from(rig.ask("GET", "/", &fields).await.is_hit());
    }
    assert!((1..=32).contains(&kept), "{kept}");
    assert_eq!(rig.layer.stats().store.entries, 1);
}

#[tokio::test]
async fn variants_and_their_fields_count_towards_the_memory() {
    let limit = 256 << 10;
    let rig = Rig::new(CacheLayer::new(MemoryStore::new(limit)), |_| {
        reply(200, &BY_AGENT, &"x".repeat(1000))
    });
    for n in 0..2000 {
        let agent = format!("{n:04000}");
        let uri = format!("/{}", n % 50);
        rig.ask("GET", &uri, &[("user-agent", &agent)]).await;
    }
    let stats = rig.layer.stats().store;
    assert!(stats.peak_bytes <= limit, "{stats:?}");
    assert_eq!(stats.fill_bytes, 0);
}

#[tokio::test]
async fn a_response_that_varies_on_everything_answers_no_other_request() {
    let rig = Rig::new(layer(&["path=/** ttl=1h"]), |_| {
        reply(200, &[("vary", "*")], "x")
    });
    rig.get("/").await;
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn invented_fields_do_not_separate_responses_that_do_not_vary_on_them() {
    let fields = [("cache-control", "max-age=60")];
    let rig = Rig::new(layer(&[]), move |_| reply(200, &fields, "x"));
    for n in 0..100 {
        let value = n.to_string();
        rig.ask("GET", "/", &[("x-bust", &value)]).await;
    }
    assert_eq!(rig.upstream.calls(), 1);
}
