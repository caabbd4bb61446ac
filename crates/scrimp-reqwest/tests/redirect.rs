//! Redirects, which a session follows outside the layers.

mod common;

use bytes::Bytes;
use common::{Server, cache, kept, status, text, transport, who};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Channel, Full};
use scrimp_core::BoxError;
use scrimp_reqwest::{AnsweredBy, Session, SessionLayer, SessionLayerBuilder, Transport};
use tower::{Layer, ServiceBuilder, ServiceExt};

fn redirect(code: u16, location: &str) -> Response<axum::body::Body> {
    let mut response = status(code);
    let location = location.parse().expect("a location");
    response.headers_mut().insert("location", location);
    response
}

fn client(session: SessionLayerBuilder) -> Session<Transport> {
    session.build().expect("a session").layer(transport())
}

/// A server of another origin, and one that redirects to it: `/away` leaves, `/near` stays.
async fn origins() -> (Server, Server) {
    let other = Server::start(|_, request| async move {
        match request.uri().path().strip_prefix("/back/") {
            Some(port) => redirect(307, &format!("http://127.0.0.1:{port}/end")),
            None => kept(who(&request)),
        }
    })
    .await;
    let away = other.url("").replace("127.0.0.1", "localhost");
    let first = Server::start(move |_, request: axum::extract::Request| {
        let away = away.clone();
        async move {
            let port = request.headers()["host"].to_str().expect("text");
            let port = port.rsplit(':').next().expect("a port").to_owned();
            match request.uri().path() {
                "/away" => redirect(307, &format!("{away}/x")),
                "/bounce" => redirect(302, &format!("{away}/back/{port}")),
                "/near" => redirect(302, "end"),
                _ => kept(who(&request)),
            }
        }
    })
    .await;
    (first, other)
}

fn everything() -> SessionLayerBuilder {
    let mut badge = HeaderValue::from_static("7");
    badge.set_sensitive(true);
    let session = SessionLayer::builder()
        .bearer("alice")
        .header("x-api-key", "alice")
        .header("x-badge", badge)
        .tenant("alice");
    #[cfg(feature = "cookies")]
    let session = {
        let jar = reqwest::cookie::Jar::default();
        jar.add_cookie_str("id=alice", &"http://127.0.0.1/".parse().expect("a URL"));
        session.cookies(std::sync::Arc::new(jar))
    };
    session
}

#[tokio::test]
async fn credentials_stay_with_the_origin_that_the_caller_named() {
    let (first, other) = origins().await;
    let client = client(everything());
    let cookie = match cfg!(feature = "cookies") {
        true => "cookie=id=alice ",
        false => "",
    };
    let all = format!("authorization=Bearer alice {cookie}x-api-key=alice x-badge=7");
    assert_eq!(text(client.clone(), &first.url("/near"), &[]).await, all);
    assert_eq!(text(client, &first.url("/away"), &[]).await, "nobody");
    assert_eq!(other.calls(), 1);
}

#[tokio::test]
async fn the_callers_own_credentials_stay_too() {
    let (first, _other) = origins().await;
    let client = client(SessionLayer::builder());
    let own = [
        ("authorization", "bob"),
        ("cookie", "id=bob"),
        ("x-api-key", "bob"),
        ("x-badge", "not known to be a credential"),
    ];
    let body = text(client, &first.url("/away"), &own).await;
    assert_eq!(body, "x-badge=not known to be a credential");
}

#[tokio::test]
async fn coming_back_to_the_first_origin_does_not_restore_credentials() {
    let (first, other) = origins().await;
    let session = SessionLayer::builder().bearer("alice");
    let own = [("x-api-key", "alice")];
    let body = text(client(session), &first.url("/bounce"), &own).await;
    assert_eq!(body, "nobody");
    assert_eq!((first.calls(), other.calls()), (2, 1));
}

#[cfg(feature = "cookies")]
#[tokio::test]
async fn a_cookie_of_a_redirect_is_sent_with_the_next_request_to_its_host_only() {
    let (_, other) = origins().await;
    let away = other.url("/x").replace("127.0.0.1", "localhost");
    let server = Server::start(move |_, request: axum::extract::Request| {
        let away = away.clone();
        async move {
            let mut response = match request.uri().path() {
                "/login" => redirect(303, "/home"),
                "/leave" => redirect(303, &away),
                _ => return kept(who(&request)),
            };
            let cookie = HeaderValue::from_static("id=alice; Path=/");
            response.headers_mut().insert("set-cookie", cookie);
            response
        }
    })
    .await;
    let session = || {
        let jar = std::sync::Arc::new(reqwest::cookie::Jar::default());
        SessionLayer::builder().cookies(jar)
    };
    let alice = client(session());
    for path in ["/login", "/home"] {
        assert_eq!(
            text(alice.clone(), &server.url(path), &[]).await,
            "cookie=id=alice"
        );
    }
    assert_eq!(text(alice, &server.url("/leave"), &[]).await, "nobody");
    assert_eq!(
        text(client(session()), &server.url("/home"), &[]).await,
        "nobody"
    );
}

#[tokio::test]
async fn the_target_of_a_passing_redirect_is_not_stored_as_the_page() {
    let answer = |number, request: axum::extract::Request| async move {
        match request.uri().path() {
            "/page" if number == 0 => redirect(302, "/maintenance"),
            path => kept(path.to_owned()),
        }
    };
    let server = Server::start(answer).await;
    let client = ServiceBuilder::new()
        .layer(SessionLayer::new())
        .layer(cache())
        .service(transport());
    let page = server.url("/page");
    assert_eq!(text(client.clone(), &page, &[]).await, "/maintenance");
    for _ in 0..4 {
        assert_eq!(text(client.clone(), &page, &[]).await, "/page");
    }
    // After one response that could not be stored, the cache looks at the next before it stores.
    assert_eq!(server.calls(), 4);
}

#[tokio::test]
async fn a_lasting_redirect_with_a_body_is_stored_as_one() {
    let answer = |_, request: axum::extract::Request| async move {
        let mut response = kept("moved or here");
        if request.uri().path() == "/old" {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            let new = HeaderValue::from_static("/new");
            response.headers_mut().insert("location", new);
        }
        response
    };
    let server = Server::start(answer).await;
    let cache = cache();
    let client = ServiceBuilder::new()
        .layer(SessionLayer::new())
        .layer(cache.clone())
        .service(transport());
    for _ in 0..3 {
        text(client.clone(), &server.url("/old"), &[]).await;
    }
    assert_eq!((cache.stats().misses, cache.stats().hits), (2, 4));
    assert_eq!(server.calls(), 2);
}

/// Echoes method, length and body, after a redirect of this status from `/old`.
async fn echo(code: u16) -> Server {
    Server::start(move |_, request: axum::extract::Request| async move {
        if request.uri().path() == "/old" {
            return redirect(code, "/new");
        }
        let fields = ["content-length", "content-type"].map(|name| {
            let value = request.headers().get(name);
            value
                .map_or("-", |value| value.to_str().expect("text"))
                .to_owned()
        });
        let method = request.method().clone();
        let body = request.into_body().collect().await.expect("a body");
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        kept(format!("{method} {} {body:?}", fields.join(" ")))
    })
    .await
}

#[tokio::test]
async fn method_and_body_follow_the_status() {
    for (code, expected) in [
        (301, "GET - - \"\""),
        (302, "GET - - \"\""),
        (303, "GET - - \"\""),
        (307, "POST 5 text/plain \"whole\""),
        (308, "POST 5 text/plain \"whole\""),
    ] {
        let server = echo(code).await;
        let request = Request::post(server.url("/old")).header("content-type", "text/plain");
        let request = request.body(Full::new(Bytes::from("whole"))).unwrap();
        let response = client(SessionLayer::builder())
            .oneshot(request)
            .await
            .unwrap();
        let by = response.extensions().get::<AnsweredBy>().unwrap().0.clone();
        assert_eq!(by.as_str(), server.url("/new"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{code}");
    }
}

#[tokio::test]
async fn a_streamed_body_is_not_sent_twice() {
    let server = echo(307).await;
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    let request = Request::post(server.url("/old")).body(body).unwrap();
    let call = tokio::spawn(client(SessionLayer::builder()).oneshot(request));
    sender.send_data(Bytes::from("once")).await.unwrap();
    drop(sender);
    let response = call.await.unwrap().unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_loop_ends_at_the_limit_with_the_redirect() {
    for (limit, calls) in [(0, 1), (3, 4)] {
        let server = Server::start(|_, _| async { redirect(302, "/again") }).await;
        let client = client(SessionLayer::builder().redirects(limit));
        let request = Request::get(server.url("/"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = client.oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), server.calls()), (302, calls));
    }
}

#[tokio::test]
async fn a_location_that_is_not_http_is_returned() {
    for location in [
        "file:///etc/passwd",
        "data:,x",
        "http://",
        "http://[",
        "mailto:a@b.example",
    ] {
        let server = Server::start(move |_, _| async move { redirect(302, location) }).await;
        let request = Request::get(server.url("/"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = client(SessionLayer::builder()).oneshot(request).await;
        assert_eq!(response.unwrap().status(), 302, "{location}");
        assert_eq!(server.calls(), 1);
    }
}

#[tokio::test]
async fn a_redirect_cannot_choose_credentials() {
    let server = Server::start(|number, request: axum::extract::Request| async move {
        let host = request.headers()["host"].to_str().expect("text");
        match number {
            0 => redirect(302, &format!("http://mallory:pw@{host}/")),
            _ => kept(who(&request)),
        }
    })
    .await;
    let session = SessionLayer::builder().bearer("alice");
    let body = text(client(session), &server.url("/"), &[]).await;
    assert_eq!(body, "authorization=Bearer alice");
}
