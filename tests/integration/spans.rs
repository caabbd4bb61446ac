//! Work in the background has spans of its own, which follow from those of its callers.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp::{
    batch::{BatchLayer, GroupLayer, JsonRpc},
    cache::{CacheLayer, MemoryStore},
    coalesce::{Abandoned, CoalesceLayer},
    core::{BoxError, Clock},
    stampede::{RefreshAhead, StampedeLayer},
};
use scrimp_testkit::{Gate, PollCounter};
use scrimp_tests::Spans;
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::{Instrument, Span, info_span};

type Get = Request<Full<Bytes>>;

/// Returns an upstream that waits at a gate, in a span of its own as middleware makes it.
fn upstream(
    gate: &Gate,
    control: &'static str,
) -> impl Service<Get, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ use<> {
    let gate = gate.clone();
    service_fn(move |request: Get| {
        let opened = gate.opened();
        let call = async move {
            opened.await;
            // A handler holds its request to the end.
            drop(request);
            let response = Response::builder().header("cache-control", control);
            Ok(response.body(Full::from("x")).expect("a response"))
        };
        call.instrument(info_span!("upstream"))
    })
}

/// Sends a request whose extensions hold the span of its caller, as some middleware does it.
async fn ask<S, B>(service: S, mut request: Get) -> Response<B>
where
    S: Service<Get, Response = Response<B>, Error = Infallible>,
{
    let caller = info_span!("caller");
    let called = async move {
        request.extensions_mut().insert(Span::current());
        service.oneshot(request).await.expect("an answer")
    };
    called.instrument(caller).await
}

fn get() -> Get {
    let request = Request::get("http://api.example.com/");
    request.body(Full::default()).expect("a request")
}

async fn moment() {
    sleep(Duration::from_millis(1)).await;
}

/// Asserts that the callers' spans have ended, and that the last call upstream goes on in a root span that
/// follows from the last of them.
fn assert_apart(spans: &Spans, work: &str) {
    assert!(!spans.last("caller").open, "{work} holds its caller's span");
    let background = spans.last(work);
    assert!(background.open);
    assert_eq!(background.parent, None);
    assert_eq!(background.causes, ["caller"]);
    let upstream = spans.last("upstream");
    assert_eq!(
        (upstream.open, upstream.parent.as_deref()),
        (true, Some(work))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_the_cache_does_not_hold_its_callers_span() {
    let (spans, _guard) = Spans::record();
    let gate = Gate::new();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .private_if(|_, _| false)
        .build()
        .expect("valid settings")
        .layer(upstream(&gate, "max-age=0, stale-while-revalidate=60"));
    gate.open();
    read(ask(cache.clone(), get()).await).await;
    gate.shut();
    ask(cache.clone(), get()).await;
    gate.reached(1).await;
    assert_apart(&spans, "cache.refresh");
    gate.open();
    moment().await;
    assert!(!spans.last("cache.refresh").open);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_too_slow_does_not_hold_its_callers_span() {
    let (spans, _guard) = Spans::record();
    let gate = Gate::new();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .rule("path=/** soft-timeout=50ms fail-safe=1h")
        .private_if(|_, _| false)
        .build()
        .expect("valid settings")
        .layer(upstream(&gate, "max-age=0, public"));
    gate.open();
    read(ask(cache.clone(), get()).await).await;
    gate.shut();
    ask(cache, get()).await;
    assert_apart(&spans, "cache.late");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_the_stampede_layer_does_not_hold_its_callers_span() {
    let (spans, _guard) = Spans::record();
    let gate = Gate::new();
    let clock = Clock::anchored(SystemTime::UNIX_EPOCH);
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).clock(clock.clone());
    let cache = cache.build().expect("valid settings");
    let stampede = StampedeLayer::builder()
        .clock(clock)
        .strategy(RefreshAhead::new(0.1))
        .build();
    let stampede = stampede.expect("valid settings");
    let service = stampede.layer(cache.layer(upstream(&gate, "max-age=60")));
    gate.open();
    read(ask(service.clone(), get()).await).await;
    advance(Duration::from_secs(59)).await;
    gate.shut();
    for _ in 0..3 {
        ask(service.clone(), get()).await;
    }
    gate.reached(1).await;
    let background = spans.last("stampede.refresh");
    assert_eq!((background.open, background.parent), (true, None));
    assert_eq!(background.causes, ["caller"]);
    assert_eq!(spans.open("caller"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_all_callers_have_left_does_not_hold_their_spans() {
    let (spans, _guard) = Spans::record();
    let gate = Gate::new();
    let coalesce = CoalesceLayer::builder().abandoned(Abandoned::Finish);
    let coalesce = coalesce.build().expect("valid settings");
    let service = coalesce.layer(upstream(&gate, "max-age=60"));
    let mut calls = [0, 1, 2].map(|_| PollCounter::new(ask(service.clone(), get())));
    for call in &mut calls {
        assert!(call.poll_now().is_pending());
    }
    assert_eq!(spans.open("caller"), 3);
    drop(calls);
    assert_apart(&spans, "coalesce.finish");
    assert_eq!(spans.open("caller"), 0);
    gate.open();
    moment().await;
    assert_eq!(
        (coalesce.stats().finished, spans.open("coalesce.finish")),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_follows_from_each_of_its_callers_and_holds_no_span_of_them() {
    let (spans, _guard) = Spans::record();
    let gate = Gate::new();
    let layer = BatchLayer::builder(JsonRpc::new()).build();
    let service = layer
        .expect("valid settings")
        .layer(upstream(&gate, "no-store"));
    let post = |id: usize| {
        let body =
            format!("{{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[{id}],\"id\":{id}}}");
        let request =
            Request::post("http://api.example.com/").header("content-type", "application/json");
        request.body(Full::from(body)).expect("a request")
    };
    let mut calls = [0, 1, 2].map(|id| PollCounter::new(ask(service.clone(), post(id))));
    for call in &mut calls {
        assert!(call.poll_now().is_pending());
    }
    gate.reached(1).await;
    let batch = spans.last("batch");
    assert_eq!((batch.open, batch.parent), (true, None));
    assert_eq!(batch.causes, ["caller"; 3]);
    assert_eq!(spans.last("upstream").parent.as_deref(), Some("batch"));
    let [first, second, _third] = calls;
    drop((first, second));
    assert_eq!(spans.open("caller"), 1);
    assert!(spans.last("batch").open);
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_does_not_follow_from_the_last_one() {
    let (spans, _guard) = Spans::record();
    let echo = service_fn(|items: Vec<u32>| async move { Ok::<_, BoxError>(items) });
    let layer = GroupLayer::builder().max_items(2).build();
    let group = layer.expect("valid settings").layer(echo);
    let calls = (0..4).map(|item| group.clone().oneshot(item).instrument(info_span!("caller")));
    for answer in futures_util::future::join_all(calls).await {
        answer.expect("an answer");
    }
    assert_eq!(spans.count("batch"), 2);
    assert_eq!(spans.last("batch").causes, ["caller"; 2]);
    assert_eq!(spans.last("batch").parent, None);
}

async fn read<B: http_body::Body<Data = Bytes>>(response: Response<B>) {
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(body.is_ok());
}
