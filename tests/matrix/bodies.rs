//! Bodies arrive byte for byte, from the upstream and from store, over sockets.

use bytes::Bytes;
use scrimp::Body;

use crate::{
    api::pattern,
    front::{Front, Place},
    order::{Kind, Order},
};

/// Empty, one byte, just above a power of two that is a usual buffer size.
const SIZES: [usize; 3] = [0, 1, (64 << 10) + 1];

/// Several MiB: more than any layer here reads ahead or stores for late callers.
const LARGE: usize = 5 << 20;

async fn whole(front: &Front, path: &str, length: usize) {
    // From the upstream, and from store if there is a cache.
    for round in ["first", "second"] {
        let answer = front.get(path).await;
        assert_eq!(answer.status, 200, "{front:?}: {path}");
        let same = answer.body == pattern(length);
        let got = answer.body.len();
        assert!(
            same,
            "{front:?}: {path}, {round} time: {got} bytes, or others"
        );
        if let Some(said) = answer.head.headers.get("content-length") {
            assert_eq!(said, &length.to_string(), "{front:?}: {path}");
        }
    }
}

async fn bodies(place: Place, order: &Order) {
    let front = Front::new(place, order).await;
    for length in SIZES {
        whole(&front, &format!("/bytes/{length}"), length).await;
        whole(&front, &format!("/stream/{length}"), length).await;
        whole(&front, &format!("/once/{length}"), length).await;
        let sent = pattern(length);
        let answer = front.send(front.post(sent.clone())).await;
        assert_eq!(answer.expect("an echo").body, sent, "{front:?}");
    }
    if order.has(Kind::Cache) {
        let stats = front.layers.cache.stats();
        assert!(stats.hits > 0, "{front:?}: {stats:?}");
    }
    let providers = front.world.providers();
    assert_eq!(
        order.has(Kind::CostRoute),
        !providers.is_empty(),
        "{front:?}"
    );
}

async fn large(place: Place, order: &Order) {
    let front = Front::new(place, order).await;
    whole(&front, &format!("/stream/{LARGE}"), LARGE).await;
    whole(&front, &format!("/bytes/{LARGE}"), LARGE).await;
    let sent = pattern(LARGE);
    let frames = sent.chunks(100_000).map(Bytes::copy_from_slice);
    let frames: Vec<_> = frames
        .map(|data| Ok::<_, std::io::Error>(http_body::Frame::data(data)))
        .collect();
    let streamed = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
    let request = front.post(Bytes::new()).map(|_| Body::new(streamed));
    let answer = front.send(request).await.expect("an echo");
    assert_eq!(answer.status, 200, "{front:?}: {:?}", answer.body);
    assert!(answer.body == sent, "{front:?}: a large request");
}

async fn in_every_place(place: Place) {
    for order in Order::matrix() {
        bodies(place, &order).await;
    }
    for order in Order::sensible() {
        large(place, &order).await;
    }
}

#[tokio::test]
async fn bodies_arrive_whole_on_axum() {
    in_every_place(Place::Axum).await;
}

#[tokio::test]
async fn bodies_arrive_whole_on_hyper_utils_client() {
    in_every_place(Place::Hyper).await;
}

#[tokio::test]
async fn bodies_arrive_whole_on_reqwests_client() {
    in_every_place(Place::Reqwest).await;
}

/// Checks trailers. Both clients and axum's server send them over HTTP/1.1: the server to clients
/// that accept them by `TE`, if `Trailer` announces them.
async fn trailers(place: Place) {
    for order in Order::matrix() {
        let front = Front::new(place, &order).await;
        for length in [1, 100_000] {
            for round in ["first", "second"] {
                let answer = front.get(&format!("/trailers/{length}")).await;
                assert!(answer.body == pattern(length), "{front:?}");
                let trailers = answer.trailers.unwrap_or_default();
                let checksum = trailers.get("x-checksum");
                let right = checksum.is_some_and(|value| value == &length.to_string());
                assert!(
                    right,
                    "{front:?}: {length} bytes, {round} time: {trailers:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn trailers_arrive_in_process() {
    trailers(Place::InProcess).await;
}

#[tokio::test]
async fn trailers_arrive_on_axum() {
    trailers(Place::Axum).await;
}

#[tokio::test]
async fn trailers_arrive_on_hyper_utils_client() {
    trailers(Place::Hyper).await;
}

#[tokio::test]
async fn trailers_arrive_on_reqwests_client() {
    trailers(Place::Reqwest).await;
}
