//! The window, and the limit on waiting.

use crate::rig;

use http_body_util::BodyExt;
use rig::{answer, begun, fetch, get, over, post, with};
use scrimp_coalesce::{CoalesceLayer, Overflow, ReuseWindow};
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use std::time::Duration;
use tokio::time::advance;
use tower::ServiceExt;

fn feed() -> ScriptedBody {
    ScriptedBody::new().data("fe").wake().data("ed")
}

fn windowed() -> CoalesceLayer {
    CoalesceLayer::builder()
        .window(ReuseWindow::new())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_for_thirty_seconds() {
    let layer = windowed();
    let (service, upstream) = over(&layer, |_| Reply::body(feed()));
    for _ in 0..3 {
        assert_eq!(fetch(service.clone(), get("/")).await.unwrap().body, "feed");
        advance(Duration::from_secs(14)).await;
    }
    assert_eq!((upstream.calls(), layer.stats().reused), (1, 2));
    let again = fetch(service.clone(), get("/")).await.unwrap();
    assert!(!again.headers.contains_key("cache-status"));
    assert_eq!(upstream.calls(), 2);
    advance(Duration::from_secs(5)).await;
    let reused = fetch(service, get("/")).await.unwrap();
    assert_eq!(reused.headers["age"], "5");
    assert_eq!(
        reused.headers["cache-status"],
        "scrimp-coalesce; hit; detail=window"
    );
}

#[tokio::test(start_paused = true)]
async fn what_http_says_of_its_lifetime_comes_first() {
    let cases = [
        ("max-age=5", 4, 1),
        ("max-age=5", 6, 2),
        ("no-cache", 0, 2),
        ("private", 0, 2),
    ];
    for (control, seconds, calls) in cases {
        let (service, upstream) = over(&windowed(), move |_| {
            Reply::respond(answer(&[("cache-control", control)], feed()))
        });
        fetch(service.clone(), get("/")).await.unwrap();
        advance(Duration::from_secs(seconds)).await;
        fetch(service, get("/")).await.unwrap();
        assert_eq!(upstream.calls(), calls, "{control} after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_wants_it_fresh_is_not_given_it_again() {
    let (service, upstream) = over(&windowed(), |_| Reply::body(feed()));
    let fresh = || with("/", &[("cache-control", "no-cache")]);
    fetch(service.clone(), fresh()).await.unwrap();
    fetch(service, fresh()).await.unwrap();
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pragma_that_asks_for_nothing_fresh_is_given_it_again() {
    for (pragma, calls) in [("x-debug", 1), ("no-cache", 2)] {
        let (service, upstream) = over(&windowed(), |_| Reply::body(feed()));
        for _ in 0..2 {
            let request = with("/", &[("pragma", pragma)]);
            fetch(service.clone(), request).await.unwrap();
        }
        assert_eq!(upstream.calls(), calls, "{pragma}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_ended_cleanly_and_at_its_length_is_given_again() {
    let bodies: [fn() -> ScriptedBody; 4] = [
        || ScriptedBody::new(),
        || ScriptedBody::new().data("fe").error("reset"),
        || ScriptedBody::new().data("fe").wake().error("reset"),
        || ScriptedBody::new().data("fe").wake(),
    ];
    let twice = [("content-length", "4"), ("content-length", "5")];
    let (service, upstream) = over(&windowed(), move |_| {
        Reply::respond(answer(&twice, ScriptedBody::new().data("feed")))
    });
    for _ in 0..2 {
        let _ = fetch(service.clone(), get("/")).await;
    }
    assert_eq!(upstream.calls(), 2, "it announces two lengths");
    for body in bodies {
        let (service, upstream) = over(&windowed(), move |_| {
            Reply::respond(answer(&[("content-length", "4")], body()))
        });
        let _ = fetch(service.clone(), get("/")).await;
        let _ = fetch(service, get("/")).await;
        assert_eq!(upstream.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_of_its_target_ends_it() {
    let (service, upstream) = over(&windowed(), |_| Reply::body(feed()));
    for path in ["/a", "/b"] {
        fetch(service.clone(), get(path)).await.unwrap();
    }
    fetch(service.clone(), post("/a", "new")).await.unwrap();
    for path in ["/a", "/b"] {
        fetch(service.clone(), get(path)).await.unwrap();
    }
    assert_eq!(
        upstream.calls(),
        4,
        "of two GETs, a POST, and one GET again"
    );
}

#[tokio::test(start_paused = true)]
async fn it_can_be_told_to_forget_what_is_kept_and_what_is_under_way() {
    let layer = windowed();
    let gate = Gate::new();
    gate.open();
    let (service, upstream) = over(&layer, {
        let gate = gate.clone();
        move |_| Reply::body(feed()).gate(&gate)
    });
    fetch(service.clone(), get("/a")).await.unwrap();
    layer
        .handle()
        .forget(&"https://API.example.com/a".parse().unwrap());
    gate.shut();
    let before = begun(fetch(service.clone(), get("/a")));
    assert_eq!(upstream.calls(), 2);
    layer.handle().forget_all();
    let after = begun(fetch(service.clone(), get("/a")));
    assert_eq!(upstream.calls(), 3);
    gate.open();
    after.await.unwrap();
    before.await.unwrap();
    fetch(service, get("/a")).await.unwrap();
    let calls = upstream.calls();
    assert!(
        calls == 3 || calls == 4,
        "a late response from before is not reused"
    );
}

#[tokio::test(start_paused = true)]
async fn the_window_is_bounded_in_bytes() {
    let layer = CoalesceLayer::builder()
        .window(ReuseWindow::new().max_bytes(100_000))
        .build()
        .unwrap();
    let (service, _) = over(&layer, |_| {
        Reply::body(ScriptedBody::new().data(vec![0; 9_000]))
    });
    for number in 0..100 {
        fetch(service.clone(), get(&format!("/{number}")))
            .await
            .unwrap();
    }
    let stats = layer.stats();
    assert!(stats.window_bytes <= 100_000, "{stats:?}");
    assert!(stats.window_entries >= 5, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_long_enough_goes_alone_or_is_refused_with_a_reason() {
    for overflow in [Overflow::OwnCall, Overflow::Refuse] {
        let layer = CoalesceLayer::builder()
            .max_wait(Duration::from_secs(5))
            .overflow(overflow)
            .build()
            .unwrap();
        let (service, upstream) = over(&layer, |_| {
            Reply::body(feed()).delay(Duration::from_secs(20))
        });
        let leader = tokio::spawn(fetch(service.clone(), get("/")));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begin = tokio::time::Instant::now();
        let answer = fetch(service, get("/")).await.unwrap();
        let took = begin.elapsed().as_secs();
        match overflow {
            Overflow::OwnCall => assert_eq!((answer.status.as_u16(), took), (200, 25)),
            _ => {
                assert_eq!((answer.status.as_u16(), took), (503, 5));
                let reason = answer.headers["proxy-status"].to_str().unwrap();
                assert!(reason.contains("error=http_response_timeout"), "{reason}");
            }
        }
        assert_eq!(layer.stats().timed_out, 1);
        assert_eq!(
            leader.await.unwrap().unwrap().body,
            "feed",
            "its own call has no time limit"
        );
        let calls = 1 + usize::from(overflow == Overflow::OwnCall);
        assert_eq!(upstream.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_reaches_followers_when_the_upstream_sends_it() {
    let (service, _) = over(&CoalesceLayer::new(), |_| {
        let wait = Duration::from_secs(1);
        Reply::body(ScriptedBody::new().data("a").delay(wait).data("b")).delay(wait)
    });
    let begin = tokio::time::Instant::now();
    let follow = || {
        let service = service.clone();
        async move {
            let mut response = service.oneshot(get("/")).await.unwrap();
            response.frame().await.unwrap().unwrap();
            begin.elapsed()
        }
    };
    let calls: Vec<_> = (0..100).map(|_| tokio::spawn(follow())).collect();
    for call in calls {
        let behind = call.await.unwrap() - Duration::from_secs(1);
        assert!(
            behind <= Duration::from_millis(5),
            "{behind:?} behind the upstream"
        );
    }
}
