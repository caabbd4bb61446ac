//! A caller's own time limit, while it waits for the upstream or the store.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Answer, Fields, Rig, layer, minute, reply, request};
use http::Request;
use http_body_util::Full;
use scrimp_core::extensions::Deadline;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

const STALE_IF_ERROR: Fields<'_> = &[("cache-control", "max-age=10, stale-if-error=60")];

fn within(mut request: Request<Full<Bytes>>, time: Duration) -> Request<Full<Bytes>> {
    let deadline = Deadline(Instant::now() + time);
    request.extensions_mut().insert(deadline);
    request
}

async fn get_within(rig: &Rig, time: Duration) -> Answer {
    let request = within(request("GET", "/", &[]), time);
    rig.send(request).await.expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_answered_at_its_limit_and_its_call_is_given_up() {
    let rig = Rig::answering(layer(), |_| minute("late").delay(2 * SECOND));
    let began = Instant::now();
    let late = get_within(&rig, SECOND).await;
    assert_eq!((late.status.as_u16(), began.elapsed()), (504, SECOND));
    assert!(late.text().contains("urn:scrimp:cache:deadline"));
    assert_eq!(late.cache_status(), "scrimp; fwd=uri-miss; detail=deadline");
    assert_eq!(
        late.header("proxy-status"),
        "scrimp-cache; error=http_response_timeout; details=\"deadline\""
    );
    assert_eq!((rig.upstream.abandoned(), rig.upstream.in_flight()), (1, 0));
    let stats = rig.layer.stats();
    assert_eq!((stats.timed_out, stats.refused, stats.misses), (1, 1, 0));
    assert_eq!(
        rig.get("/").await.text(),
        "late",
        "nothing stands in its way"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_on_is_held_to_the_limit_too() {
    let rig = Rig::answering(layer(), |_| minute("late").delay(2 * SECOND));
    for (method, reason) in [
        ("POST", "method"),
        ("DELETE", "method"),
        ("HEAD", "uri-miss"),
    ] {
        let began = Instant::now();
        let late = rig.send(within(request(method, "/", &[]), SECOND)).await;
        let late = late.unwrap();
        assert_eq!((late.status.as_u16(), began.elapsed()), (504, SECOND));
        let status = format!("scrimp; fwd={reason}; detail=deadline");
        assert_eq!(late.cache_status(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hit_is_never_late_and_no_call_starts_after_the_limit() {
    let rig = Rig::answering(layer(), |_| minute("one"));
    let late = get_within(&rig, Duration::ZERO).await;
    assert_eq!((late.status.as_u16(), rig.upstream.calls()), (504, 0));
    rig.get("/").await;
    let hit = get_within(&rig, Duration::ZERO).await;
    assert_eq!((hit.text(), hit.is_hit()), ("one", true));
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_stands_in_where_it_may_for_an_error() {
    for (fields, status) in [
        (STALE_IF_ERROR, 200),
        (&[("cache-control", "max-age=10")], 504),
    ] {
        let replies = [
            reply(200, fields, "old"),
            reply(200, fields, "new").delay(2 * SECOND),
        ];
        let rig = Rig::script(layer(), replies);
        rig.get("/").await;
        rig.wait(11);
        let answer = get_within(&rig, SECOND).await;
        assert_eq!(answer.status, status);
        assert!(answer.cache_status().contains("fwd=stale"), "{answer:?}");
        assert!(answer.cache_status().ends_with("detail=deadline"));
        let stats = rig.layer.stats();
        assert_eq!((stats.timed_out, stats.refused + stats.stale), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_in_the_background_has_no_limit() {
    let swr = [("cache-control", "max-age=10, stale-while-revalidate=60")];
    let stale = [("cache-control", "max-age=10, stale-if-error=60")];
    for (rule, fields) in [("ttl=auto", swr), ("soft-timeout=100ms", stale)] {
        let layer = match rule {
            "ttl=auto" => layer(),
            rule => layer().rule(rule),
        };
        let rig = Rig::answering(layer, move |parts| {
            let own = parts.extensions.get::<Deadline>();
            assert_eq!(own, None, "{rule}");
            reply(200, &fields, "one").delay(SECOND)
        });
        rig.get("/").await;
        rig.wait(11);
        let began = Instant::now();
        let answer = get_within(&rig, SECOND / 2).await;
        assert_eq!((answer.text(), answer.status.as_u16()), ("one", 200));
        assert!(began.elapsed() < SECOND / 2, "{rule}");
        tokio::time::sleep(2 * SECOND).await;
        assert!(rig.get("/").await.is_hit(), "{rule}: it was refreshed");
        assert_eq!(rig.upstream.calls(), 2, "{rule}");
    }
}
