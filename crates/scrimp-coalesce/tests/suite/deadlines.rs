//! A caller's own time limit, while it waits for the call of another caller.

use crate::rig;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use rig::{answer, fetch, get, over, post, settled};
use scrimp_coalesce::{Abandoned, CoalesceLayer};
use scrimp_core::extensions::{Deadline, DueBy};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use tokio::time::{Instant, advance};
use tower::ServiceExt;

const SECOND: Duration = Duration::from_secs(1);

/// Gives a request a time limit.
fn within(mut request: Request<Full<Bytes>>, time: Duration) -> Request<Full<Bytes>> {
    let deadline = Deadline(Instant::now() + time);
    request.extensions_mut().insert(deadline);
    request
}

fn slow(time: Duration) -> impl Fn(&http::request::Parts) -> Reply + Send + Sync + 'static {
    move |_| Reply::body(ScriptedBody::new().data("late")).delay(time)
}

#[tokio::test(start_paused = true)]
async fn a_follower_is_answered_at_its_own_limit_and_the_call_goes_on() {
    let layer = CoalesceLayer::new();
    let (service, upstream) = over(&layer, slow(2 * SECOND));
    let began = Instant::now();
    let leader = tokio::spawn(fetch(service.clone(), get("/")));
    settled().await;
    let hasty = fetch(service, within(get("/"), SECOND / 4)).await.unwrap();
    let waited = began.elapsed();
    assert!(waited < SECOND / 3, "{waited:?}");
    assert_eq!(hasty.status, 504);
    assert_eq!(
        hasty.headers["proxy-status"],
        "scrimp-coalesce; error=http_response_timeout; details=\"deadline\""
    );
    let problem = String::from_utf8_lossy(&hasty.body);
    assert!(
        problem.contains("urn:scrimp:coalesce:deadline"),
        "{problem}"
    );
    assert_eq!(leader.await.unwrap().unwrap().body, "late");
    assert_eq!(began.elapsed(), 2 * SECOND);
    let stats = layer.stats();
    assert_eq!(
        (upstream.calls(), stats.timed_out, stats.refused),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_is_answered_at_its_own_limit_and_its_followers_are_not() {
    let (service, upstream) = over(&CoalesceLayer::new(), |parts| {
        let own = parts.extensions.get::<Deadline>();
        assert_eq!(own, None, "the limit of one caller of many");
        let hint = parts.extensions.get::<DueBy>();
        assert!(hint.is_some(), "a call is as urgent as its caller");
        Reply::body(ScriptedBody::new().data("late")).delay(2 * SECOND)
    });
    let began = Instant::now();
    let leader = tokio::spawn(fetch(service.clone(), within(get("/"), SECOND)));
    settled().await;
    let patient = tokio::spawn(fetch(service.clone(), get("/")));
    let longer = tokio::spawn(fetch(service, within(get("/"), 3 * SECOND)));
    assert_eq!(leader.await.unwrap().unwrap().status, 504);
    assert_eq!(began.elapsed(), SECOND);
    for follower in [patient, longer] {
        assert_eq!(follower.await.unwrap().unwrap().body, "late");
        assert_eq!(began.elapsed(), 2 * SECOND);
    }
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_callers_is_cancelled_at_the_last_limit_or_finished() {
    for abandoned in [Abandoned::Cancel, Abandoned::Finish] {
        let layer = CoalesceLayer::builder().abandoned(abandoned).build();
        let layer = layer.unwrap();
        let (service, upstream) = over(&layer, slow(3 * SECOND));
        let calls = [1, 2].map(|seconds| {
            let request = within(get("/"), seconds * SECOND);
            tokio::spawn(fetch(service.clone(), request))
        });
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap().status, 504);
        }
        assert_eq!(upstream.calls(), 1);
        let going_on = u64::from(abandoned == Abandoned::Finish);
        assert_eq!(layer.stats().in_flight, going_on, "{abandoned:?}");
        advance(2 * SECOND).await;
        settled().await;
        assert_eq!(layer.stats().finished, going_on, "{abandoned:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_limit_has_passed_starts_no_call() {
    let (service, upstream) = over(&CoalesceLayer::new(), slow(SECOND));
    for request in [get("/"), post("/", "new")] {
        let late = fetch(service.clone(), within(request, Duration::ZERO));
        assert_eq!(late.await.unwrap().status, 504);
    }
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_has_to_call_by_itself_keeps_its_limit() {
    let (service, upstream) = over(&CoalesceLayer::new(), |_| {
        let private = [("cache-control", "private")];
        let body = ScriptedBody::new().data("mine");
        Reply::respond(answer(&private, body)).delay(SECOND)
    });
    let began = Instant::now();
    let leader = tokio::spawn(fetch(service.clone(), get("/")));
    settled().await;
    let limit = 3 * SECOND / 2 - began.elapsed();
    let follower = fetch(service, within(get("/"), limit)).await.unwrap();
    assert_eq!((follower.status.as_u16(), upstream.calls()), (504, 2));
    assert_eq!(began.elapsed(), 3 * SECOND / 2);
    assert_eq!(leader.await.unwrap().unwrap().body, "mine");
}

#[tokio::test(start_paused = true)]
async fn the_limit_covers_a_shared_body_for_its_own_reader_only() {
    let (service, _upstream) = over(&CoalesceLayer::new(), |_| {
        let body = ScriptedBody::new().data("be").delay(2 * SECOND).data("gun");
        Reply::body(body)
    });
    let began = Instant::now();
    let hasty = service.clone().oneshot(within(get("/"), SECOND));
    let hasty = hasty.await.unwrap();
    let patient = tokio::spawn(fetch(service, get("/")));
    let mut body = hasty.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "be");
    let error = body.frame().await.unwrap().unwrap_err();
    let error = error.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed(), SECOND);
    assert!(body.frame().await.is_none(), "nothing follows");
    assert_eq!(patient.await.unwrap().unwrap().body, "begun");
}

#[tokio::test(start_paused = true)]
async fn a_body_within_the_limit_is_whole() {
    let gate = Gate::new();
    let (service, _upstream) = over(&CoalesceLayer::new(), {
        let gate = gate.clone();
        move |_| Reply::body(ScriptedBody::new().data("be").gate(&gate).data("gun"))
    });
    let call = tokio::spawn(fetch(service, within(get("/"), SECOND)));
    gate.reached(1).await;
    gate.open();
    assert_eq!(call.await.unwrap().unwrap().body, "begun");
}
