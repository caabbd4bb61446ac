//! Limits: waiters, keys, bytes.

use crate::rig;

use http_body_util::BodyExt;
use rig::{Read, answer, begun, crowd, fetch, get, over, read};
use scrimp_coalesce::{CoalesceLayer, FellBehind, Overflow, SlowReader};
use scrimp_core::BoxError;
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tower::ServiceExt;

fn gated(layer: &CoalesceLayer, gate: &Gate) -> (rig::Service, scrimp_testkit::Upstream) {
    let gate = gate.clone();
    over(layer, move |_| {
        Reply::body(ScriptedBody::new().data("x")).gate(&gate)
    })
}

async fn refused(service: &rig::Service, path: &str) -> String {
    let answer = fetch(service.clone(), get(path)).await.unwrap();
    assert_eq!(answer.status, 503);
    answer.headers["proxy-status"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn past_the_most_waiters_a_request_goes_alone_or_is_refused_with_a_reason() {
    let gate = Gate::new();
    let three = CoalesceLayer::builder().max_waiters(3);
    let layer = three.clone().build().unwrap();
    let (service, upstream) = gated(&layer, &gate);
    let _calls = crowd(&service, "/", 6);
    assert_eq!((upstream.calls(), layer.stats().overflowed), (3, 2));

    let layer = three.overflow(Overflow::Refuse).build().unwrap();
    let (service, upstream) = gated(&layer, &gate);
    let _calls = crowd(&service, "/", 4);
    let reason = refused(&service, "/").await;
    assert!(
        reason.contains("error=connection_limit_reached"),
        "{reason}"
    );
    assert_eq!((upstream.calls(), layer.stats().refused), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn past_the_most_keys_a_request_goes_alone_or_is_refused_with_a_reason() {
    let gate = Gate::new();
    let layer = CoalesceLayer::builder()
        .max_keys(2)
        .overflow(Overflow::Refuse)
        .build()
        .unwrap();
    let (service, upstream) = gated(&layer, &gate);
    let _calls = ["/1", "/2"].map(|path| begun(fetch(service.clone(), get(path))));
    let _joined = begun(fetch(service.clone(), get("/2")));
    assert!(refused(&service, "/3").await.contains("too-many-keys"));
    assert_eq!(upstream.calls(), 2);
}

/// Returns a service whose response has this tag and four chunks. The gate holds all but one.
fn long(
    layer: &CoalesceLayer,
    gate: &Gate,
    tag: &'static str,
) -> (rig::Service, scrimp_testkit::Upstream) {
    let gate = gate.clone();
    over(layer, move |_| {
        let body = ScriptedBody::new()
            .data("aaaa")
            .gate(&gate)
            .data("bbbb")
            .data("cccc")
            .data("dddd");
        Reply::respond(answer(&[("etag", tag)], body))
    })
}

/// Reads `frames` with one reader and the whole body with another, and then the rest.
async fn slow(service: &rig::Service, gate: &Gate, frames: usize) -> Result<Read, BoxError> {
    let mut slow = service.clone().oneshot(get("/")).await.unwrap();
    let fast = service.clone().oneshot(get("/")).await.unwrap();
    for _ in 0..frames {
        slow.frame().await.unwrap().unwrap();
    }
    gate.open();
    assert_eq!(
        read(fast).await.unwrap().body,
        "aaaabbbbccccdddd",
        "not delayed by the slow reader"
    );
    read(slow).await
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_falls_behind_breaks_off_with_an_error_of_its_own() {
    let gate = Gate::new();
    let layer = CoalesceLayer::builder().max_bytes(8).build().unwrap();
    let (service, upstream) = long(&layer, &gate, "\"1\"");
    let error = slow(&service, &gate, 1).await.unwrap_err();
    assert!(error.is::<FellBehind>(), "{error}");
    assert_eq!((upstream.calls(), layer.stats().cut_off), (1, 1));
    assert_eq!((upstream.in_flight(), layer.stats().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_the_others_up_once_and_for_no_longer_than_patience() {
    let layer = CoalesceLayer::builder().max_bytes(64).build().unwrap();
    let gate = Gate::new();
    let (service, _) = over(&layer, {
        let gate = gate.clone();
        move |_| {
            let whole = (0..1000).fold(ScriptedBody::new().wake(), |body, _| body.data("xxxxxxxx"));
            Reply::body(whole).gate(&gate)
        }
    });
    let call = || begun(service.clone().oneshot(get("/")));
    let (_never_polled, mut never_read) = (call(), call());
    let reads = begun(fetch(service.clone(), get("/")));
    gate.open();
    assert!(never_read.poll_now().is_ready());
    let begin = tokio::time::Instant::now();
    assert_eq!(reads.await.unwrap().body.len(), 8_000);
    assert_eq!(begin.elapsed().as_millis(), 100);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_by_a_call_of_its_own_if_so_set_and_the_answer_is_the_same() {
    for (tag, frames, whole) in [
        ("\"1\"", 0, true),
        ("\"1\"", 1, true),
        ("W/\"1\"", 1, false),
    ] {
        let gate = Gate::new();
        let layer = CoalesceLayer::builder()
            .max_bytes(8)
            .slow_reader(SlowReader::OwnCall)
            .build()
            .unwrap();
        let (service, upstream) = long(&layer, &gate, tag);
        let rest = slow(&service, &gate, frames).await;
        assert_eq!(upstream.calls(), 2);
        match rest {
            Ok(answer) => {
                assert!(whole);
                assert_eq!(answer.body, &"aaaabbbbccccdddd"[4 * frames..]);
            }
            Err(error) => assert!(!whole && error.is::<FellBehind>(), "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_the_limit_has_passed_makes_a_call_of_its_own() {
    let gate = Gate::new();
    let layer = CoalesceLayer::builder().max_bytes(8).build().unwrap();
    let rest = Gate::new();
    let (service, upstream) = over(&layer, {
        let (gate, rest) = (gate.clone(), rest.clone());
        move |_| {
            let body = ScriptedBody::new().gate(&gate).data("aaaaaaaa").data("b");
            Reply::body(body.gate(&rest).data("c"))
        }
    });
    let mut reader = service.clone().oneshot(get("/")).await.unwrap();
    gate.open();
    for _ in 0..2 {
        reader.frame().await.unwrap().unwrap();
    }
    assert_eq!(layer.stats().in_flight, 0, "no longer joinable");
    let late = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(upstream.calls(), 2);
    rest.open();
    assert_eq!(read(late).await.unwrap().body, "aaaaaaaabc");
    assert_eq!(read(reader).await.unwrap().body, "c");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_readers_of_a_long_body_keep_no_more_than_the_limit() {
    let layer = CoalesceLayer::builder().max_bytes(1 << 10).build().unwrap();
    let gate = Gate::new();
    let (service, _) = over(&layer, {
        let gate = gate.clone();
        move |_| {
            let chunks = (0..1000).fold(ScriptedBody::new().gate(&gate), |body, _| {
                body.data(vec![b'x'; 512]).wake()
            });
            Reply::body(chunks)
        }
    });
    let mut readers = Vec::new();
    for _ in 0..100 {
        let response = service.clone().oneshot(get("/")).await.unwrap();
        readers.push(tokio::spawn(read(response)));
    }
    rig::settled().await;
    gate.open();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap().body.len(), 512_000);
    }
    assert_eq!(layer.stats().cut_off, 0, "all readers keep up");
}
