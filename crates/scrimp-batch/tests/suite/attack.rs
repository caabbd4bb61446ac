//! What one client does must not cost the others.

use crate::support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use parking_lot::Mutex;
use scrimp_batch::{Admission, BatchCodec, BatchLayer, BatchWindow, Decoded, Item, RestJson};
use scrimp_core::KeyBuf;
use serde_json::json;
use support::{Upstream, get, send, status};
use tower::{Layer, ServiceExt};

const MS: Duration = Duration::from_millis(1);
/// Body sizes above which the upstream answers 413.
const LIMIT: usize = 100_000;

/// A REST service that accepts no body above [`LIMIT`].
fn narrow() -> Upstream {
    let rest = Upstream::rest(|url, _| status(200, json!({ "asked": url })));
    Upstream::new(move |request| {
        let (rest, long) = (rest.clone(), request.body().len() > LIMIT);
        async move {
            if long {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                return Ok(response);
            }
            rest.oneshot(request.map(Full::from)).await
        }
    })
}

fn put(path: &str, bytes: usize) -> Request<Full<Bytes>> {
    let uri = format!("https://api.example.com{path}");
    let body = format!("\"{}\"", "x".repeat(bytes));
    let request = Request::put(uri).header("content-type", "application/json");
    request.body(Full::from(body)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn two_long_writes_of_one_client_do_not_end_batching_for_the_others() {
    let upstream = narrow();
    let layer = BatchLayer::builder(RestJson::new("/batch").any_method().limit(20))
        .window(BatchWindow::fixed(MS))
        .max_request(64 << 10)
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    let writes = ["/a", "/b"].map(|path| send(service.clone(), put(path, 60_000)));
    for answer in join_all(writes).await {
        assert_eq!(answer.unwrap().status(), 200, "each passes alone");
    }
    for later in [Duration::ZERO, Duration::from_secs(86_400)] {
        tokio::time::advance(later).await;
        let before = upstream.calls();
        let reads = (0..200).map(|n| send(service.clone(), get(&format!("/items/{n}"))));
        for answer in join_all(reads).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
        assert_eq!(upstream.calls() - before, 10, "twenty in a batch");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_takes_fewer_bytes_still_gets_batches_of_long_items() {
    let upstream = narrow();
    let layer = BatchLayer::builder(RestJson::new("/batch").any_method())
        .window(BatchWindow::fixed(MS))
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    for round in 0..5 {
        let before = upstream.calls();
        let writes = (0..40).map(|n| send(service.clone(), put(&format!("/{n}"), 10_000)));
        for answer in join_all(writes).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
        let calls = upstream.calls() - before;
        assert!(round < 2 || calls <= 10, "round {round}: {calls} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_as_many_callers_as_lanes_are_all_answered_and_the_lanes_stay_few() {
    let upstream = Upstream::rest(|url, _| status(200, json!({ "asked": url })));
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .window(BatchWindow::fixed(Duration::ZERO))
        .max_lanes(64)
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    for n in 0..6_400 {
        let mut request = get("/me");
        let key = format!("Bearer {n}").parse().unwrap();
        request.headers_mut().insert("authorization", key);
        assert_eq!(send(service.clone(), request).await.unwrap().status(), 200);
        assert!(layer.stats().lanes <= 64, "{:?}", layer.stats());
    }
    let stats = layer.stats();
    assert_eq!(
        (stats.requests, stats.calls, stats.alone),
        (6_400, 6_400, 6_400)
    );
    // A minute later each request looks at two lanes, and drops those that are idle.
    tokio::time::advance(Duration::from_secs(60)).await;
    for _ in 0..64 {
        send(service.clone(), get("/me")).await.unwrap();
    }
    assert_eq!(layer.stats().lanes, 1);
    drop(service);
    assert_eq!(layer.stats().lanes, 0, "a service takes its lanes along");
}

/// A codec whose answers take as long to decode as the test lets them.
struct Slow(Mutex<std::sync::mpsc::Receiver<()>>);

impl BatchCodec for Slow {
    fn accepts(&self, _: &Parts) -> bool {
        true
    }

    fn admit(&self, _: &Parts, _: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
        let mut admission = Admission::default();
        admission.weight = 1;
        Some(admission)
    }

    fn encode(&self, _: &[&Item]) -> Option<Request<Bytes>> {
        Request::post("/batch").body(Bytes::new()).ok()
    }

    fn decode(&self, items: &[&Item], _: &Response<Bytes>) -> Decoded {
        let _ = self.0.lock().recv();
        Decoded::unattributed(items.len())
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_decoded_beside_the_worker_and_within_the_time_of_the_call() {
    let long =
        Upstream::new(|_| std::future::ready(Ok(Response::new(Full::from(vec![b' '; 256 << 10])))));
    let (release, held) = std::sync::mpsc::channel();
    let layer = BatchLayer::builder(Slow(Mutex::new(held)))
        .window(BatchWindow::fixed(MS))
        .timeout(5_000 * MS)
        .build()
        .unwrap();
    let service = layer.layer(long);
    let calls = ["/1", "/2"].map(|path| tokio::spawn(send(service.clone(), get(path))));
    // This task goes on while the answer is decoded. No timer fires by itself meanwhile.
    for _ in 0..100 {
        tokio::time::advance(MS).await;
        tokio::task::yield_now().await;
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    tokio::time::advance(5_000 * MS).await;
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 504);
    }
    drop(release);
}
