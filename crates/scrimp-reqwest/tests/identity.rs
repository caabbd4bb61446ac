//! Users whose requests go through the same layers.

mod common;

use bytes::Bytes;
use common::{Server, cache, kept, plain, signed_in, text, transport, who};
use http::{HeaderMap, HeaderValue};
use http_body_util::Empty;
use reqwest::redirect::Policy;
use scrimp_cache::CacheLayer;
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::box_error;
use scrimp_reqwest::{Call, ClientCall, SessionLayer, SettingError, Transport};
use tower::{Layer, ServiceBuilder};

async fn mirror() -> Server {
    Server::start(|_, request| async move { kept(who(&request)) }).await
}

fn error<T>(result: Result<T, SettingError>) -> String {
    result.err().expect("a refusal").to_string()
}

/// A client whose settings cannot be seen.
#[derive(Clone)]
struct Blind(reqwest::Client);

impl Call for Blind {
    type Error = reqwest::Error;
    type Future = ClientCall;

    fn call(&self, request: reqwest::Request) -> ClientCall {
        Call::call(&self.0, request)
    }
}

/// The attack: what the checks of this file prevent.
#[tokio::test]
async fn an_identity_inside_that_layers_do_not_see_is_shared() {
    let server = mirror().await;
    let cache = cache();
    for user in ["alice", "bob"] {
        let client = signed_in(user);
        let service = tower::service_fn(move |request: http::Request<Empty<Bytes>>| {
            let request = reqwest::Request::try_from(request.map(|_| reqwest::Body::default()));
            let client = client.clone();
            async move { client.execute(request?).await.map(http::Response::from) }
        });
        let body = text(cache.layer(service), &server.url("/me"), &[]).await;
        assert_eq!(body, "authorization=alice");
    }
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_client_that_does_not_show_what_it_does_is_refused_unless_it_has_a_name() {
    let error = error(Transport::builder(Blind(signed_in("alice"))).build());
    assert!(error.contains("`Call::client`"), "{error}");
    let server = mirror().await;
    let (cache, url) = (cache(), server.url("/me"));
    for _ in 0..2 {
        for user in ["alice", "bob"] {
            let transport = Transport::builder(Blind(signed_in(user))).identity(user);
            let stack = cache.layer(transport.build().expect("a transport"));
            let session = SessionLayer::builder().tenant(user).build();
            let client = session.expect("a session").layer(stack);
            let body = text(client, &url, &[]).await;
            assert_eq!(body, format!("authorization={user}"));
        }
    }
    assert_eq!(server.calls(), 2);
}

#[test]
fn debug_of_a_transport_shows_nothing_of_its_client() {
    let proxy = reqwest::Proxy::all("http://s3cret:s3cret@127.0.0.1:9").expect("a URL");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("s3cret"));
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .default_headers(headers)
        .proxy(proxy)
        .build()
        .expect("a client");
    let builder = Transport::builder(client).identity("s3cret");
    let shown = format!("{builder:?} {:?}", builder.clone().build());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_client_with_an_identity_is_refused_by_name_of_the_field() {
    let error = error(Transport::builder(signed_in("alice")).build());
    assert_eq!(
        error,
        "Transport: `client` must not have default headers, which layers cannot see: give \
         authorization to a SessionLayer outside the stack (`header`), or name the client's \
         `identity`"
    );
}

#[tokio::test]
async fn every_setting_that_layers_cannot_see_is_refused() {
    let none = || reqwest::Client::builder().redirect(Policy::none());
    let mut language = HeaderMap::new();
    language.insert("accept-language", HeaderValue::from_static("de"));
    for (client, word) in [
        (none().default_headers(language), "accept-language"),
        (none().user_agent("it"), "user-agent"),
        (reqwest::Client::builder(), "redirects"),
        (none().redirect(Policy::limited(3)), "redirects"),
    ] {
        let built = client.build().expect("a client");
        let error = error(Transport::builder(built).build());
        assert!(error.contains(word), "{word}: {error}");
    }
    assert!(Transport::builder(plain()).build().is_ok());
    let unknown = Transport::new(reqwest::Client::builder().user_agent("\n"));
    assert!(error(unknown).contains("must be usable"));
}

#[cfg(feature = "cookies")]
#[tokio::test]
async fn a_client_with_cookies_is_refused() {
    let jar = std::sync::Arc::new(reqwest::cookie::Jar::default());
    for client in [
        reqwest::Client::builder().cookie_store(true),
        reqwest::Client::builder().cookie_provider(jar),
    ] {
        let error = error(Transport::new(client));
        assert!(error.contains("must not keep cookies"), "{error}");
    }
}

/// Sends requests of each session in turn and at once, through one cache and one coalescer.
async fn share(sessions: &[(SessionLayer, &str)]) {
    let server = mirror().await;
    let (cache, coalesce) = (cache(), CoalesceLayer::new());
    let transport = transport();
    let url = server.url("/me");
    let ask = |session: &SessionLayer| {
        let stack = ServiceBuilder::new()
            .layer(session.clone())
            .layer(cache.clone())
            .layer(coalesce.clone())
            .map_err(box_error)
            .service(transport.clone());
        let url = url.clone();
        async move { text(stack, &url, &[]).await }
    };
    for _ in 0..2 {
        for (session, expected) in sessions {
            assert_eq!(ask(session).await, *expected);
        }
        let at_once = sessions.iter().cycle().take(20);
        let asked = at_once.clone().map(|(session, _)| ask(session));
        let answers = futures_util::future::join_all(asked).await;
        for (answer, (_, expected)) in answers.iter().zip(at_once) {
            assert_eq!(answer, expected);
        }
    }
}

#[tokio::test]
async fn users_of_a_session_each_share_layers_and_no_response() {
    let build = |builder: scrimp_reqwest::SessionLayerBuilder| builder.build().expect("a session");
    share(&[
        (
            build(SessionLayer::builder().bearer("alice")),
            "authorization=Bearer alice",
        ),
        (
            build(SessionLayer::builder().bearer("bob")),
            "authorization=Bearer bob",
        ),
        (
            build(SessionLayer::builder().basic("bob", "pass:word")),
            "authorization=Basic Ym9iOnBhc3M6d29yZA==",
        ),
        (
            build(SessionLayer::builder().header("x-api-key", "carol")),
            "x-api-key=carol",
        ),
        (SessionLayer::new(), "nobody"),
    ])
    .await;
}

#[tokio::test]
async fn users_of_an_unknown_credential_are_told_apart_by_their_tenants() {
    let session = |user: &'static str| {
        let mut badge = HeaderValue::from_static(user);
        badge.set_sensitive(true);
        SessionLayer::builder().header("x-badge", badge)
    };
    let error = error(session("alice").build());
    assert!(
        error.contains("`x-badge`") && error.contains("`tenant`"),
        "{error}"
    );
    let tenant = |user| session(user).tenant(user).build().expect("a session");
    share(&[
        (tenant("alice"), "x-badge=alice"),
        (tenant("bob"), "x-badge=bob"),
    ])
    .await;
}

#[cfg(feature = "cookies")]
#[tokio::test]
async fn users_with_a_cookie_store_each_share_layers_and_no_response() {
    let session = |user: &str| {
        let jar = reqwest::cookie::Jar::default();
        jar.add_cookie_str(user, &"http://127.0.0.1/".parse().expect("a URL"));
        let builder = SessionLayer::builder().cookies(std::sync::Arc::new(jar));
        builder.build().expect("a session")
    };
    share(&[
        (session("id=alice"), "cookie=id=alice"),
        (session("id=bob"), "cookie=id=bob"),
        (SessionLayer::new(), "nobody"),
    ])
    .await;
}

fn named(user: &'static str, cache: &CacheLayer) -> impl Fn(bool) -> Named {
    let transport = Transport::builder(signed_in(user)).identity(user);
    let transport = transport.build().expect("a transport");
    let cached = cache.layer(transport);
    move |signed| {
        let session = match signed {
            true => SessionLayer::builder().tenant(user).build(),
            false => SessionLayer::builder().tenant("mallory").build(),
        };
        session.expect("a session").layer(cached.clone())
    }
}

type Named = scrimp_reqwest::Session<scrimp_cache::Cache<Transport>>;

#[tokio::test]
async fn transports_with_named_identities_share_a_cache_and_no_response() {
    let server = mirror().await;
    let (cache, url) = (cache(), server.url("/me"));
    let (alice, bob) = (named("alice", &cache), named("bob", &cache));
    for _ in 0..2 {
        assert_eq!(text(alice(true), &url, &[]).await, "authorization=alice");
        assert_eq!(text(bob(true), &url, &[]).await, "authorization=bob");
        // A field of the request goes before the client's own.
        let own = [("authorization", "carol")];
        assert_eq!(text(bob(true), &url, &own).await, "authorization=carol");
        assert_eq!(text(alice(true), &url, &[]).await, "authorization=alice");
    }
}

#[tokio::test]
async fn a_named_transport_refuses_requests_of_another_identity() {
    let server = mirror().await;
    let (cache, url) = (cache(), server.url("/me"));
    let alice = named("alice", &cache);
    for _ in 0..2 {
        let refusal = text(alice(false), &url, &[]).await;
        assert!(
            refusal.contains("urn:scrimp:reqwest:other-identity"),
            "{refusal}"
        );
    }
    let nobody = Transport::builder(signed_in("alice")).identity("alice");
    let refusal = text(nobody.build().expect("a transport"), &url, &[]).await;
    assert!(
        refusal.contains("urn:scrimp:reqwest:other-identity"),
        "{refusal}"
    );
    assert_eq!(server.calls(), 0);
    assert!(error(Transport::builder(plain()).identity("").build()).contains("`identity`"));
}

#[tokio::test]
async fn a_field_of_the_request_goes_before_the_default() {
    let server = mirror().await;
    let session = SessionLayer::builder().bearer("alice").build();
    let client = session.expect("a session").layer(transport());
    let own = [("authorization", "bob")];
    let body = text(client, &server.url("/"), &own).await;
    assert_eq!(body, "authorization=bob");
}

#[test]
fn invalid_settings_are_refused_without_their_secrets() {
    let secret = "s3cret\n";
    for (builder, setting) in [
        (SessionLayer::builder().bearer(secret), "bearer"),
        (
            SessionLayer::builder().header("x-api-key", secret),
            "header",
        ),
        (SessionLayer::builder().header("a b", "c"), "header"),
        (SessionLayer::builder().basic("a:b", secret), "basic"),
        (SessionLayer::builder().user_agent("\n"), "user_agent"),
        (SessionLayer::builder().tenant(""), "tenant"),
    ] {
        let error = builder.build().expect_err("a refusal");
        assert_eq!(error.setting(), setting);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn debug_shows_no_secrets() {
    let builder = SessionLayer::builder()
        .basic("alice", "s3cret")
        .header("x-api-key", "s3cret")
        .header("x-shop", "seen");
    let shown = format!("{builder:?} {:?}", builder.clone().build());
    assert!(
        !shown.contains("s3cret") && !shown.contains("YWxpY2U6"),
        "{shown}"
    );
    assert!(
        shown.contains("x-api-key") && shown.contains("seen"),
        "{shown}"
    );
}
