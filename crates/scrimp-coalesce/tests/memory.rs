//! The memory of all bodies in flight together.

mod rig;

use std::time::Duration;

use http_body_util::BodyExt;
use rig::{Service, begun, fetch, get, over, read};
use scrimp_coalesce::{CoalesceLayer, FellBehind, SlowReader};
use scrimp_testkit::{Gate, Reply, ScriptedBody, Upstream};
use tokio::time::Instant;
use tower::ServiceExt;

/// Returns a service whose bodies have eight bytes, and eight more once the gate is open.
fn halting(layer: &CoalesceLayer, gate: &Gate) -> (Service, Upstream) {
    let gate = gate.clone();
    over(layer, move |_| {
        let body = ScriptedBody::new().wake().data("aaaaaaaa");
        Reply::body(body.gate(&gate).data("bbbbbbbb"))
    })
}

/// Reads the first chunk.
async fn open(service: &Service, path: &str) -> rig::Answer {
    let mut response = service.clone().oneshot(get(path)).await.unwrap();
    let frame = response.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "aaaaaaaa");
    response
}

#[tokio::test(start_paused = true)]
async fn past_the_limit_nothing_is_kept_for_late_comers_who_make_calls_of_their_own() {
    let gate = Gate::new();
    let layer = CoalesceLayer::builder()
        .max_total_bytes(16)
        .build()
        .unwrap();
    let (service, upstream) = halting(&layer, &gate);
    let first = open(&service, "/1").await;
    assert_eq!((layer.stats().held_bytes, layer.stats().in_flight), (8, 1));
    let second = open(&service, "/2").await;
    assert_eq!(layer.stats().in_flight, 1, "the second keeps nothing");
    assert_eq!(layer.stats().held_bytes, 8);

    // Bytes that were kept before are still available.
    let joins = begun(fetch(service.clone(), get("/1")));
    let _late = open(&service, "/2").await;
    assert_eq!(upstream.calls(), 3);
    gate.open();
    assert_eq!(joins.await.unwrap().body, "aaaaaaaabbbbbbbb");
    for reader in [first, second] {
        assert_eq!(read(reader).await.unwrap().body, "bbbbbbbb");
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_given_back_when_a_body_has_been_read_or_left() {
    let gate = Gate::new();
    let layer = CoalesceLayer::new();
    let (service, _) = halting(&layer, &gate);
    let mut readers = Vec::new();
    for number in 0..10 {
        readers.push(open(&service, &format!("/{number}")).await);
    }
    assert_eq!(layer.stats().held_bytes, 80);
    readers.truncate(4);
    assert_eq!(layer.stats().held_bytes, 32);
    gate.open();
    for reader in readers {
        assert_eq!(read(reader).await.unwrap().body, "bbbbbbbb");
    }
    assert_eq!((layer.stats().held_bytes, layer.stats().in_flight), (0, 0));
}

/// Reads a hundred bodies of 50 KiB, each by ten readers, with room for 4 KiB.
#[tokio::test(start_paused = true)]
async fn a_hundred_bodies_hold_no_more_than_the_limit_and_a_chunk_each() {
    let layer = CoalesceLayer::builder()
        .max_total_bytes(4 << 10)
        .build()
        .unwrap();
    let gate = Gate::new();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        move |_| {
            let chunks = (0..100).fold(ScriptedBody::new().gate(&gate), |body, _| {
                body.data(vec![b'x'; 512]).wake()
            });
            Reply::body(chunks)
        }
    });
    let mut readers = Vec::new();
    for number in 0..1_000 {
        let path = format!("/{}", number % 100);
        let response = service.clone().oneshot(get(&path)).await.unwrap();
        let layer = layer.clone();
        readers.push(tokio::spawn(async move {
            let mut body = response.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().into_data().unwrap().len();
                assert!(layer.stats().held_bytes <= (4 << 10) + 100 * 512);
            }
            length
        }));
    }
    rig::settled().await;
    gate.open();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 51_200);
    }
    assert_eq!((upstream.calls(), layer.stats().cut_off), (100, 0));
    assert_eq!(layer.stats().held_bytes, 0);
}

/// Gets the head for one reader that reads nothing, while another reads the whole body.
async fn slow(layer: &CoalesceLayer) -> (Service, rig::Answer, Duration) {
    let gate = Gate::new();
    let (service, _) = over(layer, {
        let gate = gate.clone();
        move |_| {
            let whole = (0..8).fold(ScriptedBody::new().gate(&gate), |body, _| {
                body.data("xxxxxxxx").wake()
            });
            Reply::respond(rig::answer(&[("etag", "\"1\"")], whole))
        }
    });
    let fast = service.clone().oneshot(get("/")).await.unwrap();
    let slow = service.clone().oneshot(get("/")).await.unwrap();
    gate.open();
    let begin = Instant::now();
    assert_eq!(read(fast).await.unwrap().body.len(), 64);
    (service, slow, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn past_the_limit_who_is_behind_is_waited_for_once_and_then_cut_off() {
    let layer = CoalesceLayer::builder().max_total_bytes(1).build().unwrap();
    let (_service, slow, held_up) = slow(&layer).await;
    assert_eq!(held_up.as_millis(), 100);
    let error = read(slow).await.unwrap_err();
    assert!(error.is::<FellBehind>(), "{error}");
    assert_eq!((layer.stats().cut_off, layer.stats().held_bytes), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn or_goes_on_by_a_call_of_its_own_if_so_set() {
    let layer = CoalesceLayer::builder()
        .max_total_bytes(1)
        .slow_reader(SlowReader::OwnCall)
        .build()
        .unwrap();
    let (_service, slow, _) = slow(&layer).await;
    assert_eq!(read(slow).await.unwrap().body.len(), 64);
    assert_eq!((layer.stats().cut_off, layer.stats().held_bytes), (1, 0));
}
