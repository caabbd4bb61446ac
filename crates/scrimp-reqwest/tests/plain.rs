//! Tests on a plain client.

mod common;

use bytes::Bytes;
use common::{Server, cache, kept, transport};
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Empty};
use scrimp_core::BoxError;
use tokio::{io::AsyncReadExt, net::TcpListener};
use tower::{Layer, ServiceExt};

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
