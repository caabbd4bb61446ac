//! Guarantees of the types.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp::{
    cache::{Cache, CacheBody, CacheLayer},
    core::BoxError,
};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, assert_send};
use scrimp_tests::{Answer, layer, request};
use tower::{
    Layer, Service, ServiceExt,
    util::{BoxCloneService, BoxService},
};

type Body = Full<Bytes>;

/// Highest number of bytes that the cache adds to a response future, beside the inner service, its
/// future and the request. Each task that runs the future needs them.
const OWN: usize = 56;

#[test]
fn all_types_can_be_sent_to_another_thread_and_no_body_must_be_sync() {
    // `Scripted` and `ScriptedBody` are not `Sync`.
    assert_send::<CacheLayer>();
    assert_send::<Cache<Scripted>>();
    assert_send::<CacheBody<ScriptedBody>>();
    assert_send::<<Cache<Scripted> as Service<Request<Body>>>::Future>();
}

#[test]
fn a_response_future_is_only_slightly_larger_than_its_inner_future() {
    let future = size_of::<<Cache<Scripted> as Service<Request<Body>>>::Future>();
    let call = size_of::<tower::util::Oneshot<Scripted, Request<Body>>>();
    assert!(future <= call + OWN, "{future} bytes around {call}");
}

#[tokio::test]
async fn the_service_fits_any_box() {
    let (scripted, upstream) = Scripted::answering(|_| Reply::body(ScriptedBody::new().data("x")));
    let layer = layer(&["path=/** ttl=1m"]);
    let cloned: BoxCloneService<Request<Body>, Response<CacheBody<ScriptedBody>>, BoxError> =
        BoxCloneService::new(layer.layer(scripted.clone()));
    let single = BoxService::new(layer.layer(scripted));
    for service in [cloned.clone(), cloned] {
        let response = service.oneshot(request("GET", "/", &[])).await;
        let answer = Answer::read(response.expect("an answer")).await;
        assert_eq!(answer.expect("a body").text(), "x");
    }
    let response = single.oneshot(request("GET", "/", &[])).await;
    let answer = Answer::read(response.expect("an answer")).await;
    assert!(answer.expect("a body").is_hit());
    assert_eq!(upstream.calls(), 1);
}
