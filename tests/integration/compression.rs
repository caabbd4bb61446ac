//! With tower-http's compression on either side.

use std::io::Read;

use axum::{Router, routing::get};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp_tests::{Answer, Fields, Server, layer, request};
use tower_http::compression::CompressionLayer;

const GZIP: Fields<'_> = &[("accept-encoding", "gzip")];
const IDENTITY: Fields<'_> = &[("accept-encoding", "identity")];

fn text() -> String {
    "compress me ".repeat(1000)
}

fn plain() -> Router {
    let fields = [
        ("cache-control", "max-age=60"),
        ("content-type", "text/plain"),
    ];
    Router::new().route("/", get(move || async move { (fields, text()) }))
}

async fn fetch(server: &Server, fields: Fields<'_>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client
        .request(request("GET", &server.url("/"), fields))
        .await;
    Answer::read(response.expect("a response"))
        .await
        .expect("a body")
}

fn inflated(body: &[u8]) -> String {
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(body);
    decoder.read_to_string(&mut text).expect("gzip, once");
    text
}

/// Checks a response to a client that accepts gzip.
fn is_right_for_gzip(answer: &Answer) {
    let encodings: Vec<_> = answer.headers.get_all("content-encoding").iter().collect();
    assert_eq!(encodings, ["gzip"], "compressed, and once");
    assert_eq!(inflated(&answer.body), text());
    varies_on_encoding(answer);
    has_its_own_length(answer);
}

fn is_right_for_identity(answer: &Answer) {
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.text(), text());
    varies_on_encoding(answer);
    has_its_own_length(answer);
}

fn varies_on_encoding(answer: &Answer) {
    let vary = answer.header("vary").to_ascii_lowercase();
    assert_eq!(vary, "accept-encoding");
}

fn has_its_own_length(answer: &Answer) {
    let said = answer.header("content-length");
    assert!(
        said.is_empty() || said == answer.body.len().to_string(),
        "{said} for {}",
        answer.body.len()
    );
}

#[tokio::test]
async fn compression_inside_is_stored_compressed_once_per_encoding() {
    let layer = layer(&[]);
    let app = plain().layer(CompressionLayer::new()).layer(layer.clone());
    let server = Server::start(app).await;
    let (zipped, whole) = (fetch(&server, GZIP).await, fetch(&server, IDENTITY).await);
    is_right_for_gzip(&zipped);
    is_right_for_identity(&whole);
    for _ in 0..3 {
        let (gzip, identity) = (fetch(&server, GZIP).await, fetch(&server, IDENTITY).await);
        assert!(gzip.is_hit() && identity.is_hit());
        assert_eq!(gzip.body, zipped.body, "the same bytes");
        assert_eq!(identity.body, whole.body);
        is_right_for_gzip(&gzip);
        is_right_for_identity(&identity);
        assert_eq!(gzip.header("content-length"), zipped.body.len().to_string());
    }
    assert_eq!((layer.stats().misses, layer.stats().hits), (2, 6));
}

#[tokio::test]
async fn compression_outside_is_fed_from_one_stored_response() {
    let layer = layer(&[]);
    let app = plain().layer(layer.clone()).layer(CompressionLayer::new());
    let server = Server::start(app).await;
    let first = fetch(&server, GZIP).await;
    is_right_for_gzip(&first);
    for _ in 0..3 {
        let (gzip, identity) = (fetch(&server, GZIP).await, fetch(&server, IDENTITY).await);
        assert!(gzip.is_hit() && identity.is_hit());
        assert_eq!(gzip.body, first.body);
        is_right_for_gzip(&gzip);
        is_right_for_identity(&identity);
    }
    assert_eq!((layer.stats().misses, layer.stats().hits), (1, 6));
}

#[tokio::test]
async fn compression_on_both_sides_compresses_once() {
    let app = plain()
        .layer(CompressionLayer::new())
        .layer(layer(&[]))
        .layer(CompressionLayer::new());
    let server = Server::start(app).await;
    for _ in 0..2 {
        let gzip = fetch(&server, GZIP).await;
        let encodings: Vec<_> = gzip.headers.get_all("content-encoding").iter().collect();
        assert_eq!(encodings, ["gzip"]);
        assert_eq!(inflated(&gzip.body), text());
        has_its_own_length(&gzip);
    }
}
