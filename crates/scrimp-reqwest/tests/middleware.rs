//! Tests in a chain of middlewares.

#![cfg(feature = "middleware")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Server, cache, kept, plain, signed_in, status, transport, who};
use http::Extensions;
use reqwest::Request;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use reqwest_tracing::TracingMiddleware;
use scrimp_core::extensions::{CacheInfo, CacheState, Explain, Tenant};
use scrimp_reqwest::{
    HiddenCredential, NotLast, SessionLayer, StackMiddleware, Transport, client_with,
};
use tower::{Layer, ServiceBuilder};

fn cached() -> ClientWithMiddleware {
    client_with(cache().layer(transport()))
}

#[tokio::test]
async fn callers_see_the_same_answers_with_and_without_a_call() {
    let server = Server::start(|_, _| async { kept("1.07") }).await;
    let client = cached();
    for _ in 0..3 {
        let response = client.get(server.url("/rate")).send().await.unwrap();
        assert_eq!(response.url().as_str(), server.url("/rate"));
        assert_eq!(response.headers()["cache-control"], "max-age=60");
        assert_eq!(response.text().await.unwrap(), "1.07");
    }
    assert_eq!(server.calls(), 1);
}

/// Sets the tenant of requests, and records the verdicts on responses.
struct Outer(Arc<tokio::sync::Mutex<Vec<CacheState>>>);

#[async_trait::async_trait]
impl Middleware for Outer {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, Error> {
        let user = request.headers()["x-page"].to_str().unwrap_or_default();
        extensions.insert(Tenant(user.into()));
        extensions.insert(Explain);
        let response = next.run(request, extensions).await?;
        let info = extensions.get::<CacheInfo>().expect("a verdict");
        self.0.lock().await.push(info.state);
        Ok(response)
    }
}

#[tokio::test]
async fn extensions_go_both_ways() {
    let server = Server::start(|_, _| async { kept("x") }).await;
    let seen = Arc::default();
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(Outer(Arc::clone(&seen)))
        .with(StackMiddleware::new(cache().layer(transport())))
        .build();
    for user in ["ann", "ann", "bob"] {
        let request = client.get(server.url("/")).header("x-page", user);
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let states = seen.lock().await.clone();
    assert_eq!(
        states,
        [CacheState::Miss, CacheState::Hit, CacheState::Miss]
    );
}

#[tokio::test]
async fn retries_inside_and_spans_outside_work_with_it() {
    let answer = |number, _| async move {
        match number {
            0 => status(503),
            _ => kept("at last"),
        }
    };
    let server = Server::start(answer).await;
    let backoff = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::from_millis(1))
        .build_with_max_retries(2);
    let outbound = ClientBuilder::new(plain())
        .with(RetryTransientMiddleware::new_with_policy(backoff))
        .build();
    let cache = cache();
    let stack = ServiceBuilder::new()
        .layer(cache.clone())
        .service(Transport::builder(outbound).build().unwrap());
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(TracingMiddleware::default())
        .with(StackMiddleware::new(stack))
        .build();
    for _ in 0..2 {
        let response = client.get(server.url("/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "at last");
    }
    assert_eq!(
        server.calls(),
        2,
        "one failed call, one answered, none for the second request"
    );
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
}

#[tokio::test]
async fn a_stack_that_is_not_last_says_so() {
    let server = Server::start(|_, _| async { kept("x") }).await;
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(StackMiddleware::new(cache().layer(transport())))
        .with(TracingMiddleware::default())
        .build();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    let Error::Middleware(error) = error else {
        panic!("not an error of the chain: {error}")
    };
    assert_eq!(error.downcast_ref(), Some(&NotLast));
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn errors_keep_their_type() {
    // The listener is closed, so the connection is refused.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = cached().get(&url).send().await.unwrap_err();
    assert!(
        matches!(&error, Error::Reqwest(error) if error.is_connect()),
        "{error}"
    );

    let boxed = ServiceBuilder::new()
        .map_err(scrimp_core::box_error)
        .service(transport());
    let client = client_with(boxed);
    let error = client.get(url).send().await.unwrap_err();
    assert!(
        matches!(&error, Error::Reqwest(error) if error.is_connect()),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_out_of_a_request_applies() {
    let server = Server::start(|_, _| std::future::pending()).await;
    let request = cached()
        .get(server.url("/"))
        .timeout(Duration::from_secs(3));
    let error = request.send().await.unwrap_err();
    assert!(
        matches!(&error, Error::Reqwest(error) if error.is_timeout()),
        "{error}"
    );
}

/// Signs in as a user, behind the layers.
struct SignIn(&'static str);

#[async_trait::async_trait]
impl Middleware for SignIn {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, Error> {
        let user = self.0.parse().expect("a value");
        request.headers_mut().insert("authorization", user);
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn a_middleware_that_adds_a_credential_behind_the_layers_is_refused() {
    let server = Server::start(|_, request| async move { kept(who(&request)) }).await;
    let cache = cache();
    for user in ["alice", "bob"] {
        let inner = ClientBuilder::new(plain()).with(SignIn(user)).build();
        let transport = Transport::builder(inner).build().unwrap();
        let client = client_with(cache.layer(transport));
        let error = client.get(server.url("/me")).send().await.unwrap_err();
        let Error::Middleware(error) = error else {
            panic!("not an error of the chain: {error}")
        };
        let hidden: &HiddenCredential = error.downcast_ref().expect("the reason");
        assert_eq!(hidden.field(), "authorization");
        assert!(error.to_string().contains("identity"), "{error}");
    }
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn middlewares_with_named_identities_share_a_cache_and_no_response() {
    let server = Server::start(|_, request| async move { kept(who(&request)) }).await;
    let cache = cache();
    for round in 0..2 {
        for user in ["alice", "bob"] {
            let inner = ClientBuilder::new(plain()).with(SignIn(user)).build();
            let transport = Transport::builder(inner).identity(user).build().unwrap();
            let stack = ServiceBuilder::new()
                .layer(SessionLayer::builder().tenant(user).build().unwrap())
                .layer(cache.clone())
                .service(transport);
            let response = client_with(stack).get(server.url("/me")).send().await;
            let text = response.unwrap().text().await.unwrap();
            assert_eq!(text, format!("authorization={user}"), "round {round}");
        }
    }
    assert_eq!((cache.stats().misses, cache.stats().hits), (2, 2));
}

#[tokio::test]
async fn a_middleware_may_see_and_pass_on_the_credentials_of_the_session() {
    let server = Server::start(|_, request| async move { kept(who(&request)) }).await;
    let mut badge = http::HeaderValue::from_static("7");
    badge.set_sensitive(true);
    let session = SessionLayer::builder()
        .header("x-badge", badge)
        .bearer("alice")
        .tenant("alice")
        .build();
    let inner = ClientBuilder::new(plain())
        .with(TracingMiddleware::default())
        .build();
    let stack = ServiceBuilder::new()
        .layer(session.unwrap())
        .layer(cache())
        .service(Transport::builder(inner).build().unwrap());
    let response = client_with(stack).get(server.url("/me")).send().await;
    let text = response.unwrap().text().await.unwrap();
    assert_eq!(text, "authorization=Bearer alice x-badge=7");
}

#[tokio::test]
async fn a_client_with_middlewares_is_checked_like_a_plain_one() {
    let inner = ClientBuilder::new(signed_in("alice")).build();
    let error = Transport::builder(inner).build().unwrap_err();
    assert!(error.to_string().contains("authorization"), "{error}");
}

#[tokio::test]
async fn callers_see_the_url_after_redirects_with_and_without_a_call() {
    let answer = |_, request: axum::extract::Request| async move {
        let mut response = kept("here");
        if request.uri().path() == "/old" {
            *response.status_mut() = http::StatusCode::MOVED_PERMANENTLY;
            let new = http::HeaderValue::from_static("/new");
            response.headers_mut().insert("location", new);
        }
        response
    };
    let server = Server::start(answer).await;
    let stack = ServiceBuilder::new()
        .layer(SessionLayer::new())
        .layer(cache())
        .service(transport());
    let client = client_with(stack);
    for _ in 0..3 {
        let response = client.get(server.url("/old")).send().await.unwrap();
        assert_eq!(response.url().as_str(), server.url("/new"));
        assert_eq!(response.text().await.unwrap(), "here");
    }
    assert_eq!(server.calls(), 2, "one for each URL");
}
