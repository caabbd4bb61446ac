//! Readers that never finish.

use http_body_util::BodyExt;
use scrimp_testkit::{Reply, ScriptedBody};
use scrimp_tests::{Rig, layer, request};

fn large() -> Reply {
    let body = ScriptedBody::new().data(vec![b'x'; 1_000]).data("end");
    let mut response = http::Response::new(body);
    let fields = response.headers_mut();
    fields.insert("cache-control", "max-age=60".parse().expect("a value"));
    Reply::respond(response)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_slow_readers_hold_no_more_than_their_share() {
    let rig = Rig::new(layer(&[]), |_| large());
    let mut readers = Vec::new();
    for n in 0..1_000 {
        let uri = format!("/{n}");
        let response = rig.open(request("GET", &uri, &[])).await;
        let mut body = response.expect("a head").into_body();
        body.frame().await.expect("a frame").expect("data");
        readers.push(body);
        // One eighth of the store is reserved for incoming responses.
        assert!(rig.layer.stats().store.fill_bytes <= 1 << 17);
    }
    // There is no room to store more, and all requests are answered.
    for n in 0..10 {
        assert_eq!(rig.get(&format!("/more/{n}")).await.body.len(), 1_003);
    }
    drop(readers);
    let stats = rig.layer.stats();
    assert_eq!((stats.stored, stats.store.fill_bytes), (0, 0));
    rig.get("/").await;
    assert!(rig.get("/").await.is_hit());
}
