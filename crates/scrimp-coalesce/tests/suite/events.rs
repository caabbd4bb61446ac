//! Event streams: one for each caller, unless the setting shares them.

use crate::rig;

use rig::{answer, begun, fetch, get, over, read};
use scrimp_coalesce::{CoalesceLayer, ReuseWindow};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tower::ServiceExt;

/// The stream of a model's answer, which waits behind its first event.
fn stream(kind: &'static str, gate: &Gate) -> Reply {
    let body = ScriptedBody::new().data("data: a\n\n").gate(gate);
    Reply::respond(answer(&[("content-type", kind)], body.data("data: b\n\n")))
}

#[tokio::test]
async fn each_caller_has_a_stream_of_its_own() {
    for kind in [
        "text/event-stream",
        "application/x-ndjson",
        "multipart/mixed; boundary=b",
    ] {
        let (shut, head) = (Gate::new(), Gate::new());
        let (gate, wait) = (shut.clone(), head.clone());
        let layer = CoalesceLayer::new();
        let (service, upstream) = over(&layer, move |_| stream(kind, &gate).gate(&wait));
        let mut calls: Vec<_> = (0..3)
            .map(|_| begun(service.clone().oneshot(get("/"))))
            .collect();
        assert_eq!(upstream.calls(), 1);
        head.open();
        for call in &mut calls {
            let call = call.await.expect("a head");
            assert_eq!(call.headers()["content-type"], kind);
        }
        service.clone().oneshot(get("/")).await.expect("a head");
        assert_eq!(upstream.calls(), 4, "{kind}");
        assert_eq!(layer.stats().not_shared.event_stream, 2);
    }
}

#[tokio::test]
async fn callers_share_a_stream_from_its_first_event_if_the_setting_says_so() {
    let shut = Gate::new();
    let gate = shut.clone();
    let window = ReuseWindow::new();
    let layer = CoalesceLayer::builder()
        .share_events()
        .window(window)
        .build();
    let layer = layer.expect("valid settings");
    let (service, upstream) = over(&layer, move |_| stream("text/event-stream", &gate));
    let first = service.clone().oneshot(get("/")).await.expect("a head");
    let late = service.clone().oneshot(get("/")).await.expect("a head");
    shut.open();
    for response in [first, late] {
        let read = read(response).await.expect("a body");
        assert_eq!(read.body, "data: a\n\ndata: b\n\n");
    }
    assert_eq!(upstream.calls(), 1);
    fetch(service, get("/")).await.expect("a new stream");
    assert_eq!(upstream.calls(), 2, "a stream is not reused after its end");
}
