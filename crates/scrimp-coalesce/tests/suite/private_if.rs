//! Requests that are private by a function of the operator.

use crate::rig;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request};
use http_body_util::Full;
use rig::{answer, at_once, begun, fetch, over, read, with};
use scrimp_coalesce::{CoalesceLayer, CoalesceLayerBuilder, ReuseWindow};
use scrimp_core::PrivateIf;
use scrimp_testkit::{Gate, Reply, ScriptedBody, Upstream};

/// A handle on a session, as a session layer outside would hand it to the handlers.
#[derive(Clone, Default)]
struct Session(Arc<AtomicBool>);

fn by_session(extensions: &Extensions, _: &HeaderMap) -> bool {
    let session = extensions.get::<Session>();
    session.is_some_and(|session| session.0.load(Relaxed))
}

/// Returns a request with a session that has begun, or not yet.
fn visit(begun: bool) -> Request<Full<Bytes>> {
    let mut request = with("/", &[]);
    let session = Session::default();
    session.0.store(begun, Relaxed);
    request.extensions_mut().insert(session);
    request
}

/// Returns an upstream whose first `begins` calls each begin a session, and say so in the page.
fn upstream(layer: &CoalesceLayer, gate: &Gate, begins: usize) -> (rig::Service, Upstream) {
    let (gate, left) = (gate.clone(), Arc::new(parking_lot::Mutex::new(begins)));
    over(layer, move |parts| {
        let session = parts.extensions.get::<Session>().expect("a session");
        let mut left = left.lock();
        if *left > 0 {
            *left -= 1;
            session.0.store(true, Relaxed);
        }
        let page = if session.0.load(Relaxed) {
            "mine"
        } else {
            "all"
        };
        Reply::respond(answer(&[], ScriptedBody::new().data(page))).gate(&gate)
    })
}

/// Sends three visitors' requests at once. Returns their pages, and how many calls were made.
fn pages(layer: CoalesceLayerBuilder, begins: usize, begun_already: bool) -> (Vec<Bytes>, usize) {
    let layer = layer.build().expect("settings");
    let gate = Gate::new();
    let (service, upstream) = upstream(&layer, &gate, begins);
    let mut calls: Vec<_> = (0..3)
        .map(|_| begun(fetch(service.clone(), visit(begun_already))))
        .collect();
    gate.open();
    let pages = calls.iter_mut().map(|call| match call.poll_now() {
        std::task::Poll::Ready(page) => page.expect("a page").body,
        std::task::Poll::Pending => panic!("it waits"),
    });
    (pages.collect(), upstream.calls())
}

#[test]
fn without_the_function_one_visitors_page_goes_to_the_others() {
    let (pages, calls) = pages(CoalesceLayer::builder(), 1, false);
    assert_eq!((pages, calls), (vec![Bytes::from("mine"); 3], 1));
}

#[test]
fn private_requests_share_no_call() {
    let layer = CoalesceLayer::builder().private_if(by_session);
    let (pages, calls) = pages(layer, 0, true);
    assert_eq!((pages, calls), (vec![Bytes::from("mine"); 3], 3));
}

#[test]
fn a_response_to_a_request_that_has_become_private_goes_to_its_caller_only() {
    let layer = CoalesceLayer::builder().private_if(by_session);
    let (pages, calls) = pages(layer, 1, false);
    assert_eq!(
        (&pages[..], calls),
        (&["mine", "all", "all"].map(Bytes::from)[..], 3)
    );
}

#[test]
fn requests_that_are_not_private_share_a_call() {
    let layer = CoalesceLayer::builder().private_if(by_session);
    let (pages, calls) = pages(layer, 0, false);
    assert_eq!((pages, calls), (vec![Bytes::from("all"); 3], 1));
}

#[test]
fn a_private_response_is_not_reused_and_its_key_waits_for_one_that_is_not() {
    let layer = CoalesceLayer::builder()
        .private_if(by_session)
        .window(ReuseWindow::new())
        .build()
        .expect("settings");
    let gate = Gate::new();
    gate.open();
    let (service, upstream) = upstream(&layer, &gate, 2);
    let ask = |begun| {
        at_once(fetch(service.clone(), visit(begun)))
            .expect("a page")
            .body
    };
    assert_eq!([ask(false), ask(false)], ["mine", "mine"]);
    assert_eq!(layer.stats().not_shared.private_if, 2);
    assert_eq!(layer.stats().remembered, 1, "the second left it remembered");
    assert_eq!([ask(false), ask(false), ask(false)], ["all"; 3]);
    assert_eq!(upstream.calls(), 4, "the last one came from the window");
    assert_eq!(ask(true), "mine", "a private request takes nothing from it");
    assert_eq!(layer.stats().not_shared.private_if, 3);
}

#[test]
fn the_function_of_a_cache_outside_is_asked_too() {
    let mut outer = PrivateIf::default();
    outer.add(by_session);
    let layer = CoalesceLayer::new();
    let (service, upstream) = over(&layer, |_| Reply::body(ScriptedBody::new()));
    let asked = |session| {
        let mut request = visit(session);
        outer.announce(&mut request);
        at_once(async { read(tower::ServiceExt::oneshot(service.clone(), request).await?).await })
    };
    asked(true).expect("a page");
    asked(false).expect("a page");
    assert_eq!(layer.stats().not_shared.private_if, 1);
    assert_eq!((layer.stats().bypassed, upstream.calls()), (1, 2));
}
