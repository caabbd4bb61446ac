//! Which requests are learned, and what a prefetch asks for.

use crate::rig;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use rig::{Rig, by_header, eager, get, page, pass, seconds};
use scrimp_core::extensions::{Directive, Priority, Tenant};
use scrimp_prefetch::{PrefetchLayerBuilder, RulePredictor};
use scrimp_testkit::{Reply, ScriptedBody};

fn a_to_b(builder: PrefetchLayerBuilder) -> PrefetchLayerBuilder {
    builder.rules(
        RulePredictor::new()
            .rule("/a", "/b", 0.9, seconds(0))
            .unwrap(),
    )
}

fn with(fields: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
    let mut request = get("ann", "/a");
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

/// Returns the fields of the prefetch that follows a request.
async fn prefetched(
    builder: PrefetchLayerBuilder,
    fields: &[(&'static str, &str)],
) -> Option<HeaderMap> {
    let rig = Rig::new(a_to_b(builder));
    rig.send(with(fields)).await.unwrap();
    let requests = rig.upstream.requests();
    let fetch = requests.iter().find(|parts| parts.uri.path() == "/b")?;
    let directive = fetch.extensions.get::<Directive>();
    assert_eq!(directive, Some(&Directive::Prefetch));
    assert_eq!(fetch.extensions.get::<Priority>(), Some(&Priority::Low));
    Some(fetch.headers.clone())
}

#[tokio::test(start_paused = true)]
async fn a_prefetch_has_the_fields_of_its_session_without_credentials_and_conditions() {
    let fields = [
        ("accept", "text/html"),
        ("accept-language", "de"),
        ("x-shop", "toys"),
        ("authorization", "Bearer secret"),
        ("cookie", "sid=secret"),
        ("x-api-key", "secret"),
        ("if-none-match", "\"1\""),
        ("cache-control", "no-cache"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("connection", "keep-alive"),
    ];
    let sent = prefetched(eager(), &fields).await.expect("a prefetch");
    let mut names: Vec<_> = sent.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-language", "x-shop", "x-visit"]);
}

#[tokio::test(start_paused = true)]
async fn personal_prefetches_have_the_credentials_of_their_session() {
    let fields = [("authorization", "Bearer secret"), ("cookie", "sid=secret")];
    let sent = prefetched(eager().personal(), &fields)
        .await
        .expect("a prefetch");
    assert_eq!(sent["authorization"], "Bearer secret");
    assert_eq!(sent["cookie"], "sid=secret");
}

#[tokio::test(start_paused = true)]
async fn personal_prefetches_of_two_sessions_are_two() {
    let rig = Rig::new(a_to_b(eager().personal()));
    rig.get("ann", "/a").await;
    rig.get("bob", "/a").await;
    let stats = rig.stats();
    assert_eq!(stats.calls, 2, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learned_from_other_requests() {
    let post = |mut request: Request<Full<Bytes>>| {
        *request.method_mut() = http::Method::POST;
        request
    };
    let mut bodied = get("ann", "/a");
    *bodied.body_mut() = Full::from("body");
    let mut directed = get("ann", "/a");
    directed.extensions_mut().insert(Directive::RefreshNow);
    let mut alone = get("ann", "/a");
    alone.headers_mut().remove("x-visit");
    let long = format!("/a?{}", "x".repeat(3_000));
    for request in [
        post(get("ann", "/a")),
        bodied,
        directed,
        alone,
        with(&[("range", "bytes=0-1")]),
        get("ann", &long),
        get("ann", "/a?api_key=secret"),
    ] {
        let rig = Rig::new(a_to_b(eager()));
        let text = format!("{request:?}");
        rig.send(request).await.unwrap();
        let stats = rig.stats();
        assert_eq!(
            (stats.requests, stats.bypassed, stats.calls),
            (0, 1, 0),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learned_from_failures() {
    let rig = Rig::answering(a_to_b(eager()), |parts| match parts.uri.path() {
        "/a" => {
            let response = Response::builder().status(404).body(ScriptedBody::new());
            Reply::respond(response.unwrap())
        }
        _ => Reply::error("no connection"),
    });
    rig.get("ann", "/a").await;
    assert!(rig.send(get("ann", "/b")).await.is_err());
    let stats = rig.stats();
    assert_eq!((stats.requests, stats.calls), (0, 0));
}

/// Sends the same two requests in many sessions.
async fn teach(rig: &Rig, paths: [&str; 2]) {
    for session in 0..30 {
        for path in paths {
            rig.get(&session.to_string(), path).await;
            pass(seconds(10)).await;
        }
        pass(seconds(700)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_does_not_store_is_not_fetched() {
    for control in ["no-store", "private"] {
        let rig = Rig::answering(eager(), move |parts| {
            let mut response = page(parts);
            if parts.uri.path() == "/b" {
                let value = control.parse().unwrap();
                response.headers_mut().insert("cache-control", value);
            }
            Reply::respond(response)
        });
        teach(&rig, ["/a", "/b"]).await;
        let stats = rig.stats();
        assert_eq!(stats.calls - stats.not_stored, 0, "{control}: {stats:?}");
        assert!(stats.not_eligible > 0, "{control}: {stats:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_one_session_asks_for_is_fetched_for_no_other() {
    for builder in [eager(), eager().personal()] {
        let rig = Rig::new(builder);
        for _ in 0..30 {
            rig.get("ann", "/a").await;
            rig.get("ann", "/secret-of-ann").await;
            pass(seconds(1_900)).await;
        }
        pass(seconds(3_600)).await;
        let before = rig.upstream.calls();
        rig.get("bob", "/a").await;
        pass(seconds(60)).await;
        let stats = rig.stats();
        assert!(
            stats.not_eligible > 0,
            "it is expected, and not fetched: {stats:?}"
        );
        let requests = rig.upstream.requests();
        let mut later = requests[before..].iter().map(|parts| parts.uri.path());
        assert!(later.all(|path| path == "/a"), "{requests:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_and_hosts_share_nothing() {
    let rig = Rig::new(a_to_b(eager()));
    for tenant in ["red", "blue"] {
        let mut request = get("ann", "/a");
        request.extensions_mut().insert(Tenant::from(tenant));
        rig.send(request).await.unwrap();
    }
    let requests = rig.upstream.requests();
    let of = |tenant: &str| {
        let tenant = Tenant::from(tenant);
        let own = requests
            .iter()
            .filter(|parts| parts.extensions.get() == Some(&tenant));
        own.map(|parts| parts.uri.path().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("red"), ["/a", "/b"]);
    assert_eq!(of("blue"), ["/a", "/b"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_value_of_waiting_it_learns_and_fetches_nothing() {
    let rig = Rig::new(a_to_b(by_header()));
    rig.get("ann", "/a").await;
    rig.get("ann", "/b").await;
    let stats = rig.stats();
    assert_eq!((stats.requests, stats.calls), (2, 0));
    assert!(
        stats.predictions > 0 && stats.unpaid == stats.predictions,
        "{stats:?}"
    );
}
