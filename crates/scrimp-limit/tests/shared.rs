//! Limits that a fleet shares, over a rate of the tests' own.

use std::{sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use scrimp_core::{NotTaken, RateRule, RateTake, SharedRate};
use scrimp_limit::{LimitLayer, LimitLayerBuilder};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

type Body = http_body_util::Empty<bytes::Bytes>;

/// A subject, its rule, a weight, and the longest wait.
type Asked = (Vec<u8>, RateRule, u64, Duration);

/// A rate with one answer, which remembers the questions.
#[derive(Debug, Clone)]
struct Rate {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Answer,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Pass,
    After(Duration),
    Not(NotTaken),
    NotAfterAll(NotTaken),
}

impl Rate {
    fn answering(answer: Answer) -> Self {
        let asked = Arc::default();
        Self { asked, answer }
    }
}

impl SharedRate for Rate {
    fn take(&self, subject: &[u8], rule: RateRule, weight: u64, most: Duration) -> RateTake {
        self.asked.lock().push((subject.into(), rule, weight, most));
        match self.answer {
            Answer::Pass => RateTake::Pass,
            Answer::After(time) => RateTake::Wait(Box::pin(async move {
                sleep(time).await;
                Ok(())
            })),
            Answer::Not(reason) => RateTake::NotTaken(reason),
            Answer::NotAfterAll(reason) => RateTake::Wait(Box::pin(async move { Err(reason) })),
        }
    }
}

async fn ask(layer: &LimitLayer, user: &str) -> Response<impl Sized> {
    let client = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Body::new()))
    }));
    let request = Request::get("/").header("user", user).body(Body::new());
    client
        .oneshot(request.expect("a request"))
        .await
        .expect("no error")
}

fn limit(rate: &Rate) -> LimitLayerBuilder {
    LimitLayer::per_second(1)
        .burst(3)
        .weight(|_| 2)
        .key(|parts| parts.headers.get("user").cloned())
        .shared(rate.clone())
}

#[tokio::test(start_paused = true)]
async fn two_processes_name_a_key_alike_and_two_keys_differently() {
    let rate = Rate::answering(Answer::Pass);
    let layers = [0, 1].map(|_| limit(&rate).build().expect("settings"));
    for (layer, user) in [(0, "ann"), (1, "ann"), (1, "bob")] {
        assert_eq!(ask(&layers[layer], user).await.status(), StatusCode::OK);
    }
    let asked = rate.asked.lock();
    assert_eq!(asked[0], asked[1]);
    assert_ne!(asked[0].0, asked[2].0);
    let (_, rule, weight, most) = asked[0].clone();
    assert_eq!(rule, RateRule::new(1_000_000_000, 3));
    assert_eq!((weight, most), (2, Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_time_that_all_processes_give_it() {
    let rate = Rate::answering(Answer::After(Duration::from_secs(3)));
    let layer = limit(&rate).build().expect("settings");
    let start = Instant::now();
    assert_eq!(ask(&layer, "ann").await.status(), StatusCode::OK);
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!((layer.stats().waited, layer.stats().waiting), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_be_late_is_refused_with_the_time_to_come_again() {
    let late = NotTaken::Late(Duration::from_millis(11_500));
    for answer in [Answer::Not(late), Answer::NotAfterAll(late)] {
        let layer = limit(&Rate::answering(answer)).build().expect("settings");
        let refused = ask(&layer, "ann").await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["retry-after"], "12");
        assert_eq!(layer.stats().refused, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_cannot_ask_keeps_to_the_limit_on_its_own() {
    for answer in [
        Answer::Not(NotTaken::Unknown),
        Answer::NotAfterAll(NotTaken::Unknown),
    ] {
        let layer = limit(&Rate::answering(answer)).build().expect("settings");
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(ask(&layer, "ann").await.status(), StatusCode::OK);
        }
        // Six units, three of them at once.
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_wait_for_other_processes_than_the_setting_says() {
    let rate = Rate::answering(Answer::After(Duration::from_secs(3)));
    let layer = limit(&rate).max_waiters(10).build().expect("settings");
    let asks = (0..1_000).map(|_| ask(&layer, "ann"));
    let answers = futures_util::future::join_all(asks).await;
    let passed = answers.iter().filter(|answer| answer.status().is_success());
    assert_eq!(passed.count(), 10);
    assert_eq!(answers[999].status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_place_to_wait_takes_nothing_that_it_would_wait_for() {
    let late = NotTaken::Late(Duration::from_secs(2));
    let rate = Rate::answering(Answer::Not(late));
    let layer = limit(&rate).max_waiters(0).build().expect("settings");
    let refused = ask(&layer, "ann").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "2");
    assert_eq!(rate.asked.lock()[0].3, Duration::ZERO);
    // What is there passes.
    let layer = limit(&Rate::answering(Answer::Pass)).max_waiters(0);
    let layer = layer.build().expect("settings");
    assert_eq!(ask(&layer, "ann").await.status(), StatusCode::OK);
    assert_eq!(layer.stats().waiting, 0);
}
