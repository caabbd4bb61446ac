//! Calls that are made because Redis does not answer, in the counts and in the ledger.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, MemoryStore, Tiered};
use scrimp_core::{Ledger, Line};
use scrimp_redis::{RedisClient, RedisStore};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

use crate::{rig::SOON, server::Server};

fn line(ledger: &Ledger, layer: &str) -> Option<Line> {
    ledger.lines().into_iter().find(|line| line.layer == layer)
}

#[tokio::test]
async fn calls_that_are_made_without_redis_are_counted_and_priced() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let client = RedisClient::builder([server.url()]).health_interval(Duration::from_millis(100));
    let client = client.build().expect("settings");
    let (ledger, store) = (Ledger::new(), RedisStore::new(&client));
    let layer = CacheLayer::builder(Tiered::new(MemoryStore::new(1 << 20), store))
        .price("0.01")
        .ledger(ledger.clone())
        .build()
        .expect("settings");
    let (upstream, _) = Scripted::answering(|_| {
        let body = ScriptedBody::new().data("an answer").sized();
        let response = Response::builder().header("cache-control", "max-age=60");
        Reply::respond(response.body(body).expect("a response"))
    });
    let cache = layer.layer(upstream);
    let get = async |path: &str| {
        let request = Request::get(format!("http://a.example{path}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = cache.clone().oneshot(request).await.expect("no error");
        response.into_body().collect().await.expect("a body");
    };
    client.connected().await;
    // The machine may be too busy for the first ones.
    let mut number = 0;
    let mut calls_before = 0;
    let settles = async {
        while layer.stats().misses == layer.stats().degraded {
            get(&format!("/before/{number}")).await;
            number += 1;
            calls_before = layer.stats().degraded;
        }
    };
    timeout(SOON, settles).await.expect("Redis answers");
    server.kill();
    for number in 0..3 {
        get(&format!("/without/{number}")).await;
    }
    // Memory has it: no call, and none because of Redis.
    get("/without/0").await;
    assert_eq!(layer.stats().degraded - calls_before, 3);
    let degraded = line(&ledger, "cache-degraded").expect("it is booked");
    assert_eq!(degraded.calls_made, layer.stats().degraded);
    let cents = i128::from(layer.stats().degraded) * 10_000_000_000;
    assert_eq!(degraded.spent.pico(), cents);
    // The totals count each call once.
    let all = line(&ledger, "cache").expect("it is booked");
    assert_eq!(ledger.totals().calls_made, all.calls_made);
    assert_eq!(ledger.totals().spent.iter().next(), Some(all.spent));
    server.restart();
    client.connected().await;
    let mut last = layer.stats().degraded;
    let recovers = async {
        loop {
            get(&format!("/after/{number}")).await;
            number += 1;
            match layer.stats().degraded {
                now if now == last => break,
                now => last = now,
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, recovers).await.expect("Redis answers again");
}
