//! Time-outs and deadlines.

use crate::support;

use std::{future::pending, time::Duration};

use futures_util::future::{join, join_all};
use http::{Request, Response};
use http_body_util::Full;
use scrimp_core::extensions::Deadline;
use serde_json::json;
use tokio::time::Instant;
use tower::Layer;

use support::{MS, Upstream, all, envelope, get, layer, post, reason, send, status};

#[tokio::test(start_paused = true)]
async fn items_of_a_batch_that_timed_out_are_sent_alone_if_they_may_be_repeated() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        if request.uri().path() == "/batch" {
            pending::<()>().await;
        }
        Ok(Response::new(Full::from(request.uri().path().to_owned())))
    });
    let start = Instant::now();
    let put = {
        let mut put = post("/3", "{}");
        *put.method_mut() = http::Method::PUT;
        put
    };
    let keyed = {
        let mut keyed = post("/4", "{}");
        keyed
            .headers_mut()
            .insert("idempotency-key", "k".parse().unwrap());
        keyed
    };
    let layer = layer().build().unwrap();
    let requests = [get("/1"), post("/2", "{}"), put, keyed];
    let answers = all(&layer, &upstream, requests).await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(
        [0, 2, 3].map(|n| answers[n].body().as_str()),
        ["/1", "/3", "/4"]
    );
    assert_eq!(
        (answers[1].status().as_u16(), reason(&answers[1]).as_str()),
        (504, "ambiguous")
    );
    let stats = layer.stats();
    assert_eq!((stats.fell_back, stats.ambiguous), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_leaves_time_for_one_more_call() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        if request.uri().path() == "/batch" {
            pending::<()>().await;
        }
        // It takes a little less than the call that the layer knows.
        let known = request.uri().path() == "/learn";
        tokio::time::sleep(if known { 100 * MS } else { 90 * MS }).await;
        Ok(Response::new(Full::from("alone")))
    });
    let layer = layer().build().unwrap();
    let service = layer.layer(upstream);
    send(service.clone(), get("/learn")).await.unwrap();
    let start = Instant::now();
    let mut urgent = get("/1");
    urgent
        .extensions_mut()
        .insert(Deadline(start + Duration::from_secs(1)));
    let (one, _) = join(send(service.clone(), urgent), send(service, get("/2"))).await;
    assert_eq!(one.unwrap().body(), "alone");
    assert_eq!(start.elapsed(), 990 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_deadline_passes_in_a_pause_gets_a_problem_and_is_not_sent() {
    let upstream = Upstream::rest(|url, call| match call {
        0 => {
            let mut response = status(429, json!(null));
            response
                .headers_mut()
                .insert("retry-after", "7".parse().unwrap());
            response
        }
        _ => status(200, json!(url)),
    });
    let service = layer().build().unwrap().layer(upstream.clone());
    let calls = ["/1", "/2"].map(|path| send(service.clone(), get(path)));
    join_all(calls).await;
    let mut hasty = get("/3");
    let deadline = Instant::now() + Duration::from_secs(1);
    hasty.extensions_mut().insert(Deadline(deadline));
    let answer = send(service, hasty).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), reason(&answer).as_str()),
        (504, "deadline")
    );
    assert_eq!(upstream.calls(), 1);
}

/// Gives a request a time limit from now on.
fn within(mut request: Request<Full<bytes::Bytes>>, time: Duration) -> Request<Full<bytes::Bytes>> {
    let deadline = Deadline(Instant::now() + time);
    request.extensions_mut().insert(deadline);
    request
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_answered_at_its_deadline_and_the_others_of_its_batch_are_not() {
    let seen = |request: &Request<bytes::Bytes>| {
        let own = request.extensions().get::<Deadline>();
        assert_eq!(own, None, "the limit of one caller of several");
    };
    let upstream = Upstream::new(move |request: Request<bytes::Bytes>| async move {
        seen(&request);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let response = envelope(&request, |url| status(200, json!(url)));
        Ok(response.map(|body| Full::new(body.into())))
    });
    let service = layer().build().unwrap().layer(upstream.clone());
    let start = Instant::now();
    let hasty = within(get("/1"), Duration::from_secs(1));
    let late = async {
        let late = send(service.clone(), hasty).await.unwrap();
        (late, start.elapsed())
    };
    // A write must not be sent again, so its call goes on.
    let (late, other) = join(late, send(service.clone(), post("/2", "{}"))).await;
    let (late, waited) = late;
    assert_eq!(
        (late.status().as_u16(), reason(&late).as_str()),
        (504, "deadline")
    );
    assert_eq!(waited, Duration::from_secs(1));
    assert_eq!(other.unwrap().status(), 200);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(upstream.calls(), 1);
}
