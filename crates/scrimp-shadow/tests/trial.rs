//! A layer in the shadow, beside the same layer in its place.

mod rig;

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use rig::{Visit, apache, at_random, play};
use scrimp_cache::{CacheLayer, CacheStats, MemoryStore};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Currency, Ledger, Money};
use scrimp_cost_route::{CostRouteLayer, Provider, Tariff};
use scrimp_shadow::{Recorded, ShadowLayer};
use scrimp_stampede::StampedeLayer;
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn cache() -> CacheLayer<MemoryStore> {
    // Too small for all pages.
    let builder = CacheLayer::builder(MemoryStore::new(512 << 10));
    builder.rule("path=/** ttl=10m").build().unwrap()
}

/// Plays visits to a cache and a coalescer in their place, and in the shadow. Returns the calls that each
/// made, and the counters of both caches.
async fn both(visits: &[Visit]) -> ([u64; 2], [CacheStats; 2]) {
    let real = cache();
    let layers = ServiceBuilder::new()
        .layer(real.clone())
        .layer(CoalesceLayer::new());
    let calls = play(visits, layers.into_inner()).await;

    let tried = cache();
    let layers = ServiceBuilder::new()
        .layer(tried.clone())
        .layer(CoalesceLayer::new());
    let shadow = ShadowLayer::builder(layers.into_inner())
        .max_requests(10_000)
        .build()
        .unwrap();
    let live = play(visits, shadow.clone()).await;
    shadow.settled().await;
    let stats = shadow.stats();
    assert_eq!((live, stats.requests), (visits.len() as u64, live));
    assert_eq!(
        (stats.skipped, stats.cut, stats.unanswered, stats.panicked),
        (0, 0, 0, 0)
    );
    ([calls, stats.calls], [real.stats(), tried.stats()])
}

fn within_two_percent(visits: u64, [real, tried]: [u64; 2]) {
    let (real, tried) = (visits - real, visits - tried);
    println!("{visits} requests: {real} saved in its place, {tried} in the shadow");
    assert!(real > visits / 10, "nothing to compare");
    assert!(real.abs_diff(tried) * 50 <= real, "{real} and {tried}");
}

#[tokio::test(start_paused = true)]
async fn it_shows_what_the_layers_then_save() {
    let visits = at_random(20_000);
    let (calls, [real, tried]) = both(&visits).await;
    within_two_percent(visits.len() as u64, calls);
    assert!(real.hits.abs_diff(tried.hits) * 50 <= real.hits);
}

#[tokio::test(start_paused = true)]
async fn it_shows_what_the_layers_then_save_on_a_servers_log() {
    let Some(visits) = apache() else {
        println!("not run: the log is not there");
        return;
    };
    let (calls, _) = both(&visits).await;
    within_two_percent(visits.len() as u64, calls);
}

type Body = Full<Bytes>;

fn get(path: &str) -> Request<Body> {
    let request = Request::get(format!("http://a.example{path}"));
    request.body(Body::default()).unwrap()
}

fn minute(text: &'static str) -> Reply {
    let response = Response::builder().header("cache-control", "max-age=60");
    Reply::respond(response.body(ScriptedBody::new().data(text)).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_gets_the_response_of_its_request() {
    let tried = cache();
    let layers = ServiceBuilder::new()
        .layer(StampedeLayer::builder().random(|| 1e-300).build().unwrap())
        .layer(tried.clone());
    let shadow = ShadowLayer::new(layers.into_inner());
    let (client, upstream) = Scripted::answering(|_| minute("a page"));
    let service = shadow.layer(client);
    for _ in 0..3 {
        let response = service.clone().oneshot(get("/x")).await.unwrap();
        response.into_body().collect().await.unwrap();
        shadow.settled().await;
        tokio::time::sleep(Duration::from_secs(300)).await;
    }
    assert_eq!(upstream.calls(), 3);
    let stats = shadow.stats();
    assert!(stats.calls > 1, "{stats:?}");
    assert_eq!(stats.unanswered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_router_books_its_own_choice_and_the_live_call_goes_where_it_went() {
    let price = |text: &str| Tariff::new(Currency::USD).per_request(text.parse::<Money>().unwrap());
    let provider = |name: &str, text| {
        let endpoint = format!("http://{name}.example");
        Provider::new(name).endpoint(endpoint).price(price(text))
    };
    let ledger = Ledger::new();
    let router = CostRouteLayer::builder([provider("cheap", "0.001"), provider("dear", "0.01")]);
    let router = router.ledger(ledger.clone()).build().unwrap();
    let shadow = ShadowLayer::new(router);
    let (client, upstream) = Scripted::answering(|_| minute("a page"));
    let service = shadow.layer(client);
    for _ in 0..10 {
        let response = service.clone().oneshot(get("/x")).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    shadow.settled().await;
    assert_eq!(ledger.spent("cost-route").to_string(), "$0.01");
    let hosts = upstream.requests();
    assert!(
        hosts
            .iter()
            .all(|head| head.uri.host() == Some("a.example"))
    );
    assert!(hosts.iter().all(|head| head.extensions.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_live_call_that_fails_or_is_given_up_is_not_stored() {
    let tried = cache();
    let shadow = ShadowLayer::new(tried.clone());
    let broken = || Reply::body(ScriptedBody::new().data("a p").error("cut"));
    let (client, upstream) = Scripted::answering(|_| minute("a page"));
    let service = shadow.layer(client);
    upstream.next(broken());
    let response = service.clone().oneshot(get("/x")).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    // One that is given up before its head, and one in its body.
    drop(service.clone().oneshot(get("/x")));
    let mut call = Box::pin(service.clone().oneshot(get("/x")));
    let _ = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
    drop(call);
    shadow.settled().await;
    assert_eq!(tried.stats().stored, 0);
    let response = service.oneshot(get("/x")).await.unwrap();
    response.into_body().collect().await.unwrap();
    shadow.settled().await;
    assert_eq!(tried.stats().stored, 1);
}

/// A layer whose service does what a function says with each call.
#[derive(Clone)]
struct With<F>(F);

impl<F: Clone> Layer<Recorded> for With<F> {
    type Service = Doing<F>;

    fn layer(&self, inner: Recorded) -> Doing<F> {
        Doing(self.0.clone(), inner)
    }
}

#[derive(Clone)]
struct Doing<F>(F, Recorded);

impl<F, B> Service<Request<B>> for Doing<F>
where
    F: Fn(&Request<B>),
{
    type Response = Response<scrimp_shadow::RecordedBody>;
    type Error = scrimp_core::BoxError;
    type Future = <Recorded as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.1, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        (self.0)(&request);
        self.1.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_panics_harms_no_request_and_is_tried_on() {
    let panics = |request: &Request<Full<Bytes>>| {
        assert!(request.uri().path() != "/bad", "a fault of the tried layer");
    };
    let shadow = ShadowLayer::new(With(panics));
    let (client, _) = Scripted::answering(|_| minute("a page"));
    let service = shadow.layer(client);
    for path in ["/good", "/bad", "/good"] {
        let response = service.clone().oneshot(get(path)).await.unwrap();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "a page");
    }
    shadow.settled().await;
    let stats = shadow.stats();
    assert_eq!((stats.calls, stats.panicked), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_its_requests_are_served_and_not_shown() {
    const MOST: usize = 16;
    let shadow = ShadowLayer::builder(cache())
        .max_requests(MOST)
        .build()
        .unwrap();
    let (open, answered) = (
        Arc::new(tokio::sync::Semaphore::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let gate = Arc::clone(&open);
    let service = shadow.layer(service_fn(move |_: Request<Body>| {
        let gate = Arc::clone(&gate);
        async move {
            let _permit = gate.acquire().await;
            Ok::<_, Infallible>(Response::new(Body::from("a page")))
        }
    }));
    let calls = (0..MOST * 100).map(|n| {
        let (service, answered) = (service.clone(), Arc::clone(&answered));
        tokio::spawn(async move {
            service.oneshot(get(&format!("/{n}"))).await.unwrap();
            answered.fetch_add(1, Relaxed);
        })
    });
    let calls: Vec<_> = calls.collect();
    tokio::task::yield_now().await;
    open.add_permits(MOST * 100);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(answered.load(Relaxed), MOST as u64 * 100);
    let stats = shadow.stats();
    assert_eq!(stats.requests, MOST as u64 * 100);
    assert_eq!(stats.skipped, MOST as u64 * 99);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_its_bytes_are_served_and_not_kept() {
    const MOST: usize = 64 << 10;
    // It holds responses without reading them.
    let (sender, mut held) = tokio::sync::mpsc::unbounded_channel();
    let keep = tower::layer::layer_fn(move |inner: Recorded| {
        let sender = sender.clone();
        service_fn(move |request: Request<Full<Bytes>>| {
            let (inner, sender) = (inner.clone(), sender.clone());
            async move {
                let response = inner.oneshot(request).await?;
                let _ = sender.send(response);
                Ok::<_, scrimp_core::BoxError>(Response::new(Body::default()))
            }
        })
    });
    let shadow = ShadowLayer::builder(keep).max_bytes(MOST).build().unwrap();
    let (client, _) = Scripted::answering(|_| {
        let frames = (0..8).fold(ScriptedBody::new(), |body, _| body.data(vec![7; 8 << 10]));
        Reply::body(frames)
    });
    let service = shadow.layer(client);
    for _ in 0..100 {
        let response = service.clone().oneshot(get("/x")).await.unwrap();
        // The tried layer takes the head, and then the body comes.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes().len(), 64 << 10);
    }
    shadow.settled().await;
    assert_eq!((shadow.stats().calls, shadow.stats().cut), (100, 99));
    let whole = held.recv().await.unwrap().into_body().collect().await;
    assert_eq!(whole.unwrap().to_bytes().len(), 64 << 10);
    let cut = held.recv().await.unwrap().into_body().collect().await;
    assert!(cut.is_err());
}
