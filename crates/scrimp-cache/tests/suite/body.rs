//! Tests of whether a request has a body, by its end, its length and its framing.

use crate::common;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use scrimp_cache::CacheLayerBuilder;
use tower::{Layer, ServiceExt, service_fn};

/// A body without a known end or length, as layers that limit, time or decode bodies make it.
#[derive(Default)]
struct Hidden(Option<&'static str>);

impl Body for Hidden {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.0.take().map(|data| Ok(Frame::data(data.into())));
        Poll::Ready(data)
    }
}

/// Returns whether the second of two equal requests is a hit.
async fn hits(layer: CacheLayerBuilder, make: impl Fn() -> Request<Hidden>) -> bool {
    let upstream = service_fn(|_: Request<Hidden>| async {
        let response = Response::builder().header("cache-control", "max-age=60");
        Ok::<_, Infallible>(
            response
                .body(Full::new(Bytes::from("x")))
                .expect("a response"),
        )
    });
    let cache = layer.build().unwrap().layer(upstream);
    let mut hit = false;
    for _ in 0..2 {
        let response = cache.clone().oneshot(make()).await.expect("infallible");
        let status = response.headers().get("cache-status").expect("a status");
        hit = status.to_str().expect("text").contains("; hit");
        response.into_body().collect().await.expect("a body");
    }
    hit
}

fn get(fields: &[(&str, &str)], version: Version, body: Hidden) -> Request<Hidden> {
    let mut request = Request::get("/").version(version);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(body).expect("a request")
}

#[tokio::test]
async fn a_request_without_framing_has_no_body_on_http_1() {
    for version in [Version::HTTP_10, Version::HTTP_11] {
        for fields in [
            &[("host", "a")][..],
            &[("host", "a"), ("content-length", "0")],
        ] {
            let make = || get(fields, version, Hidden(None));
            assert!(hits(common::layer(), make).await, "{version:?} {fields:?}");
        }
    }
}

#[tokio::test]
async fn a_request_with_framing_has_one() {
    for field in [("content-length", "1"), ("transfer-encoding", "chunked")] {
        let make = || get(&[("host", "a"), field], Version::HTTP_11, Hidden(Some("x")));
        assert!(!hits(common::layer(), make).await, "{field:?}");
    }
}

#[tokio::test]
async fn on_http_2_a_length_of_0_tells() {
    let make = || get(&[("content-length", "0")], Version::HTTP_2, Hidden(None));
    assert!(hits(common::layer(), make).await);
}
