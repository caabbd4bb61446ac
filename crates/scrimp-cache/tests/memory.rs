//! The capacity of a store.

mod common;

use bytes::Bytes;
use common::{Fields, Rig, layer, minute, reply};
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, MemoryStore, Store};
use scrimp_testkit::{Gate, Reply, ScriptedBody};

const KIB: u64 = 1024;

fn kept(body: ScriptedBody) -> Reply {
    let mut response = http::Response::new(body);
    response
        .headers_mut()
        .insert("cache-control", "max-age=60".parse().expect("a value"));
    Reply::respond(response)
}

#[tokio::test]
async fn the_store_never_holds_more_than_its_limit() {
    let limit = 256 * KIB;
    let layer = CacheLayer::builder(MemoryStore::new(limit));
    let rig = Rig::answering(layer, |_| minute(&"x".repeat(5_000)));
    for n in 0..2_000 {
        rig.get(&format!("/{n}")).await;
        if n % 100 == 0 {
            let stats = rig.store.stats();
            assert!(stats.bytes + stats.fill_bytes <= limit, "{stats:?}");
        }
    }
    let stats = rig.store.stats();
    assert!(stats.peak_bytes <= limit, "{stats:?}");
    assert!(stats.entries > 20 && stats.evicted > 1_000, "{stats:?}");
}

#[tokio::test]
async fn responses_on_their_way_have_a_reserve_and_then_take_the_place_of_entries() {
    let limit = 1024 * KIB;
    let layer = CacheLayer::builder(MemoryStore::new(limit));
    let rig = Rig::answering(layer, |_| minute(&"x".repeat(4_000)));
    for n in 0..400 {
        rig.get(&format!("/{n}")).await;
    }
    let full = rig.store.stats();
    let mut held = rig.store.budget().hold();
    assert!(held.grow_to(30 * KIB), "within 3 % of the limit");
    assert_eq!(rig.store.stats().evicted, full.evicted);
    assert!(held.grow_to(128 * KIB), "within one eighth of it");
    let stats = rig.store.stats();
    assert!(stats.evicted > full.evicted, "{stats:?}");
    assert!(stats.bytes + stats.fill_bytes <= limit, "{stats:?}");
    assert!(!held.grow_to(128 * KIB + 1), "no more than one eighth");
    drop(held);
    for n in 1_000..1_010 {
        rig.get(&format!("/{n}")).await;
    }
    let after = rig.store.stats();
    assert_eq!((after.fill_bytes, after.evicted), (0, stats.evicted));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_took_long_outlasts_many_that_took_less() {
    let layer = CacheLayer::builder(MemoryStore::new(256 * KIB));
    let rig = Rig::answering(layer, |_| {
        let fields = [("cache-control", "max-age=3600")];
        reply(200, &fields, &"x".repeat(4_000)).delay(std::time::Duration::from_millis(1))
    });
    for n in 0..20 {
        let uri = format!("/slow/{n}");
        tokio::join!(rig.get(&uri), async { rig.wait(2) });
    }
    for n in 0..400 {
        rig.get(&format!("/{n}")).await;
    }
    let mut hits = 0;
    for n in 0..20 {
        hits += usize::from(rig.get(&format!("/slow/{n}")).await.is_hit());
    }
    assert_eq!(hits, 20);
}

#[tokio::test]
async fn bytes_count_key_fields_and_body() {
    let rig = Rig::answering(layer(), |parts| {
        let size = parts
            .uri
            .query()
            .map_or(0, |q| q.parse().expect("a number"));
        let long = "v".repeat(2_000);
        let fields = [("cache-control", "max-age=60"), ("x-long", &*long)];
        reply(200, &fields, &"x".repeat(size))
    });
    let mut before = rig.store.stats().bytes;
    let mut grown = async |uri: &str| {
        rig.get(uri).await;
        let now = rig.store.stats().bytes;
        let grown = now - before;
        before = now;
        grown
    };
    // From then on, the names are known, and what a response has in common with others.
    for uri in ["/x?1", "/y?1"] {
        grown(uri).await;
    }
    let small = grown("/a?1").await;
    assert!(small > 2_000, "{small}");
    // This is the body, and four digits more in the key and in Content-Length. The name for globs is
    // in the memory of the key.
    assert_eq!(grown("/b?10001").await - small, 10_000 + 2 * 4);
    // The length of a long part takes four bytes more.
    assert_eq!(
        grown(&format!("/{}?1", "p".repeat(1_000))).await - small,
        999 + 4
    );
}

#[tokio::test]
async fn a_body_past_the_limit_streams_through_unkept() {
    let store = MemoryStore::builder(1 << 20).max_body(100).build().unwrap();
    for announced in [true, false] {
        let rig = Rig::answering(CacheLayer::builder(store.clone()), move |_| {
            let body = ScriptedBody::new()
                .data(vec![b'x'; 80])
                .data(vec![b'y'; 80]);
            kept(if announced { body.sized() } else { body })
        });
        for _ in 0..2 {
            let answer = rig.get("/").await;
            assert_eq!(answer.body.len(), 160);
            assert!(!answer.is_hit());
        }
        assert_eq!(rig.store.stats().fill_bytes, 0);
    }
}

#[tokio::test]
async fn answers_coming_in_share_a_budget_and_give_it_back() {
    let gate = Gate::new();
    let layer = CacheLayer::builder(MemoryStore::new(80 * KIB));
    let rig = {
        let gate = gate.clone();
        Rig::answering(layer, move |_| {
            kept(
                ScriptedBody::new()
                    .data(vec![b'x'; 6_000])
                    .gate(&gate)
                    .data(Bytes::from("y")),
            )
        })
    };
    let mut bodies = Vec::new();
    for n in 0..4 {
        let request = common::request("GET", &format!("/{n}"), &[]);
        let mut body = rig.open(request).await.expect("an answer").into_body();
        body.frame().await.expect("a frame").expect("data");
        bodies.push(body);
    }
    // There is room for one: 10 KiB, an eighth of the limit.
    assert_eq!(rig.store.stats().fill_bytes, 6_000);
    gate.open();
    for body in bodies {
        assert_eq!(body.collect().await.expect("a body").to_bytes().len(), 1);
    }
    assert_eq!(rig.store.stats().fill_bytes, 0);
    assert!(rig.get("/0").await.is_hit());
    assert!(!rig.get("/1").await.is_hit());
}

#[tokio::test]
async fn a_reader_that_stalls_does_not_hold_what_was_announced() {
    let gate = Gate::new();
    let announced: u64 = 1 << 20;
    let rig = {
        let gate = gate.clone();
        Rig::answering(
            CacheLayer::builder(MemoryStore::new(10 << 20)),
            move |parts| {
                if parts.uri.path() == "/other" {
                    return minute("other");
                }
                let rest = vec![b'y'; (1 << 20) - 1];
                let body = ScriptedBody::new().data("x").gate(&gate).data(rest);
                kept(body.sized())
            },
        )
    };
    let mut body = rig
        .open(common::request("GET", "/slow", &[]))
        .await
        .expect("an answer")
        .into_body();
    body.frame().await.expect("a frame").expect("data");
    assert!(rig.store.stats().fill_bytes <= 64 * KIB);
    gate.open();
    assert_eq!(
        body.collect().await.expect("a body").to_bytes().len() as u64,
        announced - 1
    );
    assert!(rig.get("/slow").await.is_hit());
}

#[tokio::test]
async fn a_body_dropped_half_way_gives_its_memory_back() {
    let rig = Rig::answering(layer(), |_| {
        kept(ScriptedBody::new().data(vec![b'x'; 600]).data("y"))
    });
    let mut body = rig
        .open(common::request("GET", "/", &[]))
        .await
        .expect("an answer")
        .into_body();
    body.frame().await.expect("a frame").expect("data");
    assert!(rig.store.stats().fill_bytes > 0);
    drop(body);
    assert_eq!(
        (rig.store.stats().fill_bytes, rig.store.stats().entries),
        (0, 0)
    );
}

#[tokio::test]
async fn variants_of_one_key_are_bounded() {
    let rig = Rig::answering(layer(), |_| {
        reply(
            200,
            &[("cache-control", "max-age=60"), ("vary", "x-any")],
            "x",
        )
    });
    for n in 0..500 {
        rig.get_with("/", &[("x-any", &n.to_string())]).await;
    }
    let stats = rig.store.stats();
    assert_eq!(stats.entries, 1);
    assert!(stats.bytes < 96 * KIB, "{stats:?}");
    assert!(rig.get_with("/", &[("x-any", "499")]).await.is_hit());
}

#[tokio::test]
async fn a_variant_there_is_no_room_for_leaves_the_others_alone() {
    let rig = Rig::answering(CacheLayer::builder(MemoryStore::new(80 * KIB)), |_| {
        let fields = [("cache-control", "max-age=60"), ("vary", "x-any")];
        reply(200, &fields, &"x".repeat(8_000))
    });
    let ask = async |n: usize| {
        rig.get_with("/", &[("x-any", &n.to_string())])
            .await
            .is_hit()
    };
    for n in 0..20 {
        ask(n).await;
    }
    let mut kept = 0;
    for n in 0..20 {
        kept += usize::from(ask(n).await);
    }
    assert!((6..=8).contains(&kept), "{kept}");
}

#[tokio::test]
async fn what_is_replaced_is_gone_though_its_successor_finds_no_room() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let rig = Rig::answering(CacheLayer::builder(MemoryStore::new(80 * KIB)), move |_| {
        // The first fits; the fields of the next alone exceed the limit.
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        let long = "v".repeat(if first { 1 } else { 100_000 });
        let fields = [("cache-control", "max-age=60"), ("x-long", &*long)];
        reply(200, &fields, "x")
    });
    rig.get("/").await;
    assert!(rig.get("/").await.is_hit());
    let reload = rig.get_with("/", &[("cache-control", "no-cache")]).await;
    assert!(!reload.is_hit());
    assert!(!rig.get("/").await.is_hit(), "the first is outdated");
    assert_eq!(rig.store.stats().entries, 0);
}

#[tokio::test]
async fn entries_that_have_expired_make_room_first_and_the_peak_is_the_most_that_was_held() {
    let layer = CacheLayer::builder(MemoryStore::new(1 << 20));
    let rig = Rig::answering(layer, |parts| {
        match parts.uri.path().starts_with("/short") {
            true => minute(&"x".repeat(8_000)),
            false => reply(
                200,
                &[("cache-control", "max-age=6000")],
                &"x".repeat(8_000),
            ),
        }
    });
    for n in 0..45 {
        rig.get(&format!("/long{n}")).await;
        rig.get(&format!("/short{n}")).await;
    }
    let full = rig.store.stats();
    assert_eq!((full.entries, full.evicted), (90, 0));
    assert_eq!(full.peak_bytes, full.bytes);
    assert!(
        full.bytes >= 90 * 8_000 && full.peak_bytes <= 1 << 20,
        "{full:?}"
    );
    // Past their lifetime without a validator, the short ones are worth nothing.
    rig.wait(120);
    for n in 0..45 {
        rig.get(&format!("/new/long{n}")).await;
    }
    for n in 0..45 {
        assert!(rig.get(&format!("/long{n}")).await.is_hit(), "{n}");
    }
    let after = rig.store.stats();
    assert!(after.evicted >= 10 && after.entries <= 125, "{after:?}");
    assert!(
        (full.peak_bytes..=1 << 20).contains(&after.peak_bytes),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_replaced_response_stays_counted_for_its_tenant() {
    let store = MemoryStore::builder(1 << 20).max_keys_per_tenant(2);
    let rig = Rig::answering(CacheLayer::builder(store.build().unwrap()), |_| minute("x"));
    let ask = async |uri: &str, fields: Fields<'_>| rig.get_with(uri, fields).await.is_hit();
    for uri in ["/1", "/2"] {
        ask(uri, &[]).await;
    }
    for _ in 0..5 {
        // Asks for a response anew, which replaces the one that is stored.
        assert!(!ask("/1", &[("cache-control", "no-cache")]).await);
        assert!(!ask("/3", &[]).await);
    }
    assert!(!ask("/3", &[]).await, "a third key finds no room");
    assert!(ask("/1", &[]).await && ask("/2", &[]).await);
    assert_eq!(rig.store.stats().entries, 2);
}

#[tokio::test]
async fn a_tenant_has_so_many_keys_and_no_more() {
    let store = MemoryStore::builder(1 << 20).max_keys_per_tenant(2);
    let layer = CacheLayer::builder(store.build().unwrap());
    let rig = Rig::answering(layer, |_| minute("x"));
    let stats = rig.layer.clone();
    let invalidator = rig.layer.invalidator();
    let ask = async |tenant: &str, uri: &str| {
        let mut request = common::request("GET", uri, &[]);
        let tenant = scrimp_core::extensions::Tenant(std::sync::Arc::from(tenant));
        request.extensions_mut().insert(tenant);
        rig.send(request).await.expect("an answer").is_hit()
    };
    for uri in ["/1", "/2", "/3"] {
        ask("greedy", uri).await;
    }
    ask("modest", "/1").await;
    assert!(ask("greedy", "/1").await && ask("greedy", "/2").await && ask("modest", "/1").await);
    assert!(!ask("greedy", "/3").await, "there is no room for it");
    assert_eq!(stats.stats().store_full, 2);
    invalidator.invalidate(&scrimp_cache::Invalidation::uri(
        "/1".parse().expect("a URI"),
    ));
    assert!(
        !ask("greedy", "/1").await,
        "which removes it, and stores it anew"
    );
    assert!(ask("greedy", "/1").await && !ask("greedy", "/3").await);
}
