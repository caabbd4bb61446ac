//! What a batch of HTTP requests does with answers, good and bad.

mod support;

use std::{
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use futures_util::future::{join, join_all};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use scrimp_batch::{BatchLayer, BatchLayerBuilder, BatchWindow, RestJson};
use scrimp_core::{
    BodyDigest, Ledger, Money, RetryBudget, Totals,
    extensions::{Charge, Deadline, OtherCharges, Repeatable, Since, Tenant},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Layer;

use support::{Body, MS, Upstream, get, post, send, status};

fn layer() -> BatchLayerBuilder<RestJson> {
    BatchLayer::builder(RestJson::new("/batch").any_method())
}

fn echo() -> Upstream {
    Upstream::rest(|url, _| status(200, json!({"you asked": url})))
}

async fn all(
    layer: &BatchLayer<RestJson>,
    upstream: &Upstream,
    requests: impl IntoIterator<Item = Request<Body>>,
) -> Vec<Response<String>> {
    let service = layer.layer(upstream.clone());
    let calls = requests
        .into_iter()
        .map(|request| send(service.clone(), request));
    join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn reason(response: &Response<String>) -> String {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(body["status"], response.status().as_u16());
    body["type"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .into()
}

#[tokio::test(start_paused = true)]
async fn twenty_widgets_are_one_call() {
    let upstream = echo();
    let paths: Vec<_> = (0..20).map(|n| format!("/metrics/{n}?q=\"a\"")).collect();
    let paths: Vec<_> = paths.iter().map(|path| path.replace('"', "%22")).collect();
    let answers = all(
        &layer().build().unwrap(),
        &upstream,
        paths.iter().map(|path| get(path)),
    )
    .await;
    assert_eq!(upstream.paths(), ["/batch"]);
    for (path, answer) in paths.iter().zip(answers) {
        assert_eq!(answer.body(), &json!({"you asked": path}).to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_a_layer_share_batches_if_they_are_let() {
    for (builder, calls) in [(layer(), 3), (layer().share_services(), 1)] {
        let layer = builder.window(BatchWindow::fixed(MS)).build().unwrap();
        let upstream = echo();
        // As axum makes them.
        let service = || layer.clone().layer(upstream.clone());
        let asked = ["/1", "/2", "/3"].map(|path| send(service(), get(path)));
        let answers = join_all(asked).await;
        for (path, answer) in ["/1", "/2", "/3"].into_iter().zip(answers) {
            let expected = json!({ "you asked": path }).to_string();
            assert_eq!(answer.unwrap().body(), &expected);
        }
        assert_eq!(upstream.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_says_whether_all_that_is_in_it_may_be_repeated() {
    let asked = [
        (vec![get("/1"), get("/2")], true),
        (vec![get("/1"), post("/2", "{}")], false),
    ];
    for (requests, repeatable) in asked {
        let upstream = echo();
        all(&layer().build().unwrap(), &upstream, requests).await;
        let batch = &upstream.requests()[0];
        assert_eq!(batch.uri().path(), "/batch");
        let said = batch.extensions().get::<Repeatable>().is_some();
        assert_eq!(said, repeatable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_known_by_the_body_of_one_and_is_as_recent_as_all_want_it() {
    for (logs, wanted) in [
        ([1, 1], Since { log: 1, at: 9 }),
        (
            [1, 2],
            Since {
                log: 1,
                at: u64::MAX,
            },
        ),
    ] {
        let upstream = echo();
        let requests = [(0, 3), (1, 9)].map(|(n, at)| {
            let mut request = get(&format!("/metrics/{n}"));
            let extensions = request.extensions_mut();
            extensions.insert(BodyDigest([7; 32]));
            extensions.insert(Since { log: logs[n], at });
            request
        });
        all(&layer().build().unwrap(), &upstream, requests).await;
        let batch = &upstream.requests()[0];
        assert_eq!(batch.uri().path(), "/batch");
        assert_eq!(batch.extensions().get::<BodyDigest>(), None);
        assert_eq!(batch.extensions().get::<Since>(), Some(&wanted));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_company_goes_as_it_was() {
    let upstream = echo();
    let mut request = get("/metrics/7");
    request.headers_mut().insert("x-mark", "1".parse().unwrap());
    all(&layer().build().unwrap(), &upstream, [request]).await;
    assert_eq!(upstream.paths(), ["/metrics/7"]);
    assert_eq!(upstream.requests()[0].headers()["x-mark"], "1");
}

#[tokio::test(start_paused = true)]
async fn who_asks_with_other_credentials_or_for_another_tenant_or_host_shares_no_batch() {
    let with = |name: &'static str, value: &str, path: &str| {
        let mut request = get(path);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let tenant = |name: &str, path: &str| {
        let mut request = get(path);
        request.extensions_mut().insert(Tenant(name.into()));
        request
    };
    let other = Request::get("http://other.example.com/a")
        .body(Body::default())
        .unwrap();
    let requests = [
        with("authorization", "Bearer a", "/1"),
        with("authorization", "Bearer a", "/2"),
        with("authorization", "Bearer b", "/3"),
        with("cookie", "s=1", "/4"),
        with("x-api-key", "k", "/5"),
        tenant("acme", "/6"),
        other,
        get("/7"),
        get("/8"),
    ];
    let upstream = echo();
    all(&layer().build().unwrap(), &upstream, requests).await;
    let mut paths = upstream.paths();
    paths.sort();
    assert_eq!(paths, ["/3", "/4", "/5", "/6", "/a", "/batch", "/batch"]);
    let batches = upstream
        .requests()
        .into_iter()
        .filter(|request| request.uri().path() == "/batch");
    let credentials: Vec<_> = batches
        .map(|request| request.headers().get(AUTHORIZATION).cloned())
        .collect();
    assert!(credentials.contains(&Some("Bearer a".parse().unwrap())));
    assert!(credentials.contains(&None));
}

#[tokio::test(start_paused = true)]
async fn equal_requests_are_sent_once_and_each_gets_the_answer() {
    let upstream = echo();
    let answers = all(
        &layer().build().unwrap(),
        &upstream,
        ["/a", "/b", "/a", "/a"].map(get),
    )
    .await;
    assert_eq!(upstream.json(0)["requests"].as_array().unwrap().len(), 2);
    assert!(
        [0, 2, 3]
            .iter()
            .all(|n| answers[*n].body() == answers[0].body())
    );
    assert_ne!(answers[0].body(), answers[1].body());
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_the_moment_is_tried_again_alone_if_it_is_little() {
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
async fn what_fails_for_the_moment_is_passed_on_if_it_is_much_and_the_lane_pauses() {
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
async fn a_critical_failure_ends_all_attempts_and_loses_no_answer() {
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
async fn the_retry_budget_bounds_attempts() {
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
async fn an_item_left_out_is_asked_for_again_and_else_is_missing() {
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

#[tokio::test(start_paused = true)]
async fn a_batch_that_takes_too_long_is_sent_one_by_one_where_that_is_safe() {
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
        tokio::time::sleep(100 * MS).await;
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
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

/// Takes up to `most` items, and refuses batches with a poisoned one.
fn choosy(most: usize) -> Upstream {
    Upstream::new(move |request: Request<bytes::Bytes>| async move {
        if request.uri().path() != "/batch" {
            let code = if request.uri().path() == "/poison" {
                400
            } else {
                200
            };
            let answer = status(code, json!(request.uri().path()));
            return Ok(answer.map(|body| Full::from(body.to_string())));
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let items = asked["requests"].as_array().unwrap();
        let code = match items.len() {
            len if len > most => 413,
            _ if items.iter().any(|item| item["url"] == "/poison") => 400,
            _ => 200,
        };
        let answers: Vec<_> = items
            .iter()
            .map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]}))
            .collect();
        let body = if code == 200 {
            json!({"responses": answers})
        } else {
            json!("no")
        };
        Ok(status(code, body).map(|body| Full::from(body.to_string())))
    })
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_halved_and_the_size_is_remembered() {
    let (upstream, layer) = (choosy(4), layer().build().unwrap());
    let service = layer.layer(upstream.clone());
    let round = || join_all((0..16).map(|n| send(service.clone(), get(&format!("/{n}")))));
    for (n, answer) in round().await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().body(), &format!("\"/{n}\""));
    }
    assert_eq!(upstream.calls(), 1 + 2 + 4);
    round().await;
    assert_eq!(upstream.calls(), 7 + 4, "no more refusals");
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_item_is_found_and_harms_nobody_else_now_or_later() {
    let (upstream, layer) = (choosy(100), layer().build().unwrap());
    let service = layer.layer(upstream.clone());
    let paths = (0..32).map(|n| {
        if n == 11 {
            "/poison".into()
        } else {
            format!("/{n}")
        }
    });
    let paths: Vec<String> = paths.collect();
    let answers = join_all(paths.iter().map(|path| send(service.clone(), get(path)))).await;
    for (path, answer) in paths.iter().zip(answers) {
        let answer = answer.unwrap();
        assert_eq!(answer.body(), &format!("{path:?}"));
        assert_eq!(answer.status() == 400, path == "/poison");
    }
    let calls = upstream.calls();
    assert!(calls <= 1 + 2 * 5, "{calls} calls: log₂ 32 halvings");
    join_all((0..32).map(|n| send(service.clone(), get(&format!("/{n}"))))).await;
    assert_eq!(upstream.calls(), calls + 1, "it was not the number");
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_its_callers_with_the_cause_and_nobody_after_them() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        match request.uri().path() {
            "/batch" => Err("connection reset".into()),
            _ => Ok(Response::new(Full::from("fine"))),
        }
    });
    let service = layer().build().unwrap().layer(upstream);
    let (one, two) = join(
        send(service.clone(), get("/1")),
        send(service.clone(), get("/2")),
    )
    .await;
    for failed in [one, two] {
        let error = failed.unwrap_err();
        assert_eq!(error.to_string(), "connection reset");
    }
    assert_eq!(send(service, get("/3")).await.unwrap().body(), "fine");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_all_is_everybodys_and_garbage_is_nobodys() {
    let whole = Upstream::rest(|_, _| status(200, json!(null)));
    let down = |code| {
        Upstream::new(move |_| async move {
            Ok(status(code, json!("the whole")).map(|body| Full::from(body.to_string())))
        })
    };
    assert_eq!(whole.calls(), 0);
    let answers = all(&layer().build().unwrap(), &down(503), ["/1", "/2"].map(get)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status() == 503 && answer.body() == "\"the whole\"")
    );
    let layer = layer().retries(0).build().unwrap();
    let answers = all(&layer, &down(200), ["/1", "/2"].map(get)).await;
    assert!(answers.iter().all(|answer| reason(answer) == "missing"));
}

#[tokio::test(start_paused = true)]
async fn the_charge_is_split_to_the_last_pico_dollar_and_booked() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let answers: Vec<_> = asked["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| json!({"id": item["id"], "status": 200, "body": 1}))
            .collect();
        let mut response = Response::new(Full::from(json!({"responses": answers}).to_string()));
        let price: Money = "0.05".parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        Ok(response)
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let paths = ["/a", "/b", "/c", "/d", "/e", "/f", "/f"];
    let answers = all(&layer, &upstream, paths.map(get)).await;
    let charges = answers
        .iter()
        .map(|answer| answer.extensions().get::<Charge>().unwrap().0);
    assert_eq!(charges.collect::<Totals>().to_string(), "$0.05");
    let line = &ledger.lines()[0];
    let (made, avoided) = (line.calls_made, line.calls_avoided);
    assert_eq!(
        (made, avoided, line.spent.to_string()),
        (1, 6, "$0.05".into())
    );
    assert_eq!(line.saved.to_string(), "$0.06");
}

#[tokio::test(start_paused = true)]
async fn calls_that_cost_two_currencies_are_told_with_both() {
    // The batch is charged in dollars and leaves /b out; alone, that is charged in yen.
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let (body, price) = match serde_json::from_slice::<Value>(request.body()) {
            Ok(asked) => {
                let items = asked["requests"].as_array().unwrap().iter();
                let answers: Vec<_> = items
                    .map(|item| match &item["url"] {
                        url if url == "/b" => json!({"id": item["id"], "status": 503}),
                        _ => json!({"id": item["id"], "status": 200, "body": 1}),
                    })
                    .collect();
                (json!({"responses": answers}), "0.05 USD")
            }
            Err(_) => (json!(1), "3 JPY"),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        let price: Money = price.parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        Ok(response)
    });
    let paths = ["/a", "/b", "/b", "/c", "/d", "/e"].map(get);
    let answers = all(&layer().build().unwrap(), &upstream, paths).await;
    let mut paid = Totals::new();
    for answer in &answers {
        assert_eq!(answer.status(), 200);
        paid.add(answer.extensions().get::<Charge>().unwrap().0);
        if let Some(OtherCharges(others)) = answer.extensions().get() {
            paid.extend(others.iter());
        }
    }
    assert_eq!(paid.to_string(), "3.00 JPY + $0.05");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_at_once_of_whom_a_third_leaves_each_get_their_own() {
    let upstream = echo();
    let layer = layer().max_waiting(1_000).build().unwrap();
    let service = layer.layer(upstream.clone());
    let calls: Vec<_> = (0..10_000)
        .map(|n| tokio::spawn(send(service.clone(), get(&format!("/{n}")))))
        .collect();
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    calls
        .iter()
        .step_by(3)
        .for_each(tokio::task::JoinHandle::abort);
    for (n, call) in calls.into_iter().enumerate() {
        if n % 3 == 0 {
            continue;
        }
        let body = json!({"you asked": format!("/{n}")}).to_string();
        assert_eq!(call.await.unwrap().unwrap().body(), &body);
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_arrive_as_they_were_whatever_they_are() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let answers: Vec<_> = asked["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| json!({"id": item["id"], "status": 200, "headers": item["headers"], "body": item["body"]}))
            .collect();
        Ok(Response::new(Full::from(
            json!({"responses": answers}).to_string(),
        )))
    });
    let typed = |kind: &str, body: &'static [u8]| {
        let mut request = post("/x", body);
        request
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        request
    };
    let requests = [
        typed("application/json", b"{\"a\":[1,2]}"),
        typed("Text/Plain ; charset=utf-8", b"so \"what\"\n"),
        typed("application/octet-stream", b"\x00\x01binary"),
    ];
    let answers = all(&layer().build().unwrap(), &upstream, requests).await;
    let bodies: Vec<_> = answers
        .iter()
        .map(|answer| answer.body().as_str())
        .collect();
    assert_eq!(bodies, ["{\"a\":[1,2]}", "so \"what\"\n", "\x00\x01binary"]);
    assert_eq!(upstream.json(0)["requests"][1]["body"], "so \"what\"\n");
    assert_eq!(upstream.json(0)["requests"][2]["body"], "AAFiaW5hcnk=");
}

#[tokio::test(start_paused = true)]
async fn who_waits_past_its_deadline_because_the_lane_pauses_is_told_so_and_not_sent() {
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

/// A date so many seconds after the one that [`dated`] responses have.
fn date(seconds: u64) -> HeaderValue {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    scrimp_http::date::format(moment).unwrap()
}

fn dated<B>(response: &mut Response<B>, retry_after: u64) {
    let headers = response.headers_mut();
    headers.insert("date", date(0));
    headers.insert("retry-after", date(retry_after));
}

#[tokio::test(start_paused = true)]
async fn a_date_to_wait_for_is_understood_in_an_item() {
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
async fn a_date_in_an_item_is_measured_from_that_of_the_envelope() {
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
async fn a_date_to_wait_for_is_understood_on_the_whole() {
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

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_small_though_its_wrapper_hides_its_length() {
    let upstream = echo();
    let inner = upstream.clone();
    let inner = tower::service_fn(move |request: Request<Hidden>| {
        let (head, body) = request.into_parts();
        tower::ServiceExt::oneshot(inner.clone(), Request::from_parts(head, body.0))
    });
    let service = layer().build().unwrap().layer(inner);
    let ask = |method: &str, body: &'static str| {
        let request = Request::builder()
            .method(method)
            .uri("/x")
            .header("host", "a");
        let request = request.body(Hidden(Full::from(body))).unwrap();
        tower::ServiceExt::oneshot(service.clone(), request)
    };
    join_all([ask("GET", ""), ask("GET", ""), ask("DELETE", "")]).await;
    assert_eq!(upstream.paths(), ["/batch"]);

    // What a proxy took the framing of is no request without a body, and is not read here.
    let answers = join_all([ask("POST", "x"), ask("PUT", "x")]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(upstream.paths(), ["/batch", "/x", "/x"]);

    static LONG: [u8; 100_000] = [b'x'; 100_000];
    let long = std::str::from_utf8(&LONG).unwrap();
    let answer = ask("GET", long).await.unwrap();
    assert_eq!(answer.status(), 400, "memory is bounded");
}

/// A body that tells neither its end nor its length, as time-outs and decoders do.
#[derive(Debug)]
struct Hidden(Full<bytes::Bytes>);

impl From<bytes::Bytes> for Hidden {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(bytes.into())
    }
}

impl http_body::Body for Hidden {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}
