//! Tests on a plain client.

mod common;

use bytes::Bytes;
use common::{Server, cache, kept};
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Empty, Full};
use scrimp_core::BoxError;
use scrimp_reqwest::{AnsweredBy, Transport};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tower::{Layer, ServiceExt};

fn transport() -> Transport {
    Transport::new(reqwest::Client::new())
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let echo = |_, request: axum::extract::Request| async { Response::new(request.into_body()) };
    let server = Server::start(echo).await;
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    let request = Request::post(server.url("/")).body(body).unwrap();
    let call = tokio::spawn(transport().oneshot(request));
    sender.send_data(Bytes::from("first")).await.unwrap();
    let mut body = call.await.unwrap().unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(
        frame.into_data().unwrap(),
        "first",
        "before the second was sent"
    );
    sender.send_data(Bytes::from("second")).await.unwrap();
    drop(sender);
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second");
}

#[tokio::test]
async fn a_complete_body_survives_a_redirect() {
    let answer = |_, request: axum::extract::Request| async move {
        if request.uri().path() == "/old" {
            return Response::builder()
                .status(307)
                .header("location", "/new")
                .body(axum::body::Body::empty())
                .unwrap();
        }
        let length = request.headers()["content-length"].clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Response::builder()
            .header("x-length", length)
            .body(body.into())
            .unwrap()
    };
    let server = Server::start(answer).await;
    let request = Request::post(server.url("/old"));
    let request = request.body(Full::new(Bytes::from("whole"))).unwrap();
    let response = transport().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-length"], "5");
    let by = response.extensions().get::<AnsweredBy>().unwrap().0.clone();
    assert_eq!(by.as_str(), server.url("/new"));
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "whole"
    );
}

#[tokio::test]
async fn a_request_without_a_body_announces_no_length() {
    let answer = |_, request: axum::extract::Request| async move {
        let framed = ["content-length", "transfer-encoding"]
            .map(|name| request.headers().contains_key(name));
        Response::new(format!("{framed:?}").into())
    };
    let server = Server::start(answer).await;
    let request = Request::get(server.url("/"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = transport().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "[false, false]");
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_fails_with_the_reason() {
    let request = Request::get("/relative")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let error = transport().oneshot(request).await.unwrap_err();
    assert!(error.is_builder(), "{error}");
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
    let call = tokio::spawn(cache().layer(transport()).oneshot(request));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut buffer = [0; 1024];
    assert!(stream.read(&mut buffer).await.unwrap() > 0, "the request");
    call.abort();
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 0, "the end");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_stored() {
    let answer = |number, _| async move {
        let chunks: [Result<Bytes, BoxError>; 2] = match number {
            0 => [Ok(Bytes::from("half")), Err("gone".into())],
            _ => [Ok(Bytes::from("whole")), Ok(Bytes::new())],
        };
        let stream = futures_util::stream::iter(chunks);
        kept(axum::body::Body::from_stream(stream))
    };
    let server = Server::start(answer).await;
    let client = cache().layer(transport());
    let ask = || async {
        let request = Request::get(server.url("/"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        client
            .clone()
            .oneshot(request)
            .await?
            .into_body()
            .collect()
            .await
    };
    assert!(ask().await.is_err());
    assert_eq!(ask().await.unwrap().to_bytes(), "whole");
}
