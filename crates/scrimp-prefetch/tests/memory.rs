//! Memory of the model and of a request.

use std::{
    convert::Infallible,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, Uri};
use http_body_util::Empty;
use scrimp_prefetch::{
    ItemId, MarkovPredictor, Predictor, PrefetchLayer, SessionKey, Trail, Visit,
};
use tower::{Layer, Service, service_fn};

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
