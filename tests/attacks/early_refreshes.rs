//! Refreshes before expiry, over scrimp's cache and over another.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header::COOKIE, request::Parts};
use http_body_util::Full;
use scrimp::{
    cache::Cache,
    stampede::{Credentials, Stampede, StampedeLayer, StampedeLayerBuilder},
};
use scrimp_testkit::{Reply, Scripted, Upstream};
use scrimp_tests::{Answer, Fields, layer, reply, request};
use tokio::time::{advance, sleep};
use tower::{Layer, ServiceExt};

type Stack = Stampede<Cache<Scripted>>;

/// Returns a layer whose every draw is as early as possible.
fn early() -> StampedeLayerBuilder {
    StampedeLayer::builder()
        .random(|| 1.0 - f64::EPSILON / 2.0)
        .budget(1.0)
}

/// Makes the layer over scrimp's cache, over an upstream that takes half a second.
fn over_scrimp(
    rules: &[&str],
    answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
) -> (Stack, Upstream) {
    let slow = move |parts: &Parts| answer(parts).delay(Duration::from_millis(500));
    let (inner, upstream) = Scripted::answering(slow);
    let stampede = early().build().expect("a layer");
    (stampede.layer(layer(rules).layer(inner)), upstream)
}

async fn ask<S, B>(service: &S, fields: Fields<'_>) -> Answer
where
    S: tower::Service<Request<Full<Bytes>>, Response = http::Response<B>, Error: std::fmt::Debug>,
    S: Clone,
    B: http_body::Body<Data = Bytes, Error: Into<scrimp::core::BoxError>>,
{
    let request = request("GET", "http://a.test/", fields);
    let response = service.clone().oneshot(request).await.expect("a response");
    Answer::read(response).await.expect("a body")
}

/// Fills a cache, and starts a refresh ten seconds before expiry.
async fn refresh(stack: &Stack, fields: Fields<'_>) {
    ask(stack, fields).await;
    advance(Duration::from_secs(50)).await;
    for _ in 0..3 {
        assert!(ask(stack, fields).await.is_hit());
    }
    sleep(Duration::from_secs(1)).await;
}

fn page() -> Reply {
    reply(200, &[("cache-control", "public, max-age=60")], "page")
}

#[tokio::test(start_paused = true)]
async fn an_early_refresh_carries_no_credentials_that_are_not_in_the_key_of_the_cache() {
    let alice: Fields<'_> = &[
        ("authorization", "Bearer alice"),
        ("x-api-key", "alice"),
        ("cookie", "session=alice; theme=dark"),
    ];
    let rules: [(&str, Fields<'_>); 3] = [
        ("path=/** ignore-cookies", &[]),
        (
            "path=/** ignore-cookies header=x-api-key",
            &[("x-api-key", "alice")],
        ),
        ("path=/** cookie=session", &[("cookie", "session=alice")]),
    ];
    for (rule, kept) in rules {
        let (stack, upstream) = over_scrimp(&[rule], |_| page());
        refresh(&stack, alice).await;
        let calls = upstream.requests();
        assert_eq!(calls.len(), 2, "{rule} {calls:?}");
        let sent = calls[1].headers.iter();
        let sent: Vec<_> = sent
            .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
            .collect();
        assert_eq!(sent, kept, "{rule}");
        // It has updated what Alice gets.
        let answer = ask(&stack, alice).await;
        let age: u64 = answer.header("age").parse().expect("an age");
        assert!(answer.is_hit() && age < 2, "{rule} {age}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_never_replaces_a_good_response_before_expiry_and_is_not_hidden_after_it() {
    for status in [401, 403, 404, 410, 429] {
        for control in ["max-age=600", "no-store"] {
            let calls = std::sync::atomic::AtomicUsize::new(0);
            let (stack, _) = over_scrimp(&["path=/**"], move |_| {
                match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                    0 => page(),
                    _ => reply(status, &[("cache-control", control)], "refused"),
                }
            });
            refresh(&stack, &[]).await;
            assert_eq!(ask(&stack, &[]).await.text(), "page", "{status} {control}");
            sleep(Duration::from_secs(10)).await;
            // A request to come later says nothing of the resource.
            let after = if status == 429 { "page" } else { "refused" };
            assert_eq!(ask(&stack, &[]).await.text(), after, "{status} {control}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn over_another_cache_only_the_credentials_that_tell_callers_apart_are_sent() {
    let session = http::HeaderName::from_static("x-session");
    let own = Credentials::from([session]);
    let alice: Fields<'_> = &[
        ("cookie", "a=alice"),
        ("authorization", "alice"),
        ("x-session", "1"),
    ];
    let all = &["cookie", "authorization", "x-session"][..];
    let lists: [(Credentials, &[&str]); 3] = [
        (Credentials::default(), all),
        (own.clone(), &["x-session"]),
        (own.without(&COOKIE), &["cookie", "x-session"]),
    ];
    for (list, kept) in lists {
        let stampede = early().credentials(list.clone()).build().expect("a layer");
        let (inner, upstream) = Scripted::answering(|parts| {
            let asked = parts.headers.contains_key("cache-control");
            let fields = [
                ("cache-control", "public, max-age=60"),
                ("x-cache", if asked { "MISS" } else { "HIT" }),
                ("age", if asked { "0" } else { "58" }),
            ];
            reply(200, &fields, "page")
        });
        let service = stampede.layer(inner);
        for _ in 0..3 {
            ask(&service, alice).await;
        }
        sleep(Duration::from_secs(1)).await;
        let calls = upstream.requests();
        let refresh = calls
            .iter()
            .find(|call| call.headers.contains_key("cache-control"));
        let sent = &refresh.expect("a refresh").headers;
        for name in all {
            assert_eq!(
                sent.contains_key(*name),
                kept.contains(name),
                "{list:?} {name}"
            );
        }
    }
}
