//! Requests that share a batch, and the form in which they are sent.

use crate::support;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::join_all;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use scrimp_batch::BatchWindow;
use scrimp_core::{
    BodyDigest,
    extensions::{Repeatable, Since, Tenant},
};
use serde_json::{Value, json};
use tower::Layer;

use support::{Body, MS, Upstream, all, echo, get, layer, post, send};

#[tokio::test(start_paused = true)]
async fn twenty_requests_are_one_call() {
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
async fn services_of_a_layer_share_batches_only_with_share_services() {
    for (builder, calls) in [(layer(), 3), (layer().share_services(), 1)] {
        let layer = builder.window(BatchWindow::fixed(MS)).build().unwrap();
        let upstream = echo();
        // Axum makes a service for each connection.
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
async fn a_batch_is_repeatable_only_if_all_its_items_are() {
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
async fn a_batch_has_no_body_digest_and_is_as_recent_as_every_item_asks() {
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
async fn a_request_alone_in_its_window_is_sent_as_it_came() {
    let upstream = echo();
    let mut request = get("/metrics/7");
    request.headers_mut().insert("x-mark", "1".parse().unwrap());
    all(&layer().build().unwrap(), &upstream, [request]).await;
    assert_eq!(upstream.paths(), ["/metrics/7"]);
    assert_eq!(upstream.requests()[0].headers()["x-mark"], "1");
}

#[tokio::test(start_paused = true)]
async fn requests_with_other_credentials_tenants_or_hosts_share_no_batch() {
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
async fn equal_requests_are_sent_once_and_each_caller_gets_the_answer() {
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
async fn a_third_of_ten_thousand_callers_leaves_and_each_other_gets_its_own_answer() {
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
async fn bodies_of_every_type_arrive_unchanged() {
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
async fn a_request_without_a_body_is_batched_even_if_a_wrapper_hides_its_length() {
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

    // A proxy may have removed the framing of a request with a body: it is not read here.
    let answers = join_all([ask("POST", "x"), ask("PUT", "x")]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(upstream.paths(), ["/batch", "/x", "/x"]);

    static LONG: [u8; 100_000] = [b'x'; 100_000];
    let long = std::str::from_utf8(&LONG).unwrap();
    let answer = ask("GET", long).await.unwrap();
    assert_eq!(answer.status(), 400, "memory is bounded");
}

/// A body that hides its length and its end, as the bodies of time-outs and decoders do.
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
