//! Clients that are dropped.

use scrimp_testkit::{Gate, Reply, ScriptedBody};
use scrimp_tests::{Rig, layer, reply, request};

use http::Response;
use http_body_util::BodyExt;

const MINUTE: [(&str, &str); 1] = [("cache-control", "max-age=60")];

fn halting(gate: &Gate) -> Reply {
    let body = ScriptedBody::new().data("first").gate(gate).data("last");
    let mut response = Response::new(body);
    let value = http::HeaderValue::from_static("max-age=60");
    response.headers_mut().insert("cache-control", value);
    Reply::respond(response)
}

#[tokio::test(start_paused = true)]
async fn a_client_dropped_before_the_head_ends_its_call_and_no_other() {
    let gate = Gate::new();
    let answers = [
        reply(200, &MINUTE, "late").gate(&gate),
        reply(200, &MINUTE, "next"),
    ];
    let rig = Rig::script(layer(&[]), answers);
    let cache = rig.cache.clone();
    let gone = tokio::spawn(tower::ServiceExt::oneshot(cache, request("GET", "/", &[])));
    gate.reached(1).await;
    gone.abort();
    assert!(gone.await.is_err());
    assert_eq!((rig.upstream.abandoned(), rig.upstream.in_flight()), (1, 0));
    assert_eq!(rig.get("/").await.text(), "next");
    assert!(rig.get("/").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn a_client_dropped_within_the_body_frees_the_memory_and_stores_nothing() {
    let gate = Gate::new();
    let rig = Rig::script(layer(&[]), [halting(&gate), reply(200, &MINUTE, "next")]);
    let response = rig.open(request("GET", "/", &[])).await;
    let mut body = response.expect("an answer").into_body();
    let first = body.frame().await.expect("a frame").expect("data");
    assert_eq!(first.into_data().expect("data"), "first");
    assert!(rig.layer.stats().store.fill_bytes > 0);
    drop(body);
    assert_eq!(rig.layer.stats().store.fill_bytes, 0);
    assert_eq!((rig.upstream.in_flight(), rig.layer.stats().stored), (0, 0));
    assert_eq!(rig.get("/").await.text(), "next");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_delays_no_other_client() {
    let gate = Gate::new();
    let rig = Rig::script(layer(&[]), [halting(&gate), reply(200, &MINUTE, "next")]);
    let slow = rig.open(request("GET", "/", &[])).await.expect("an answer");
    assert_eq!(rig.get("/").await.text(), "next");
    assert!(rig.get("/").await.is_hit());
    drop(slow);
    assert!(rig.get("/").await.is_hit());
    assert_eq!(rig.layer.stats().store.fill_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_dropped_clients_leave_no_state() {
    let rig = Rig::new(layer(&[]), |_| halting(&Gate::new()));
    for n in 0..1000 {
        let request = request("GET", &format!("/{}", n % 10), &[]);
        let mut body = rig.open(request).await.expect("an answer").into_body();
        assert!(body.frame().await.is_some());
    }
    let stats = rig.layer.stats();
    assert_eq!(
        (stats.stored, stats.store.fill_bytes, stats.store.entries),
        (0, 0, 0)
    );
    assert_eq!(rig.upstream.in_flight(), 0);
}
