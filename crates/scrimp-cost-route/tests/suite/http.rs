//! Requests to providers, and responses to callers.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Rig, get, ok, provider, status, two};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::extensions::Deadline;
use scrimp_cost_route::{CostRouteLayer, Price, Provider, RequestBody};
use scrimp_testkit::{Gate, Reply, Scripted};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn a_request_is_made_its_providers_own() {
    let dressed = provider("api.example.com", 1)
        .endpoint("https://api.example.com/v2/")
        .bearer("secret")
        .header("user-agent", "scrimp")
        .map(|parts, body| {
            parts
                .headers
                .insert("x-model", HeaderValue::from_static("small"));
            [&body[..], b"!"].concat().into()
        });
    let shown = format!("{dressed:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("scrimp"),
        "{shown}"
    );
    let rig = Rig::new(&CostRouteLayer::builder([dressed]).build().unwrap(), |_| {
        ok("fine")
    });
    let request = Request::post("http://old.example.org/things?x=1")
        .header("authorization", "Bearer the caller's")
        .header("host", "old.example.org")
        .header("content-length", "2")
        .body(Full::from("hi"))
        .unwrap();
    rig.send(request).await;
    let seen = &rig.upstream.requests()[0];
    assert_eq!(seen.uri, "https://api.example.com/v2/things?x=1");
    assert_eq!(seen.headers["authorization"], "Bearer secret");
    assert_eq!(seen.headers["x-model"], "small");
    assert_eq!(seen.headers["content-length"], "3");
    assert!(!seen.headers.contains_key("host"));
}

#[tokio::test(start_paused = true)]
async fn a_model_has_each_providers_own_name_in_the_body_or_the_path() {
    let mine = provider("api.example.com", 1)
        .endpoint("https://api.example.com/models/v2")
        .rename_model("small", "mine-small")
        .rename_model("large", "small")
        .map(|_, body| [&body[..], b" "].concat().into());
    let layer = CostRouteLayer::builder([mine]).build().unwrap();
    // Shows what it gets.
    let mirror = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let length = parts.headers["content-length"].to_str().unwrap().to_owned();
        let shown = format!(
            "{} {length} {}",
            parts.uri.path(),
            String::from_utf8_lossy(&body)
        );
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(shown))))
    });
    let service = layer.layer(mirror);
    for (path, body, expected_path, expected_body) in [
        (
            "/v1/chat/completions",
            r#"{"model":"small","n":1.0}"#,
            "/models/v2/v1/chat/completions",
            r#"{"model":"mine-small","n":1.0} "#,
        ),
        // A name that is asked for and another model's own name.
        (
            "/v1/x",
            r#"{"model":"large"}"#,
            "/models/v2/v1/x",
            r#"{"model":"small"} "#,
        ),
        (
            "/v1/x",
            r#"{"model":"other"}"#,
            "/models/v2/v1/x",
            r#"{"model":"other"} "#,
        ),
        (
            "/v1/models/small:generateContent",
            "{}",
            "/models/v2/v1/models/mine-small:generateContent",
            "{} ",
        ),
    ] {
        let request = Request::post(format!("http://old.example.org{path}"))
            .header("content-length", body.len())
            .body(Full::from(body))
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let seen = response.into_body().collect().await.unwrap().to_bytes();
        let length = expected_body.len();
        assert_eq!(seen, format!("{expected_path} {length} {expected_body}"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_provider_may_have_a_service_of_its_own() {
    let layer = CostRouteLayer::builder([Provider::new("a").price(Price::Free)])
        .build()
        .unwrap();
    let (client, upstream) = Scripted::answering(|_| ok("from a"));
    let service = layer.services(move |_| client.clone());
    let response = service.oneshot(get()).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "from a"
    );
    assert_eq!(upstream.requests()[0].uri, "/thing");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_not_ready_holds_up_no_other() {
    let layer = two().timeout(Duration::from_secs(2)).build().unwrap();
    let (cheap, cheap_end) = Scripted::answering(|_| ok("cheap"));
    let (dear, _) = Scripted::answering(|_| ok("dear"));
    cheap_end.set_readiness(scrimp_testkit::Readiness::Gate(Gate::new()));
    let service = layer.services(move |name| {
        if name == "cheap" {
            cheap.clone()
        } else {
            dear.clone()
        }
    });
    let response = service.oneshot(get()).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "dear"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_provider_cannot_be_sent_is_refused_and_not_sent_elsewhere() {
    let layer = CostRouteLayer::builder([provider("a", 1)
        .endpoint("http://a/version-1")
        .bearer("secret")
        .concurrency(1)]);
    let rig = Rig::new(&layer.build().unwrap(), |_| ok("fine"));
    // The longest possible URI, on a host that the credential is not for.
    let long = format!("http://b/{}", "x".repeat(65_534 - "http://b/".len()));
    let full = || {
        let mut request = get();
        let mut names = (0..).map(|n| format!("x-{n}").parse::<http::HeaderName>().unwrap());
        let headers = request.headers_mut();
        let one = HeaderValue::from_static("1");
        while headers
            .try_append(names.next().unwrap(), one.clone())
            .is_ok()
        {}
        request
    };
    for _ in 0..2 {
        let request = Request::get(&long).body(Full::default()).unwrap();
        let answer = rig.send(request).await;
        assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
        assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:uri-too-long");
        let answer = rig.send(full()).await;
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(
            answer.json()["type"],
            "urn:scrimp:cost-route:too-many-fields"
        );
    }
    assert!(rig.asked().is_empty());
    assert_eq!(rig.get().await.status, StatusCode::OK, "no place was kept");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_waiting() {
    let rig = Rig::new(&two().build().unwrap(), |_| {
        ok("late").delay(Duration::from_secs(10))
    });
    let mut request = get();
    let soon = tokio::time::Instant::now() + Duration::from_secs(1);
    request.extensions_mut().insert(Deadline(soon));
    let answer = rig.send(request).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:timed-out");
    assert_eq!(rig.asked(), ["cheap"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_client_leaves_nothing_in_flight() {
    let layer = CostRouteLayer::builder([provider("a", 1).concurrency(1)])
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| Reply::panic());
    for _ in 0..3 {
        let service = rig.service.clone();
        let panicked = tokio::spawn(async move { service.oneshot(get()).await.is_ok() }).await;
        assert!(panicked.unwrap_err().is_panic());
    }
    assert_eq!(
        rig.upstream.calls(),
        3,
        "a leaked place would have barred the second"
    );
}

#[tokio::test(start_paused = true)]
async fn figures_are_told_as_json() {
    let layer = two().build().unwrap();
    let rig = Rig::new(&layer, |_| status(500));
    rig.get().await;
    let request = Request::new(Full::<Bytes>::default());
    let response = layer.figures().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let figures: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(figures["providers"][0]["name"], "cheap");
    assert!(figures["providers"][0]["reliability"].as_f64().unwrap() < 0.99);
    assert_eq!(figures["providers"][0]["in_flight"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_is_known_by_method_or_key() {
    let repeated = async |method: &str, key: Option<&str>| {
        let layer = CostRouteLayer::builder([provider("cheap", 1), provider("dear", 5)])
            .build()
            .unwrap();
        let rig = Rig::new(&layer, |host| match host {
            "cheap" => status(500),
            _ => ok("fine"),
        });
        let mut request = Request::builder().method(method).uri("/thing");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::default()).unwrap();
        rig.send(request).await.from() == "dear"
    };
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "QUERY", "MKCOL",
    ] {
        assert!(repeated(method, None).await, "{method}");
    }
    for method in ["POST", "PATCH", "LOCK", "BREW"] {
        assert!(!repeated(method, None).await, "{method}");
        assert!(repeated(method, Some("k")).await, "{method} with a key");
        assert!(
            !repeated(method, Some("")).await,
            "{method} with an empty key"
        );
    }
}
