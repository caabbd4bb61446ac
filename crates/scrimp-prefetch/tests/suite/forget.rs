//! Erasure: what is known of one person is forgotten.

use crate::rig;

use std::{
    convert::Infallible,
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rig::{Rig, by_header, eager, get, pass, seconds};
use scrimp_prefetch::RulePredictor;
use tower::{Layer, Service, ServiceExt, service_fn};

const LATER: Duration = seconds(600);

#[tokio::test(start_paused = true)]
async fn a_session_that_is_forgotten_has_no_trail_no_targets_and_no_plans() {
    let rules = RulePredictor::new().rule("/{page}", "/{page}/next", 0.9, LATER);
    let rig = Rig::new(eager().rules(rules.unwrap()));
    rig.get("ann", "/a").await;
    rig.get("bob", "/b").await;
    assert_eq!((rig.stats().sessions, rig.stats().entries), (2, 2));
    assert!(rig.layer.forget(&get("ann", "/any")).await);
    assert_eq!((rig.stats().sessions, rig.stats().entries), (1, 1));
    assert!(!rig.layer.forget(&get("ann", "/any")).await, "it is gone");
    pass(LATER).await;
    assert_eq!(rig.paths(), ["/a", "/b", "/b/next"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_is_learned_first_and_forgotten() {
    let rig = Rig::new(by_header());
    for page in 0..100 {
        let call = rig.service.clone().oneshot(get("ann", &format!("/{page}")));
        call.await.unwrap();
    }
    assert!(rig.layer.forget(&get("ann", "/")).await);
    pass(seconds(1)).await;
    let stats = rig.stats();
    assert_eq!((stats.requests, stats.sessions, stats.entries), (100, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_session_forgets_none() {
    let rig = Rig::new(by_header());
    rig.get("ann", "/a").await;
    let none = Request::get("http://shop.test/").body(()).unwrap();
    assert!(!rig.layer.forget(&none).await);
    assert_eq!(rig.stats().sessions, 1);
}

#[test]
fn what_waits_for_a_runtime_is_forgotten_without_one() {
    let layer = by_header().build().unwrap();
    let mut service = layer.layer(service_fn(|_: Request<Full<Bytes>>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let mut answer = pin!(service.call(get("ann", "/a")));
    assert!(matches!(answer.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    for known in [true, false] {
        let mut forgotten = pin!(layer.forget(&get("ann", "/")));
        assert_eq!(forgotten.as_mut().poll(&mut cx), Poll::Ready(known));
    }
    assert_eq!(layer.stats().sessions, 0);
}

#[tokio::test]
async fn the_runtime_of_the_worker_may_be_gone() {
    let rig = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let rig = Rig::new(by_header());
            let call = rig.service.clone().oneshot(get("ann", "/a"));
            call.await.unwrap();
            rig
        })
    });
    let rig = rig.join().unwrap();
    assert!(!rig.layer.forget(&get("ann", "/")).await);
}
