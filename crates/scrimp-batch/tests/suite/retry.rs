//! Retries of transient failures, and pauses of a lane.

use crate::support;

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use scrimp_core::RetryBudget;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Layer;

use support::{Upstream, all, get, layer, post, reason, send, status};

#[tokio::test(start_paused = true)]
async fn few_transient_failures_are_retried_alone() {
    let upstream = Upstream::rest(|url, call| match (url, call) {
        ("/3", 0 | 1) => status(503, json!(null)),
        _ => status(200, json!(url)),
    });
    let answers = all(
        &layer().build().unwrap(),
        &upstream,
        (0..5).map(|n| get(&format!("/{n}"))),
    )
    .await;
    assert!(
        answers.iter().all(|answer| answer.status() == 200),
        "{answers:?}"
    );
    assert_eq!(upstream.paths(), ["/batch", "/3", "/3"]);
}

#[tokio::test(start_paused = true)]
async fn many_transient_failures_are_passed_on_and_the_lane_pauses() {
    let upstream = Upstream::rest(|url, call| match url {
        "/1" | "/2" | "/3" if call == 0 => {
            let mut response = status(429, json!({"slow": "down"}));
            response
                .headers_mut()
                .insert("retry-after", "7".parse().unwrap());
            response
        }
        _ => status(200, json!(url)),
    });
    let (layer, start) = (layer().build().unwrap(), Instant::now());
    let service = layer.layer(upstream.clone());
    let calls = (0..5).map(|n| send(service.clone(), get(&format!("/{n}"))));
    let answers: Vec<_> = join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(codes, [200, 429, 429, 429, 200]);
    assert_eq!((upstream.calls(), start.elapsed()), (1, Duration::ZERO));
    send(service, get("/9")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_the_upstream_asks() {
    let upstream = Upstream::rest(|url, call| match (url, call) {
        ("/1", 0) => {
            let mut response = status(429, json!(null));
            response
                .headers_mut()
                .insert("retry-after", "3".parse().unwrap());
            response
        }
        _ => status(200, json!(url)),
    });
    let start = Instant::now();
    let answers = all(&layer().build().unwrap(), &upstream, ["/0", "/1"].map(get)).await;
    assert_eq!(answers[1].body(), "\"/1\"");
    assert!(start.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_critical_failure_ends_all_retries_and_loses_no_answer() {
    let upstream = Upstream::rest(|url, _| match url {
        "/0" => status(401, json!("who?")),
        "/1" => status(503, json!("later")),
        _ => status(200, json!("fine")),
    });
    let answers = all(
        &layer().build().unwrap(),
        &upstream,
        (0..9).map(|n| get(&format!("/{n}"))),
    )
    .await;
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(codes, [401, 503, 200, 200, 200, 200, 200, 200, 200]);
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_retry_budget_limits_retries() {
    let upstream = Upstream::rest(|_, _| status(503, json!(null)));
    let layer = layer()
        .retry_budget(RetryBudget::new(0.0, 1).unwrap())
        .retries(9)
        .build()
        .unwrap();
    all(&layer, &upstream, ["/0"].map(get)).await;
    let upstream =
        Upstream::rest(|url, _| status(if url == "/1" { 503 } else { 200 }, json!(null)));
    all(&layer, &upstream, ["/0", "/1"].map(get)).await;
    assert_eq!(upstream.paths(), ["/batch", "/1"]);
}

#[tokio::test(start_paused = true)]
async fn an_item_without_an_answer_is_retried_if_it_may_be_repeated_and_else_missing() {
    let leave_out = |request: Request<bytes::Bytes>| async move {
        if request.uri().path() != "/batch" {
            return Ok(Response::new(Full::from("\"alone\"")));
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let id = &asked["requests"][0]["id"];
        let body = json!({"responses": [{"id": id, "status": 200, "body": 1}]});
        Ok(Response::new(Full::from(body.to_string())))
    };
    let answers = all(
        &layer().build().unwrap(),
        &Upstream::new(leave_out),
        ["/0", "/1"].map(get),
    )
    .await;
    assert_eq!(answers[1].body(), "\"alone\"");
    // A POST may have been carried out: it is not sent again.
    let requests = [get("/0"), post("/1", "{}")];
    let answers = all(
        &layer().build().unwrap(),
        &Upstream::new(leave_out),
        requests,
    )
    .await;
    assert_eq!(
        (answers[0].body().as_str(), answers[1].status().as_u16()),
        ("1", 502)
    );
    assert_eq!(reason(&answers[1]), "missing");
}

/// Returns a date this many seconds after the Date of [`dated`] responses.
fn date(seconds: u64) -> HeaderValue {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    scrimp_http::date::format(moment).unwrap()
}

/// Sets Date, and Retry-After with a date this many seconds later.
fn dated<B>(response: &mut Response<B>, retry_after: u64) {
    let headers = response.headers_mut();
    headers.insert("date", date(0));
    headers.insert("retry-after", date(retry_after));
}

#[tokio::test(start_paused = true)]
async fn a_date_in_retry_after_is_understood_in_an_item() {
    let upstream = Upstream::rest(|url, call| match (call, url) {
        (0, "/1") => {
            let mut response = status(429, json!(null));
            dated(&mut response, 7);
            response
        }
        _ => status(200, json!(url)),
    });
    let start = Instant::now();
    let answers = all(
        &layer().build().unwrap(),
        &upstream,
        (0..8).map(|n| get(&format!("/{n}"))),
    )
    .await;
    assert_eq!(answers[1].status(), 200);
    let waited = start.elapsed().as_secs();
    assert!((7..9).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn a_date_in_an_item_is_measured_from_the_date_of_the_envelope() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        if request.uri().path() != "/batch" {
            return Ok(Response::new(Full::from("fine")));
        }
        let later = date(7);
        let headers = json!({"retry-after": later.to_str().unwrap()});
        let answers = json!([
            {"id": "1", "status": 200, "body": 1},
            {"id": "2", "status": 429, "headers": headers},
        ]);
        let body = json!({"responses": answers}).to_string();
        let mut response = Response::new(Full::from(body));
        response.headers_mut().insert("date", date(0));
        Ok(response)
    });
    let start = Instant::now();
    let answers = all(&layer().build().unwrap(), &upstream, ["/1", "/2"].map(get)).await;
    assert_eq!(answers[1].body(), "fine");
    let waited = start.elapsed().as_secs();
    assert!((7..9).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn a_date_in_retry_after_is_understood_on_the_whole_response() {
    let down = Upstream::new(move |_| async move {
        let mut response = status(503, json!("down")).map(|body| Full::from(body.to_string()));
        dated(&mut response, 30);
        Ok(response)
    });
    let service = layer().build().unwrap().layer(down.clone());
    let two = || ["/1", "/2"].map(|path| send(service.clone(), get(path)));
    join_all(two()).await;
    let start = Instant::now();
    join_all(two()).await;
    let waited = start.elapsed().as_secs();
    assert!((30..32).contains(&waited), "{waited} s");
}
