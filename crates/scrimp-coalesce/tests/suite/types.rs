//! One layer over services of different types: which of them share a call, and what an error
//! keeps of its type.

use crate::rig;

use std::io;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use rig::{begun, get};
use scrimp_coalesce::{CoalesceLayer, ReuseWindow};
use scrimp_core::{BoxError, ShareError};
use scrimp_testkit::Gate;
use tower::{Layer, ServiceExt, service_fn};

/// An error of a user's own type. It is not `Sync`, and cannot be cloned.
#[derive(Debug, PartialEq)]
struct Busy(std::cell::Cell<u32>);

impl Busy {
    fn new() -> Self {
        Self(std::cell::Cell::new(7))
    }
}

impl ShareError for Busy {
    type Shared = u32;

    fn share(self) -> u32 {
        self.0.get() + 1
    }

    fn unshare(shared: u32) -> Self {
        Self(shared.into())
    }
}

fn timed_out() -> BoxError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[tokio::test(start_paused = true)]
async fn services_with_different_bodies_share_a_call() {
    let layer = CoalesceLayer::new();
    let gate = Gate::new();
    let inner = gate.clone();
    let full = layer.layer(service_fn(move |_: Request<Full<Bytes>>| {
        let opened = inner.opened();
        async move {
            opened.await;
            Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("full"))))
        }
    }));
    let empty = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Empty::<Bytes>::new()))
    }));
    let mut first = begun(full.oneshot(get("/")));
    let second = begun(empty.oneshot(get("/")));
    gate.open();
    assert!(first.poll_now().is_ready());
    let body = second.await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "full");
    assert_eq!((layer.stats().calls, layer.stats().joined), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn services_with_different_errors_make_calls_of_their_own() {
    let layer = CoalesceLayer::builder()
        .window(ReuseWindow::new())
        .build()
        .unwrap();
    let busy = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        tokio::task::yield_now().await;
        Err::<Response<Full<Bytes>>, _>(Busy::new())
    }));
    let boxed = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        tokio::task::yield_now().await;
        Err::<Response<Full<Bytes>>, _>(timed_out())
    }));
    let (own, other) = join(
        busy.clone().oneshot(get("/")),
        boxed.clone().oneshot(get("/")),
    )
    .await;
    assert_eq!(own.unwrap_err().0.get(), 8);
    assert_eq!(other.unwrap_err().to_string(), timed_out().to_string());
    assert_eq!((layer.stats().calls, layer.stats().errors_shared), (2, 0));
    // The window holds the error of the later call, and gives it to no other type.
    boxed.oneshot(get("/")).await.unwrap_err();
    busy.oneshot(get("/")).await.unwrap_err();
    assert_eq!((layer.stats().calls, layer.stats().reused), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_without_other_receivers_is_passed_on_unchanged() {
    let layer = CoalesceLayer::new();
    let boxed = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(timed_out())
    }));
    let error = boxed.oneshot(get("/")).await.unwrap_err();
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::TimedOut));
    let busy = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(Busy::new())
    }));
    assert_eq!(busy.oneshot(get("/")).await.unwrap_err(), Busy::new());
}

#[tokio::test(start_paused = true)]
async fn callers_who_waited_get_a_shared_error_in_its_own_type() {
    let layer = CoalesceLayer::new();
    let busy = layer.layer(service_fn(|_: Request<Full<Bytes>>| async {
        tokio::task::yield_now().await;
        Err::<Response<Full<Bytes>>, _>(Busy::new())
    }));
    let calls = (0..10).map(|_| busy.clone().oneshot(get("/")));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap_err().0.get(), 8);
    }
    assert_eq!((layer.stats().calls, layer.stats().errors_shared), (1, 9));
}
