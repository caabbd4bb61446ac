//! Memory of the model, of a request, and of a layer that has learned from many.

mod traces;

use std::{
    convert::Infallible,
    env,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, Uri};
use http_body_util::Empty;
use scrimp_prefetch::{
    ItemId, MarkovPredictor, Predictor, PrefetchLayer, RulePredictor, SessionKey, Trail, Visit,
};
use tokio::{runtime, time::sleep};
use tower::{Layer, Service, service_fn};

/// Requests of the flat tests. `SCRIMP_PREFETCH_REQUESTS` sets another number, up to that of the long form.
const REQUESTS: usize = 20_000;
const LONG: usize = 10_000_000;

#[tokio::test]
async fn a_request_that_is_learned_costs_its_caller_nine_small_allocations_at_most() {
    let session = SessionKey::header(HeaderName::from_static("x-visit"));
    let layer = PrefetchLayer::builder(session).build().unwrap();
    let inner = service_fn(|_: Request<Empty<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let mut service = layer.layer(inner);
    let mut call = || {
        let request = Request::get("http://shop.test/products/7?page=2")
            .header("accept", "text/html")
            .header("accept-encoding", "gzip")
            .header("x-visit", "ann")
            .body(Empty::new())
            .unwrap();
        let taken = allocation_counter::measure(|| {
            let mut response = pin!(service.call(request));
            let polled = response
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(_))));
        });
        taken.count_total
    };
    // The first one starts the worker.
    call();
    let most = (0..100).map(|_| call()).max();
    assert!(most <= Some(9), "{most:?}");
    assert_eq!(layer.stats().requests, 101);
}

#[test]
fn the_model_allocates_nothing_after_it_was_made() {
    let mut model = MarkovPredictor::builder()
        .contexts(1_024)
        .items(256)
        .build()
        .unwrap();
    let bytes = model.bytes();
    let (uri, mut predictions) = (Uri::from_static("/"), Vec::with_capacity(64));
    let taken = allocation_counter::measure(|| {
        // A hundred times as many contexts and items as it has room for.
        for session in 0..2_560_u32 {
            let mut trail = Trail::new();
            for step in 0..10 {
                let item = ItemId::of_hash(u64::from(session * 10 + step + 1));
                model.observe(&trail, &Visit::new(item, &uri, None));
                trail.push(item);
                predictions.clear();
                model.predict(&trail, &Visit::new(item, &uri, None), &mut predictions);
            }
        }
    });
    assert_eq!(taken.count_total, 0);
    assert_eq!(model.bytes(), bytes);
}

#[test]
fn the_default_model_takes_twelve_megabytes() {
    let bytes = MarkovPredictor::new().bytes();
    assert!((11_500_000..12_500_000).contains(&bytes), "{bytes}");
}

/// Sends requests of sessions through a layer that learns from them, predicts and fetches. Then looks at the bytes that
/// are allocated after the first tenth, and after the rest.
///
/// The bounds are the default ones with as many requests as the long form has, and lower in proportion with fewer, so
/// that the first tenth reaches them.
fn is_flat(name: &str, mut requests: impl Iterator<Item = (u64, String)>) {
    let count = env::var("SCRIMP_PREFETCH_REQUESTS").map_or(REQUESTS, |it| it.parse().unwrap());
    let bound = |most: usize| (most * count / LONG).clamp(64, most);
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut made = None;
    let building = allocation_counter::measure(|| {
        let session = SessionKey::header(HeaderName::from_static("x-visit"));
        let rules = RulePredictor::new().rule("/a/{id}", "/b/{id}", 0.9, Duration::from_secs(10));
        let layer = PrefetchLayer::builder(session)
            .rules(rules.unwrap())
            .value_of_waiting("0.1")
            .price("0.001")
            .max_sessions(bound(10_000))
            .max_items(bound(16_384))
            .max_pending(bound(1_024));
        let layer = layer.build().unwrap();
        let service = layer.layer(service_fn(|_: Request<Empty<Bytes>>| {
            ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        }));
        made = Some((layer, service));
    });
    let (layer, mut service) = made.expect("it was made");
    let mut send = |count: usize| {
        runtime.block_on(async {
            for (at, (session, path)) in requests.by_ref().take(count).enumerate() {
                let request = Request::get(format!("http://shop.test{path}"))
                    .header("cookie", "theme=dark")
                    .header("x-visit", session)
                    .body(Empty::new());
                service.call(request.unwrap()).await.unwrap();
                if at % 16 == 0 {
                    // Virtual time, in which the worker learns.
                    sleep(Duration::from_millis(100)).await;
                }
            }
            sleep(Duration::from_secs(1)).await;
        });
    };
    let (tenth, rest) = (count / 10, count - count / 10);
    let first = allocation_counter::measure(|| send(tenth)).bytes_current;
    let growth = allocation_counter::measure(|| send(rest)).bytes_current;
    let before = building.bytes_current + first;
    let stats = layer.stats();
    println!(
        "{name}: {before} bytes after {tenth} requests, {} after {count}; {} sessions, {} targets, {} prefetches",
        before + growth,
        stats.sessions,
        stats.entries,
        stats.calls
    );
    assert_eq!((stats.requests, stats.dropped), (count as u64, 0));
    assert_eq!(
        stats.sessions,
        bound(10_000) as u64,
        "the first tenth has reached it"
    );
    assert!(growth.abs() < before / 100, "{growth} more than {before}");
}

#[test]
fn a_flood_of_sessions_and_targets_leaves_memory_flat() {
    // Two sessions each for ten targets, which no other asks for. What they ask for is fetched for the second one.
    let flood = (0_u64..).map(|request| {
        let (session, step) = (request / 10, request % 10);
        let target = session / 2 * 5 + step / 2;
        let kind = if step.is_multiple_of(2) { 'a' } else { 'b' };
        (session, format!("/{kind}/{target:010}"))
    });
    is_flat("flood", flood);
}

#[test]
fn sessions_of_a_news_site_leave_memory_flat() {
    let Some(sessions) = traces::msnbc() else {
        return;
    };
    // Again and again, with new names.
    let endless = (0_u64..).zip(sessions.iter().cycle());
    let requests = endless.flat_map(|(session, pages)| {
        let pages = pages.iter();
        pages.map(move |page| (session, format!("/a/{page}")))
    });
    is_flat("msnbc", requests);
}
