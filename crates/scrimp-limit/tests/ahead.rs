//! Requests made ahead of time.

mod rig;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rig::{Rig, by_user, ms, request};
use scrimp_core::extensions::Directive;
use scrimp_limit::LimitLayer;
use tokio::time::{Instant, advance};

fn ahead() -> Request<Full<Bytes>> {
    let mut request = request("ann", 1);
    request.extensions_mut().insert(Directive::Prefetch);
    request
}

#[tokio::test(start_paused = true)]
async fn they_leave_a_tenth_of_the_burst_and_never_wait() {
    let rig = Rig::new(by_user(LimitLayer::per_second(10).burst(20)));
    let start = Instant::now();
    let mut passed = 0;
    while rig.status(ahead()).await == 200 {
        passed += 1;
    }
    assert_eq!((passed, start.elapsed()), (18, ms(0)));
    assert_eq!((rig.layer.stats().refused, rig.upstream.calls()), (1, 18));
    // Callers have the rest, and come first afterwards.
    for _ in 0..2 {
        assert_eq!(rig.status(request("ann", 1)).await, 200);
    }
    assert_eq!(start.elapsed(), ms(0));
    let refused = rig.send(ahead()).await.unwrap();
    assert_eq!(refused.status(), 429);
    // Three units are there in 0.3 s.
    assert_eq!(refused.headers()["retry-after"], "1");
    advance(ms(299)).await;
    assert_eq!(rig.status(ahead()).await, 429);
    advance(ms(2)).await;
    assert_eq!(rig.status(ahead()).await, 200);
    assert_eq!(start.elapsed(), ms(301));
}

#[tokio::test(start_paused = true)]
async fn none_passes_while_callers_wait() {
    let rig = Rig::new(LimitLayer::per_second(10).burst(20));
    let callers = (0..40).map(|_| rig.status(request("ann", 1)));
    let callers = futures_util::future::join_all(callers);
    let early = async {
        tokio::task::yield_now().await;
        rig.status(ahead()).await
    };
    let (callers, early) = tokio::join!(callers, early);
    assert!(callers.iter().all(|status| *status == 200));
    assert_eq!(early, 429);
}
