//! Failures of a provider, over real sockets.

mod faults;
mod rig;
mod server;

use http::StatusCode;
use http_body_util::BodyExt;
use scrimp_core::{RetryBudget, extensions::Repeatable};
use scrimp_cost_route::{Budget, Cap, Miss, Period, Tariff};

use rig::{cents, get, open, over, provider, request, send, two};
use server::{Act, Server};

async fn good() -> Server {
    Server::start(|_| Act::ok("fine")).await
}

fn misses(answer: &rig::Answer) -> Vec<Miss> {
    let decision = answer.decision.as_ref().expect("a decision");
    decision.tried.iter().map(|tried| tried.miss).collect()
}

/// Checks that a GET which the first provider fails by `act` goes to the second one.
async fn failed_over(act: Act, miss: Miss) {
    let (first, second) = (Server::start(move |_| act.clone()).await, good().await);
    let answer = get(&over(&two(&first, &second).build().unwrap())).await;
    assert_eq!((answer.from(), answer.text()), ("second", "fine"));
    assert_eq!(misses(&answer), [miss]);
    assert_eq!(
        first.seen()[0].head.lines().next(),
        Some("get /v1/things?x=1 http/1.1")
    );
}

#[tokio::test]
async fn a_provider_that_fails_with_500_is_stood_in_for() {
    failed_over(Act::status(500), Miss::Status(500)).await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_in_time_is_stood_in_for() {
    failed_over(Act::Stall, Miss::TimedOut).await;
}

#[tokio::test]
async fn a_reset_before_the_head_is_made_good() {
    failed_over(Act::Reset, Miss::Error).await;
}

#[tokio::test]
async fn a_head_whose_body_does_not_begin_is_not_waited_for() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    failed_over(Act::StallAfter(head.to_owned()), Miss::TimedOut).await;
}

#[tokio::test]
async fn a_body_that_is_malformed_from_its_start_is_made_good() {
    let nonsense = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnot a chunk";
    failed_over(Act::CutAfter(nonsense.to_owned()), Miss::Body).await;
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_never_a_clean_end() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let (first, second) = (
        Server::start(move |_| Act::CutAfter(half.to_owned())).await,
        good().await,
    );
    let answer = get(&over(&two(&first, &second).build().unwrap())).await;
    assert_eq!(answer.from(), "first");
    assert!(answer.body.is_err());
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn malformed_chunks_after_the_first_byte_are_an_error_too() {
    let bad = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n";
    let (first, second) = (
        Server::start(move |_| Act::CutAfter(bad.to_owned())).await,
        good().await,
    );
    let answer = get(&over(&two(&first, &second).build().unwrap())).await;
    assert!(answer.body.is_err());
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn who_says_retry_after_is_left_alone_until_then() {
    let limited = |_| Act::Answer(429, "retry-after: 3600\r\n", "later".to_owned());
    let (first, second) = (Server::start(limited).await, good().await);
    let service = over(&two(&first, &second).build().unwrap());
    for _ in 0..20 {
        assert_eq!(get(&service).await.from(), "second");
    }
    assert_eq!(first.calls(), 1);
}

#[tokio::test]
async fn a_slow_body_is_handed_on_as_it_comes() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let first = Server::start(move |_| Act::StallAfter(begun.to_owned())).await;
    let second = good().await;
    let response = open(
        &over(&two(&first, &second).build().unwrap()),
        request("GET", ""),
    )
    .await
    .unwrap();
    let frame = response.into_body().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "half");
    assert_eq!(second.calls(), 0);
}

#[tokio::test]
async fn if_all_are_down_the_caller_is_told_what_the_last_one_said() {
    let down = || Server::start(|_| Act::status(503));
    let (first, second) = (down().await, down().await);
    let answer = get(&over(&two(&first, &second).build().unwrap())).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::SERVICE_UNAVAILABLE, "failed")
    );
    assert_eq!((first.calls(), second.calls()), (1, 1));
}

#[tokio::test]
async fn the_provider_that_comes_back_first_is_found_though_all_are_out() {
    let first = Server::start(|_| Act::status(500)).await;
    let second = Server::start(|n| {
        if n < 5 {
            Act::status(500)
        } else {
            Act::ok("back")
        }
    })
    .await;
    let layer = two(&first, &second)
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
        .build()
        .unwrap();
    let service = over(&layer);
    let mut row = 0;
    for _ in 0..40 {
        let back = get(&service).await.status == StatusCode::OK;
        row = if back { row + 1 } else { 0 };
    }
    assert!(row >= 25, "the last {row} of 40 went well");
}

#[tokio::test]
async fn flapping_costs_callers_nothing_while_another_is_well() {
    let flapping = |n: usize| {
        if (n / 3).is_multiple_of(2) {
            Act::status(500)
        } else {
            Act::ok("fine")
        }
    };
    let (first, second) = (Server::start(flapping).await, good().await);
    let layer = two(&first, &second)
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
        .build()
        .unwrap();
    let service = over(&layer);
    for _ in 0..60 {
        assert_eq!(get(&service).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_partial_outage_costs_callers_nothing_while_another_is_well() {
    let partial = |n: usize| {
        if n % 10 < 3 {
            Act::Reset
        } else {
            Act::ok("fine")
        }
    };
    let (first, second) = (Server::start(partial).await, good().await);
    let layer = two(&first, &second)
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
        .build()
        .unwrap();
    let service = over(&layer);
    for _ in 0..100 {
        assert_eq!(get(&service).await.text(), "fine");
    }
}

#[tokio::test]
async fn a_new_price_counts_from_the_next_request_on() {
    let (first, second) = (good().await, good().await);
    let layer = two(&first, &second).build().unwrap();
    let service = over(&layer);
    let under_way = open(&service, request("GET", "")).await.unwrap();
    let dear = Tariff::new(scrimp_core::Currency::USD).per_request(cents(50));
    assert!(layer.providers().set_price("first", dear).unwrap());
    assert_eq!(get(&service).await.from(), "second");
    assert_eq!(
        under_way.into_body().collect().await.unwrap().to_bytes(),
        "fine"
    );
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_not_sent_twice() {
    let (first, second) = (Server::start(|_| Act::status(500)).await, good().await);
    let service = over(&two(&first, &second).build().unwrap());
    let answer = send(&service, request("POST", "pay")).await.unwrap();
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(second.calls(), 0);
    let mut again = request("POST", "pay");
    again
        .headers_mut()
        .insert("idempotency-key", "k1".parse().unwrap());
    assert_eq!(send(&service, again).await.unwrap().from(), "second");
    let mut read = request("POST", "query");
    read.extensions_mut().insert(Repeatable);
    assert_eq!(send(&service, read).await.unwrap().from(), "second");
}

#[tokio::test]
async fn a_429_says_that_it_was_not_done_so_it_may_be_sent_elsewhere() {
    let (first, second) = (Server::start(|_| Act::status(429)).await, good().await);
    let answer = send(
        &over(&two(&first, &second).build().unwrap()),
        request("POST", "pay"),
    )
    .await
    .unwrap();
    assert_eq!((answer.from(), second.seen()[0].body), ("second", 3));
}

#[tokio::test]
async fn a_body_above_the_limit_streams_and_is_sent_once() {
    let (first, second) = (Server::start(|_| Act::status(500)).await, good().await);
    let service = over(&two(&first, &second).buffer(1_000).build().unwrap());
    let answer = send(&service, request("PUT", vec![b'x'; 1_000_000]))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!((first.seen()[0].body, second.calls()), (1_000_000, 0));
    let answer = send(&service, request("PUT", vec![b'x'; 1_000]))
        .await
        .unwrap();
    assert_eq!((answer.from(), second.seen()[0].body), ("second", 1_000));
}

#[tokio::test]
async fn a_caller_that_leaves_hangs_up_on_the_provider_and_pays_for_what_came() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n".to_owned() + &"x".repeat(1_024);
    let first = Server::start(move |_| Act::StallAfter(begun.clone())).await;
    let second = good().await;
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let per_kib = Tariff::new(scrimp_core::Currency::USD)
        .per_request(cents(1))
        .per_kib_out(cents(3));
    let layer = two(&first, &second).budget(budget.clone()).build().unwrap();
    let providers = layer.providers();
    assert!(providers.set_price("first", per_kib.clone()).unwrap());
    providers.put(provider("second", &second, 90)).unwrap();
    let response = open(&over(&layer), request("GET", "")).await.unwrap();
    let mut body = response.into_body();
    let mut seen = 0;
    while seen < 1_024 {
        seen += body
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len();
    }
    drop(body);
    first.hung_up_on().await;
    assert_eq!(budget.snapshot()[0].spent, cents(4));
    assert!(
        budget.reserve(cents(96), "", "first", "").is_ok(),
        "nothing stays reserved"
    );
}

#[tokio::test]
async fn retries_stop_when_their_budget_is_used_up() {
    let (first, second) = (
        Server::start(|_| Act::status(500)).await,
        Server::start(|_| Act::status(500)).await,
    );
    let layer = two(&first, &second)
        .retry_budget(RetryBudget::new(0.0, 4).unwrap())
        .build()
        .unwrap();
    let service = over(&layer);
    for _ in 0..20 {
        get(&service).await;
    }
    assert_eq!(first.calls() + second.calls(), 24);
}
