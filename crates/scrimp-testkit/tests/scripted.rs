//! Tests of the scripts themselves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use scrimp_testkit::{Gate, PollCounter, Readiness, Reply, Scripted, ScriptedBody};
use tower::{Service, ServiceExt};

fn request() -> Request<Full<Bytes>> {
    Request::get("/a").body(Full::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_plays_its_steps_and_reports_its_progress() {
    let gate = Gate::new();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let body = ScriptedBody::new()
        .data("ab")
        .data("")
        .delay(Duration::from_secs(5))
        .wake()
        .gate(&gate)
        .data("cd")
        .trailers(trailers);
    let handle = body.handle();
    let start = tokio::time::Instant::now();
    let mut reading = PollCounter::new(body.collect());
    assert!(reading.poll_now().is_pending());
    assert_eq!(
        (handle.frames(), handle.bytes(), handle.ended()),
        (2, 2, false)
    );
    gate.open();
    let read = reading.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(read.trailers().unwrap()["x-sum"], "1");
    assert_eq!(read.to_bytes(), "abcd");
    assert!(handle.ended() && handle.dropped());
}

#[tokio::test(start_paused = true)]
async fn a_sized_body_releases_its_guard_with_its_last_frame() {
    let (guard, mut freed) = tokio::sync::oneshot::channel::<()>();
    let mut body = ScriptedBody::new()
        .data("ab")
        .data("c")
        .sized()
        .holding(guard);
    assert_eq!(body.size_hint().exact(), Some(3));
    body.frame().await.unwrap().unwrap();
    assert!(!body.is_end_stream());
    assert!(
        freed
            .try_recv()
            .is_err_and(|error| error.to_string().contains("empty"))
    );
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert!(freed.await.is_err(), "the guard is dropped before the body");
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_a_body() {
    let mut body = ScriptedBody::new().error("reset").data("never");
    assert_eq!(
        body.frame().await.unwrap().unwrap_err().to_string(),
        "reset"
    );
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_records_what_it_sees() {
    let (service, upstream) = Scripted::answering(|parts| {
        Reply::body(ScriptedBody::new().data(parts.uri.path().to_owned()))
            .delay(Duration::from_secs(1))
    });
    let answer = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(upstream.in_flight(), 1, "until the body ends");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "/a");
    assert_eq!(upstream.requests()[0].uri, "/a");

    let mut dropped = PollCounter::new(service.clone().oneshot(request()));
    let mut other = PollCounter::new(service.oneshot(request()));
    assert!(dropped.poll_now().is_pending() && other.poll_now().is_pending());
    drop(dropped);
    assert_eq!((upstream.abandoned(), upstream.in_flight()), (1, 1));
    assert_eq!(
        (
            upstream.calls(),
            upstream.started(),
            upstream.max_in_flight()
        ),
        (3, 3, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_returned_at_the_end_of_the_body() {
    let (mut service, upstream) = Scripted::answering(|_| Reply::body(ScriptedBody::new()));
    upstream.set_readiness(Readiness::permits(1));
    let answer = service.clone().oneshot(request()).await.unwrap();
    let mut waiting = PollCounter::new(ServiceExt::<Request<()>>::ready(&mut service));
    assert!(waiting.poll_now().is_pending());
    drop(answer);
    assert!(waiting.poll_now().is_ready());
}

#[tokio::test(start_paused = true)]
async fn readiness_fails_while_it_is_set_to() {
    let (service, upstream) = Scripted::script([Reply::error("reset")]);
    upstream.set_readiness(Readiness::Error("down"));
    let error = service.clone().oneshot(request()).await.unwrap_err();
    assert_eq!((error.to_string(), upstream.calls()), ("down".into(), 0));
    upstream.set_readiness(Readiness::Always);
    let error = service.oneshot(request()).await.unwrap_err();
    assert_eq!((error.to_string(), upstream.calls()), ("reset".into(), 1));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "had not been polled ready")]
async fn a_clone_of_a_ready_service_may_not_be_called() {
    let (mut service, _upstream) = Scripted::script([Reply::body(ScriptedBody::new())]);
    ServiceExt::<Request<()>>::ready(&mut service)
        .await
        .unwrap();
    let _ = service.clone().call(request()).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "more often than its script is long")]
async fn a_call_after_the_end_of_the_script_panics() {
    let (service, _upstream) = Scripted::script([]);
    let _ = service.oneshot(request()).await;
}
