//! Requests that are sent alone follow the rules of those in a batch.

use crate::support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use parking_lot::Mutex;
use scrimp_batch::{BatchCodec, BatchLayer, BatchLayerBuilder, JsonRpc};
use scrimp_core::{
    BoxError, Ledger,
    extensions::{Apart, Carried, Priority, Tenant},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use support::{
    Body, Upstream, all, get, layer,
    node::{call, error, respond},
    send, status,
};

/// A node that refuses the first calls for their rate, whatever they carry.
fn busy(refusals: usize) -> Upstream {
    let left = Mutex::new(refusals);
    Upstream::new(move |request: Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let refused = {
            let mut left = left.lock();
            let refused = *left > 0;
            *left = left.saturating_sub(1);
            refused
        };
        let answer = |call: &Value| match refused {
            true => error(&call["id"], -32_005, "rate limit exceeded, try again in 1s"),
            false => json!({"jsonrpc": "2.0", "id": call["id"], "result": "done"}),
        };
        let answer = match body.as_array() {
            Some(calls) => calls.iter().map(answer).collect(),
            None => answer(&body),
        };
        std::future::ready(Ok(respond(200, &answer)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_that_met_a_limit_is_sent_again_after_the_wait_alone_as_in_a_batch() {
    for callers in [1, 2] {
        let (upstream, start) = (busy(1), Instant::now());
        let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
        let answers = all(&layer, &upstream, (0..callers).map(call)).await;
        for answer in answers {
            let body: Value = serde_json::from_str(answer.body()).unwrap();
            assert_eq!(
                (&body["result"], &body["id"]),
                (&json!("done"), &json!("mine"))
            );
        }
        assert_eq!(upstream.calls(), 2, "{callers} callers");
        assert!(
            start.elapsed() >= Duration::from_secs(1),
            "{callers} callers"
        );
        assert_eq!(layer.stats().retried, callers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_meets_the_limit_again_is_retried_and_the_last_refusal_is_passed_on() {
    for (refusals, expected) in [(2, "done"), (99, "rate limit")] {
        let upstream = busy(refusals);
        let layer = BatchLayer::builder(JsonRpc::new())
            .retries(2)
            .build()
            .unwrap();
        let answers = all(&layer, &upstream, [call(1)]).await;
        assert!(answers[0].body().contains(expected), "{answers:?}");
        assert_eq!(upstream.calls(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_alone_comes_as_its_frames_came_however_long_it_is() {
    let trailers = || {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        Frame::trailers(trailers)
    };
    for length in [0, 1, 2, 40] {
        let frames = move || {
            let data = (0..length).map(|n| Frame::data(Bytes::from(vec![n; 1_000])));
            data.chain([trailers()]).map(Ok::<_, std::io::Error>)
        };
        let upstream = service_fn(move |_: Request<Body>| async move {
            Ok::<_, BoxError>(Response::new(StreamBody::new(stream::iter(frames()))))
        });
        let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
        let response = layer.layer(upstream).oneshot(call(1)).await.unwrap();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "7");
        let expected: Vec<u8> = (0..length).flat_map(|n| vec![n; 1_000]).collect();
        assert_eq!(body.to_bytes(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_alone_that_breaks_off_is_no_answer() {
    let upstream = service_fn(|_: Request<Body>| async {
        let frames = [
            Ok(Frame::data(Bytes::from_static(b"{\"result\":"))),
            Err(std::io::Error::other("reset")),
        ];
        Ok::<_, BoxError>(Response::new(StreamBody::new(stream::iter(frames))))
    });
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let response = send(layer.layer(upstream), call(1)).await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(support::reason(&response), "unreadable");
}

/// Sends requests at once, and checks that the counts and the ledger have the calls that the upstream
/// saw. Each answered caller stands for a call made or avoided.
async fn check<C: BatchCodec>(
    name: &str,
    builder: BatchLayerBuilder<C>,
    upstream: Upstream,
    requests: Vec<Request<Body>>,
) {
    let ledger = Ledger::new();
    let layer = builder
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    all(&layer, &upstream, requests).await;
    let (stats, calls) = (layer.stats(), upstream.calls() as u64);
    assert_eq!(stats.calls, calls, "{name}: {stats:?}");
    assert_eq!(stats.batches + stats.alone, calls, "{name}: {stats:?}");
    let made: u64 = ledger.lines().iter().map(|line| line.calls_made).sum();
    assert_eq!(made, calls, "{name}");
}

#[tokio::test(start_paused = true)]
async fn each_call_is_counted_and_booked_wherever_it_was_made() {
    let paths = || ["/a", "/b", "/c", "/c"].map(get).into();
    let without = Upstream::rest(|url, _| match url {
        "/batch" => status(404, json!(null)),
        _ => status(200, json!(url)),
    });
    check("alone", layer(), without.clone(), vec![get("/a")]).await;
    let missing = Upstream::new(|request: Request<Bytes>| async move {
        let mut response = Response::new(Full::default());
        if request.uri().path() == "/batch" {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        Ok(response)
    });
    check("a missing endpoint", layer(), missing, paths()).await;
    let silent = Upstream::new(|request: Request<Bytes>| async move {
        if request.uri().path() == "/batch" {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(Full::default()))
    });
    check("a batch that times out", layer(), silent, paths()).await;
    let mute = Upstream::new(|_| std::future::pending());
    check("calls that time out", layer(), mute, paths()).await;
    let down = Upstream::new(|request: Request<Bytes>| async move {
        match request.uri().path() {
            "/batch" => Ok(respond(404, &json!(null))),
            _ => Err::<_, BoxError>("down".into()),
        }
    });
    let ledger = Ledger::new();
    let layer = layer().ledger(ledger.clone()).build().unwrap();
    let service = layer.layer(down.clone());
    let calls = ["/a", "/b"].map(|path| send(service.clone(), get(path)));
    assert!(join_all(calls).await.iter().all(Result::is_err));
    assert_eq!(ledger.lines()[0].calls_made, down.calls() as u64, "errors");
    let flaky = Upstream::rest(|url, call| match (url, call) {
        ("/a", 0..3) => status(503, json!(null)),
        _ => status(200, json!(url)),
    });
    check("retries", support::layer(), flaky, paths()).await;
    let rpc = BatchLayer::builder(JsonRpc::new());
    check("a limit", rpc, busy(2), vec![call(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_answers_several_callers_avoids_one_for_each_but_the_first() {
    let missing = Upstream::rest(|url, _| match url {
        "/f" => status(200, json!("fine")),
        _ => status(404, json!(null)),
    });
    let gone = Upstream::new(move |request: Request<Bytes>| {
        let missing = missing.clone();
        async move {
            if request.uri().path() == "/batch" {
                return Ok(respond(404, &json!(null)));
            }
            missing.oneshot(request.map(Full::new)).await
        }
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    all(&layer, &gone, ["/f", "/f", "/f", "/g"].map(get)).await;
    let line = &ledger.lines()[0];
    assert_eq!((line.calls_made, line.calls_avoided), (3, 2));
    let ledger = Ledger::new();
    let rpc = BatchLayer::builder(JsonRpc::new()).ledger(ledger.clone());
    let rpc = rpc.price("0.01").build().unwrap();
    all(&rpc, &busy(1), (0..4).map(call)).await;
    let line = &ledger.lines()[0];
    assert_eq!(
        (line.calls_made, line.calls_avoided),
        (2, 3),
        "a batch not carried out"
    );
}

#[derive(Clone, PartialEq, Debug)]
struct Own(u8);

fn with<T: Clone + Send + Sync + 'static>(mut request: Request<Body>, value: T) -> Request<Body> {
    request.extensions_mut().insert(value);
    request
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_the_highest_priority_and_the_extensions_of_each() {
    let upstream = support::echo();
    let requests = vec![
        with(with(get("/a"), Own(1)), Priority::Low),
        with(get("/b"), Own(2)),
        with(get("/c"), Priority::High),
    ];
    all(&layer().build().unwrap(), &upstream, requests).await;
    let seen = upstream.requests();
    let extensions = seen[0].extensions();
    assert_eq!(seen.len(), 1);
    assert_eq!(extensions.get(), Some(&Priority::High));
    let Carried(each) = extensions.get().unwrap();
    let each: Vec<_> = each.iter().map(|one| one.get::<Own>().cloned()).collect();
    assert_eq!(each, [Some(Own(1)), Some(Own(2)), None]);
}

#[tokio::test(start_paused = true)]
async fn requests_that_an_inner_layer_cannot_serve_together_are_sent_one_by_one() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let upstream = Upstream::new(move |request: Request<Bytes>| {
        log.lock().push(request.uri().path().into());
        let mut response = respond(200, &json!("fine"));
        if request.extensions().get::<Carried>().is_some() {
            response = respond(503, &json!(null));
            response.extensions_mut().insert(Apart);
        }
        std::future::ready(Ok(response))
    });
    let ledger = Ledger::new();
    let layer = layer().ledger(ledger.clone()).build().unwrap();
    let requests = [with(get("/a"), Own(1)), with(get("/b"), Tenant::from("t"))];
    let requests = requests.map(|request| with(request, Tenant::from("t")));
    let answers = all(&layer, &upstream, requests).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(*seen.lock(), ["/batch", "/a", "/b"]);
    let line = &ledger.lines()[0];
    assert_eq!(
        (line.calls_made, line.calls_avoided),
        (2, 0),
        "a refusal is no call"
    );
}
