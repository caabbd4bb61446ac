//! Ten thousand callers that start and stop at any time, over an upstream that can do anything.
//! Every caller gets a complete response or an error; afterwards no state is left.

use std::{
    any::Any,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::{Response, StatusCode, request::Parts};
use http_body_util::BodyExt;
use scrimp::{
    coalesce::{Abandoned, Coalesce, CoalesceLayer, OnError, Overflow, ReuseWindow, SlowReader},
    core::BoxError,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use scrimp_tests::request;
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use tower::{Layer, ServiceExt};

use super::is_empty;

const CALLERS: u64 = 10_000;

/// Number of keys that they request.
const KEYS: u64 = 40;

/// Chunks of a body, and bytes of a chunk.
const CHUNKS: usize = 6;
const CHUNK: usize = 100;

/// Pseudorandom numbers that are equal in every run (SplitMix64).
#[derive(Clone, Copy)]
struct Dice(u64);

/// Outcomes of the callers.
#[derive(Debug, Default)]
struct Tally {
    whole: u64,
    failed: u64,
    left: u64,
    panicked: u64,
}

enum End {
    Whole,
    Failed,
    Left,
}

// === impl Dice ===

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn time(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.throw(most))
    }
}

/// Returns a chunk that is unique to its key and place.
fn chunk(path: &str, place: usize) -> Vec<u8> {
    let mark = format!("{path} {place};");
    mark.bytes().cycle().take(CHUNK).collect()
}

fn whole(path: &str) -> Vec<u8> {
    (0..CHUNKS).flat_map(|place| chunk(path, place)).collect()
}

/// Returns a random response to a call.
fn any(parts: &Parts, mut dice: Dice) -> Reply {
    match dice.throw(12) {
        0 => return Reply::error("reset").delay(dice.time(50)),
        1 => return Reply::panic().delay(dice.time(50)),
        2 => return Reply::panic_in_call(),
        _ => {}
    }
    let mut response = Response::new(any_body(parts.uri.path(), dice));
    match dice.throw(12) {
        0 => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
        1 => {
            let private = http::HeaderValue::from_static("private");
            response.headers_mut().insert("cache-control", private);
        }
        _ => {}
    }
    Reply::respond(response).delay(dice.time(60))
}

/// Returns a body: usually complete; or in pieces, with pauses; or broken off.
fn any_body(path: &str, mut dice: Dice) -> ScriptedBody {
    let mut body = ScriptedBody::new();
    for place in 0..CHUNKS {
        body = match dice.throw(40) {
            0 => return body.error("truncated"),
            1 => return body.panic("half way"),
            2 => body.delay(Duration::from_secs(2)),
            3..12 => body.delay(dice.time(20)),
            12..20 => body.wake(),
            _ => body,
        };
        body = body.data(chunk(path, place));
    }
    body
}

/// Sends a request, reads at its own pace, and stops after its patience.
async fn caller(service: Coalesce<Scripted>, mut dice: Dice) -> End {
    sleep(dice.time(1_000)).await;
    let path = format!("/{}", dice.throw(KEYS));
    let slow = dice.throw(8) == 0;
    let patience = match dice.throw(3) {
        0 => dice.time(100),
        _ => Duration::from_secs(60),
    };
    let read = async {
        let request = request("GET", &format!("http://api.example.com{path}"), &[]);
        let response = service.oneshot(request).await?;
        let refused = response.headers().contains_key("proxy-status");
        let mut body = response.into_body();
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame?.into_data();
            read.extend_from_slice(&frame.unwrap_or_default());
            if slow {
                sleep(dice.time(30)).await;
            }
        }
        Ok::<_, BoxError>((!refused).then_some(read))
    };
    match timeout(patience, read).await {
        Err(_) => End::Left,
        Ok(Err(_) | Ok(None)) => End::Failed,
        Ok(Ok(Some(read))) => {
            assert_eq!(read, whole(&path), "neither incomplete nor of another key");
            End::Whole
        }
    }
}

async fn storm(layer: CoalesceLayer, seed: u64) -> (Tally, Upstream) {
    let calls = AtomicU64::new(0);
    let (inner, upstream) = Scripted::answering(move |parts| {
        let call = calls.fetch_add(1, Relaxed);
        any(parts, Dice(seed ^ (call << 32)))
    });
    let service = layer.layer(inner);
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let dice = Dice(seed.wrapping_mul(CALLERS) + number);
            tokio::spawn(caller(service.clone(), dice))
        })
        .collect();
    let mut tally = Tally::default();
    for caller in callers {
        match caller.await {
            Ok(End::Whole) => tally.whole += 1,
            Ok(End::Failed) => tally.failed += 1,
            Ok(End::Left) => tally.left += 1,
            Err(error) => {
                assert!(is_scripted(&*error.into_panic()));
                tally.panicked += 1;
            }
        }
    }
    (tally, upstream)
}

/// Reports whether the panic is the upstream's, and not an assertion of this test.
fn is_scripted(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.is_some_and(|text| text == "half way" || text.starts_with("scripted panic"))
}

async fn leaves_nothing(layer: CoalesceLayer, seed: u64) {
    let (tally, upstream) = storm(layer.clone(), seed).await;
    // Background work gets time to finish.
    sleep(Duration::from_secs(60)).await;
    is_empty(&layer);
    assert_eq!(upstream.in_flight(), 0);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert!(upstream.faults().is_empty(), "{:?}", upstream.faults());
    assert!(upstream.calls() < CALLERS as usize / 2, "calls are shared");
    assert!(
        tally.whole > CALLERS / 3,
        "most callers get a response: {tally:?}"
    );
    assert!(tally.failed > 0 && tally.left > 0, "{tally:?}");
}

#[tokio::test(start_paused = true)]
async fn by_default_every_caller_gets_a_complete_response_or_an_error_and_no_state_is_left() {
    for seed in 0..2 {
        leaves_nothing(CoalesceLayer::new(), seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_holds_with_retries_and_with_calls_that_are_finished() {
    let layer = CoalesceLayer::builder()
        .on_error(OnError::Reelect { attempts: 3 })
        .abandoned(Abandoned::Finish)
        .window(ReuseWindow::new().time(Duration::from_millis(50)))
        .build()
        .unwrap();
    for seed in 2..4 {
        leaves_nothing(layer.clone(), seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_holds_if_every_limit_is_reached_all_the_time() {
    let layer = || {
        CoalesceLayer::builder()
            .max_bytes(2 * CHUNK)
            .max_total_bytes(10 * CHUNK)
            .patience(Duration::from_millis(5))
            .max_waiters(20)
            .max_keys(30)
            .max_wait(Duration::from_millis(40))
    };
    for seed in 4..6 {
        leaves_nothing(layer().build().unwrap(), seed).await;
        let layer = layer()
            .slow_reader(SlowReader::OwnCall)
            .overflow(Overflow::Refuse);
        leaves_nothing(layer.build().unwrap(), seed).await;
    }
}
