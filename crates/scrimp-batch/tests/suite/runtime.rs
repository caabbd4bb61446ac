//! Threads without a tokio runtime.

use crate::support;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http_body_util::BodyExt;
use scrimp_batch::{BatchLayer, GroupError, GroupLayer, RestJson};
use serde_json::{Value, json};
use support::{Upstream, double::Double, get, status};
use tower::{Layer, ServiceExt};

/// Polls a future once, which is enough if it waits for nothing.
fn once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn without_a_runtime_a_layer_is_built_and_a_request_is_refused_with_the_reason() {
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .build()
        .unwrap();
    let upstream = Upstream::rest(|url, _| status(200, json!(url)));
    let response = once(layer.layer(upstream.clone()).oneshot(get("/1"))).unwrap();
    assert_eq!(response.status(), 500);
    let body = once(response.into_body().collect()).unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["type"], "urn:scrimp:batch:no-runtime");
    assert_eq!((upstream.calls(), layer.stats().calls), (0, 0));
}

#[test]
fn without_a_runtime_a_group_returns_an_error_with_the_reason() {
    let error = once(GroupLayer::new().layer(Double::new()).oneshot(1)).unwrap_err();
    assert_eq!(error, GroupError::NoRuntime);
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
