//! A part that the operator's function adds to keys holds in the layer that has it, and in all layers inside.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use scrimp::{
    Body, Stack,
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{BoxError, KeyBy, KeyPart},
    prefetch::{PrefetchLayer, SessionKey},
    stampede::StampedeLayer,
};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

/// The plan of a caller, as middleware outside of the layers finds it out.
#[derive(Clone)]
struct Plan(String);

fn by_plan() -> KeyBy {
    KeyBy::new(|request| {
        let plan = request.extensions.get::<Plan>();
        plan.map(|plan| plan.0.clone())
    })
}

/// Returns the answer for a plan.
fn said(plan: Option<&str>) -> String {
    format!("prices of {plan:?}")
}

/// Calls of an upstream.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn calls(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// An upstream whose prices depend on the plan. It takes a second, so that requests at the same time meet.
fn prices() -> (Stack, Calls) {
    let upstream = Calls::default();
    let calls = upstream.clone();
    let service = service_fn(move |request: Request<Body>| {
        calls.0.fetch_add(1, SeqCst);
        let plan = request.extensions().get::<Plan>();
        let text = said(plan.map(|plan| &*plan.0));
        async move {
            sleep(Duration::from_secs(1)).await;
            let response = Response::builder().header("cache-control", "max-age=600");
            Ok::<_, BoxError>(response.body(Body::from(text))?)
        }
    });
    (Stack::new(service), upstream)
}

fn request(plan: Option<&str>) -> Request<Body> {
    let request = Request::get("http://api.example.com/prices");
    let mut request = request.body(Body::empty()).expect("a request");
    if let Some(plan) = plan {
        request.extensions_mut().insert(Plan(plan.to_owned()));
    }
    request
}

async fn send(stack: Stack, request: Request<Body>) -> (StatusCode, Bytes) {
    let response = stack.oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body");
    (status, body.to_bytes())
}

/// Asks at once, and then one after the other, for each plan and for none. Every caller has to get what is
/// for its plan.
async fn ask(stack: &Stack) {
    let plans = [None, Some("free"), Some("gold"), Some("")];
    let check = async |plan: Option<&str>| {
        let (_, body) = send(stack.clone(), request(plan)).await;
        assert_eq!(body, said(plan));
    };
    join_all((0..40).map(|n| check(plans[n % 4]))).await;
    for plan in plans {
        check(plan).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_on_the_outermost_layer_holds_in_all_layers_inside() {
    let stampede = StampedeLayer::builder()
        .key_by(by_plan())
        .build()
        .expect("settings");
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let (service, upstream) = prices();
    let inside = Stack::new(cache.layer(Stack::new(CoalesceLayer::new().layer(service))));
    ask(&Stack::new(stampede.layer(inside))).await;
    assert_eq!(upstream.calls(), 4, "{:?}", cache.stats());
    assert_eq!(cache.stats().store.entries, 4);
}

#[tokio::test(start_paused = true)]
async fn each_layer_has_the_part_of_its_own_function() {
    let (service, upstream) = prices();
    let store = MemoryStore::new(1 << 20);
    let cache = CacheLayer::builder(store).key_by(by_plan()).build();
    ask(&Stack::new(cache.expect("settings").layer(service))).await;
    // 40 misses at once, and none after them.
    assert_eq!(upstream.calls(), 40);

    let (service, upstream) = prices();
    let coalesce = CoalesceLayer::builder().key_by(by_plan()).build();
    ask(&Stack::new(coalesce.expect("settings").layer(service))).await;
    // One call for each of four keys, and one for each that asks alone.
    assert_eq!(upstream.calls(), 8);
}

#[tokio::test(start_paused = true)]
async fn middleware_may_set_the_part_itself() {
    let (service, upstream) = prices();
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let stack = Stack::new(cache.layer(service));
    for plan in ["free", "gold", "free"] {
        let mut request = request(Some(plan));
        let part = KeyPart::new(plan.to_owned());
        request.extensions_mut().insert(part);
        assert_eq!(send(stack.clone(), request).await.1, said(Some(plan)));
    }
    assert_eq!((upstream.calls(), cache.stats().hits), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_part_does_not_open_what_credentials_close() {
    let (service, upstream) = prices();
    let everyone = KeyBy::new(|_| Some("everyone"));
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).key_by(everyone);
    let cache = cache.build().expect("settings");
    let stack = Stack::new(cache.layer(Stack::new(CoalesceLayer::new().layer(service))));
    let of = |token: &'static str| {
        let mut request = request(Some(token));
        let token = http::HeaderValue::from_static(token);
        request.headers_mut().insert("authorization", token);
        send(stack.clone(), request)
    };
    let answers = join_all(["ann", "bob", "ann"].map(of)).await;
    let answers: Vec<_> = answers.into_iter().map(|(_, body)| body).collect();
    assert_eq!(answers, ["ann", "bob", "ann"].map(|name| said(Some(name))));
    assert_eq!(of("bob").await.1, said(Some("bob")));
    // The two equal requests at the same time share a call, and nothing is stored.
    assert_eq!((upstream.calls(), cache.stats().store.entries), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn parts_that_are_too_long_are_neither_stored_nor_shared() {
    let (service, upstream) = prices();
    let (cache, coalesce) = (
        CacheLayer::new(MemoryStore::new(1 << 20)),
        CoalesceLayer::new(),
    );
    let stampede = StampedeLayer::builder().key_by(by_plan()).build();
    let stampede = stampede.expect("settings");
    let stack = Stack::new(cache.layer(Stack::new(coalesce.layer(service))));
    let stack = Stack::new(stampede.layer(stack));
    let long = "x".repeat(102_400);
    for _ in 0..100 {
        let (status, body) = send(stack.clone(), request(Some(&long))).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, said(Some(&long)));
    }
    assert_eq!(upstream.calls(), 100);
    let stats = cache.stats();
    assert_eq!((stats.bypassed, stats.not_stored.key_too_long), (100, 100));
    assert_eq!((stats.store.entries, stats.store.bytes), (0, 0));
    assert_eq!(coalesce.stats().not_shared.key_too_long, 100);
    assert_eq!(stampede.stats().bypassed, 100);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_key_cannot_be_made_up_is_not_fetched_ahead() {
    let prefetch = PrefetchLayer::builder(SessionKey::by(|_, _| Some(1)));
    let prefetch = prefetch.build().expect("settings");
    let (service, _) = prices();
    let stack = Stack::new(prefetch.layer(service));
    let mut keyed = request(Some("gold"));
    keyed.extensions_mut().insert(KeyPart::new("gold"));
    send(stack.clone(), keyed).await;
    assert_eq!(
        (prefetch.stats().requests, prefetch.stats().bypassed),
        (0, 1)
    );
    send(stack, request(Some("gold"))).await;
    assert_eq!(
        (prefetch.stats().requests, prefetch.stats().bypassed),
        (1, 1)
    );
}
