//! Failures of a CDN: no purge is lost, and no request waits for one.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_cdn::{CdnPurger, CdnPurgerBuilder, Fastly};
use tower::{Layer, ServiceExt, service_fn};

use crate::rig::{
    Answer::{self, Panic, Silence, Status, Unreachable},
    Script, invalidate, tags,
};

fn builder() -> CdnPurgerBuilder {
    CdnPurger::builder(Fastly::new("s", "t")).gather(Duration::ZERO)
}

async fn delivered(answers: impl IntoIterator<Item = Answer>) -> (Script, CdnPurger) {
    let script = Script::new(answers);
    let purger = builder().build(script.service()).unwrap();
    invalidate(&purger, &[Invalidation::tag("a")]);
    purger.delivered().await;
    let stats = purger.stats();
    assert_eq!((stats.delivered, stats.succeeded), (1, 1), "{stats:?}");
    assert_eq!(stats.calls, stats.failed + 1, "{stats:?}");
    (script, purger)
}

#[tokio::test(start_paused = true)]
async fn a_429_waits_as_long_as_it_says() {
    let (script, _) = delivered([Status(429, &[("retry-after", "7")])]).await;
    let pause = script.pauses()[0];
    assert!(
        pause >= Duration::from_secs(7) && pause < Duration::from_millis(7_010),
        "{pause:?}"
    );
    let date = &[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"),
    ];
    let (script, _) = delivered([Status(503, date)]).await;
    assert_eq!(script.pauses()[0].as_secs(), 60);
    // Fastly names the time, in seconds since 1970.
    let reset = &[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("fastly-ratelimit-reset", "784111807"),
    ];
    let (script, _) = delivered([Status(429, reset)]).await;
    assert_eq!(script.pauses()[0].as_secs(), 30);
    // It stands on other responses too, where it is no request to wait.
    let (script, _) = delivered([Status(503, reset)]).await;
    assert!(script.pauses()[0].as_secs() < 30);
    // No wait is shorter than without the field.
    let (script, _) = delivered([Status(503, &[("retry-after", "0")])]).await;
    assert!(!script.pauses()[0].is_zero());
    // A year is too long.
    let (script, _) = delivered([Status(429, &[("retry-after", "31536000")])]).await;
    assert_eq!(script.pauses()[0].as_secs(), 3_600);
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_the_longest() {
    let script = Script::new(
        [
            Status(500, &[]),
            Status(502, &[]),
            Unreachable,
            Status(401, &[]),
        ]
        .into_iter()
        .chain(std::iter::repeat_n(Unreachable, 6)),
    );
    let purger = builder()
        .retries(Duration::from_secs(1), Duration::from_secs(30))
        .build(script.service())
        .unwrap();
    invalidate(&purger, &[Invalidation::tag("a")]);
    purger.delivered().await;
    let longest = [1, 2, 4, 8, 16, 30, 30, 30, 30, 30];
    let pauses = script.pauses();
    assert_eq!(pauses.len(), longest.len());
    for (pause, most) in pauses.iter().zip(longest) {
        let most = Duration::from_secs(most) + Duration::from_millis(2);
        assert!(*pause <= most && *pause >= most.mul_f64(0.49), "{pauses:?}");
    }
    let stats = purger.stats();
    assert_eq!((stats.failed, stats.entries, stats.in_flight), (10, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_silent_or_panicking_transport_is_tried_again() {
    let (_, purger) = delivered([Silence, Panic, Silence]).await;
    assert_eq!(purger.stats().timed_out, 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_does_not_hold_up_the_others_and_becomes_wider() {
    // Four keys, their first half, and the first of them are refused.
    let refusal = || Status(400, &[]);
    let script = Script::new([refusal(), refusal(), Status(200, &[]), refusal()]);
    let purger = builder().parallel(1).build(script.service()).unwrap();
    invalidate(&purger, &tags(4));
    purger.delivered().await;
    let paths = ["", "", "", "/t0", "/t1", "_all"];
    assert_eq!(
        script.paths(),
        paths.map(|path| format!("/service/s/purge{path}"))
    );
    assert_eq!(purger.stats().widened, 1);
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_everything_that_is_refused_is_tried_until_it_is_accepted() {
    let refusals = std::iter::repeat_n(Status(400, &[]), 5);
    let script = Script::new(refusals);
    let purger = builder().build(script.service()).unwrap();
    invalidate(&purger, &[Invalidation::everything()]);
    purger.delivered().await;
    assert_eq!(script.calls(), 6);
    assert!(
        script
            .pauses()
            .iter()
            .all(|pause| *pause >= Duration::from_millis(250))
    );
}

#[tokio::test(start_paused = true)]
async fn users_do_not_notice_an_unreachable_cdn_and_the_purge_is_delivered_later() {
    let script = Script::default();
    script.set_down(true);
    let purger = builder().build(script.service()).unwrap();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).purger(purger.clone());
    let cache = cache.build().unwrap();
    let upstream = service_fn(|_: Request<Full<Bytes>>| async {
        let response = Response::builder()
            .header("cache-control", "max-age=86400")
            .header("surrogate-key", "a");
        Ok::<_, std::io::Error>(response.body(Full::<Bytes>::from("page")).unwrap())
    });
    let service = cache.layer(upstream);
    let ask = async || {
        let start = tokio::time::Instant::now();
        let request = Request::get("http://a.test/")
            .body(Full::default())
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let status = response.headers()["cache-status"]
            .to_str()
            .unwrap()
            .contains("; hit");
        response.into_body().collect().await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        status
    };
    assert!(!ask().await);
    assert!(ask().await);
    cache.invalidator().invalidate(&Invalidation::tag("a"));
    assert!(!ask().await, "it is gone here at once");
    assert!(ask().await);
    // An hour later it is still tried, at most once a minute.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(
        script.calls() > 60 && script.calls() < 140,
        "{}",
        script.calls()
    );
    assert_eq!(purger.stats().entries + purger.stats().in_flight, 1);
    assert!(ask().await);
    script.set_down(false);
    purger.delivered().await;
    assert_eq!(script.paths().last().unwrap(), "/service/s/purge/a");
    assert_eq!(purger.stats().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundredfold_of_the_queue_is_one_purge_of_everything_once_the_cdn_is_back() {
    let script = Script::default();
    script.set_down(true);
    let purger = builder().capacity(100).build(script.service()).unwrap();
    for n in 0..10_000 {
        invalidate(&purger, &[Invalidation::tag(format!("t{n}"))]);
        if n % 1_000 == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(purger.stats().entries <= 101);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = script.calls();
    script.set_down(false);
    purger.delivered().await;
    assert_eq!(script.paths()[before..], ["/service/s/purge_all"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_wider_purge_is_counted_where_it_is_lost() {
    let script = Script::default();
    script.set_down(true);
    let nginx = scrimp_cdn::Nginx::new("http://127.0.0.1:1");
    let purger = CdnPurger::builder(nginx)
        .capacity(16)
        .build(script.service());
    let purger = purger.unwrap();
    let url = |n| Invalidation::uri(format!("http://a.test/{n}").parse().unwrap());
    for n in 0..1_600 {
        invalidate(&purger, &[url(n)]);
        assert!(purger.stats().entries <= 16);
    }
    invalidate(&purger, &tags(1));
    assert_eq!((purger.stats().lost, purger.stats().skipped), (1_584, 1));
    script.set_down(false);
    purger.delivered().await;
    assert_eq!(purger.stats().delivered, 16);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_never_accepted_holds_up_no_other() {
    let accepted = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let told = accepted.clone();
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let is_bad = request.uri().path().contains("bad");
        told.add_permits(usize::from(!is_bad));
        let status = if is_bad { 404 } else { 200 };
        let response = Response::builder().status(status);
        std::future::ready(response.body(Full::<Bytes>::default()))
    });
    let purger = builder().parallel(1).build(service).unwrap();
    let uri = |host: &str| Invalidation::uri(format!("http://{host}.test/").parse().unwrap());
    let mut all = vec![uri("bad")];
    all.extend((0..20).map(|n| uri(&format!("good{n}"))));
    invalidate(&purger, &all);
    accepted.acquire_many(20).await.unwrap().forget();
    let stats = purger.stats();
    assert!(stats.failed >= 3 && stats.delivered >= 19, "{stats:?}");
    assert_eq!(stats.lost, 0, "{stats:?}");
}
