//! Callers with credentials, and what is stored for others.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp::{
    coalesce::{CoalesceLayer, ReuseWindow},
    core::BoxError,
    stampede::StampedeLayer,
};
use scrimp_testkit::{Reply, Scripted, Upstream};
use scrimp_tests::{Answer, Fields, Rig, layer, reply, request};
use tower::{Layer, Service, ServiceExt};

/// Fields by which upstreams know callers: HTTP's own, of APIs, of proxies, and misspelt.
const CREDENTIALS: [(&str, &str); 6] = [
    ("authorization", "Bearer alice"),
    ("cookie", "session=alice"),
    ("x-api-key", "alice"),
    ("x_api_key", "alice"),
    ("x-forwarded-user", "alice"),
    ("x-amzn-oidc-identity", "alice"),
];

/// Responses that HTTP lets a cache share with callers that have credentials (RFC 9111 §3.5).
const SHAREABLE: [&str; 3] = [
    "public, max-age=60",
    "s-maxage=60",
    "max-age=60, must-revalidate",
];

/// Answers by name, to see who gets whose response.
fn by_name(status: u16, control: &'static str) -> impl Fn(&http::request::Parts) -> Reply {
    move |parts| {
        let names = CREDENTIALS.map(|(name, _)| name);
        let known = names.iter().any(|name| parts.headers.contains_key(*name));
        let name = if known { "alice" } else { "a stranger" };
        reply(status, &[("cache-control", control)], name)
    }
}

async fn ask<S, B>(service: &S, fields: Fields<'_>) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let request = request("GET", "http://a.test/", fields);
    let response = service.clone().oneshot(request).await.expect("a response");
    Answer::read(response).await.expect("a body")
}

/// Asks twice as a stranger, then as Alice, then as a stranger again. Returns the names.
async fn between<S, B>(service: &S, own: (&'static str, &'static str)) -> [String; 4]
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut names: [String; 4] = Default::default();
    for (place, fields) in [&[][..], &[], &[own], &[]].into_iter().enumerate() {
        ask(service, fields)
            .await
            .text()
            .clone_into(&mut names[place]);
    }
    names
}

/// Makes the stack of all layers that keep or share responses.
fn stack(
    rules: &[&str],
    status: u16,
    control: &'static str,
) -> (
    impl Service<
        Request<Full<Bytes>>,
        Response = Response<impl http_body::Body<Data = Bytes, Error = BoxError>>,
        Error = BoxError,
    > + Clone,
    Upstream,
) {
    let (inner, upstream) = Scripted::answering(by_name(status, control));
    let coalesce = CoalesceLayer::builder().window(ReuseWindow::new());
    let coalesce = coalesce.build().expect("a window").layer(inner);
    let service = StampedeLayer::new().layer(layer(rules).layer(coalesce));
    (service, upstream)
}

#[tokio::test]
async fn no_layer_gives_a_caller_with_credentials_what_it_keeps_for_strangers() {
    let stranger = "a stranger";
    for own in CREDENTIALS {
        for status in [200, 404, 401, 403] {
            for rules in [&[][..], &["path=/** ttl=1h"]] {
                let (service, _) = stack(rules, status, "max-age=60");
                let names = between(&service, own).await;
                let expected = [stranger, stranger, "alice", stranger];
                assert_eq!(names, expected, "{own:?} {status} {rules:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_for_everyone_and_what_has_the_credentials_in_its_key_is_answered_from_store() {
    for own in CREDENTIALS.into_iter().filter(|own| own.0 != "cookie") {
        for control in SHAREABLE {
            let rig = Rig::new(layer(&[]), by_name(200, control));
            rig.get("/").await;
            assert!(
                rig.ask("GET", "/", &[own]).await.is_hit(),
                "{own:?} {control}"
            );
        }
        let rule = format!("path=/** header={}", own.0);
        for status in [200, 401] {
            let rig = Rig::new(layer(&[&rule]), by_name(status, "max-age=60"));
            rig.get("/").await;
            for hit in [false, true] {
                let answer = rig.ask("GET", "/", &[own]).await;
                assert_eq!((answer.is_hit(), answer.text()), (hit, "alice"), "{own:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_one_caller_is_none_of_another_though_cookies_are_said_to_change_nothing() {
    let own = ("cookie", "session=alice");
    for status in [401, 403, 407] {
        let rig = Rig::new(
            layer(&["path=/** ignore-cookies"]),
            by_name(status, "max-age=60"),
        );
        assert_eq!(between(&rig.cache, own).await[2], "alice", "{status}");
        // The other way round: what a caller with a cookie was refused is not stored.
        let rig = Rig::new(
            layer(&["path=/** ignore-cookies"]),
            by_name(status, "max-age=60"),
        );
        let refused = rig.ask("GET", "/", &[own]).await;
        assert!(!refused.is_stored(), "{status}");
        assert_eq!(rig.get("/").await.text(), "a stranger", "{status}");
    }
    // What is not about the caller is shared as the rule says, and so is what the origin says is
    // for everyone.
    for (status, control) in [
        (200, "max-age=60"),
        (404, "max-age=60"),
        (403, SHAREABLE[0]),
    ] {
        let rig = Rig::new(
            layer(&["path=/** ignore-cookies"]),
            by_name(status, control),
        );
        rig.get("/").await;
        assert!(rig.ask("GET", "/", &[own]).await.is_hit(), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_kept_for_the_cookies_in_its_key() {
    let rule = "path=/** cookie=session";
    let rig = Rig::new(layer(&[rule]), by_name(403, "max-age=60"));
    let own = [("cookie", "session=alice; theme=dark")];
    assert_eq!(rig.get("/").await.text(), "a stranger");
    for hit in [false, true] {
        let answer = rig.ask("GET", "/", &own).await;
        assert_eq!((answer.is_hit(), answer.text()), (hit, "alice"));
    }
}

#[tokio::test]
async fn callers_who_ask_at_once_get_no_call_of_a_stranger() {
    for own in CREDENTIALS {
        let (service, upstream) = stack(&["path=/** ttl=1h"], 401, "max-age=60");
        let own = [own];
        let (stranger, alice) = tokio::join!(ask(&service, &[]), ask(&service, &own));
        assert_eq!((stranger.text(), alice.text()), ("a stranger", "alice"));
        assert_eq!(upstream.calls(), 2, "{own:?}");
    }
}
