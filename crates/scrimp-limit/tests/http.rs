//! On axum, over a socket, beside tower's limit.

use std::time::Duration;

use axum::{Router, routing::get};
use scrimp_limit::LimitLayer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{ServiceBuilder, buffer::BufferLayer, limit::RateLimitLayer};

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends a request on a connection of its own. Returns the whole response.
async fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn accepted(address: &str) -> usize {
    let mut accepted = 0;
    for n in 0..20 {
        let path = ["/one", "/two"][n % 2];
        accepted += usize::from(ask(address, path).await.starts_with("HTTP/1.1 200"));
    }
    accepted
}

fn app() -> Router {
    Router::new()
        .route("/one", get(|| async { "one" }))
        .route("/two", get(|| async { "two" }))
}

#[tokio::test]
async fn routes_and_connections_of_axum_share_one_limit() {
    let limit = LimitLayer::per(5, Duration::from_secs(3_600)).max_wait(Duration::ZERO);
    let address = serve(app().layer(limit.build().unwrap())).await;
    assert_eq!(accepted(&address).await, 5);
    let refused = ask(&address, "/one").await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    let head = refused.to_ascii_lowercase();
    assert!(head.contains("retry-after: 720\r\n"), "{refused}");
    assert!(head.contains("proxy-status: scrimp-limit; "), "{refused}");
}

#[tokio::test]
async fn towers_limit_on_axum_is_one_for_each_route_so_the_guide_advises_against_it() {
    let error = |_: tower::BoxError| async { http::StatusCode::INTERNAL_SERVER_ERROR };
    let limit = ServiceBuilder::new()
        .layer(axum::error_handling::HandleErrorLayer::new(error))
        .layer(BufferLayer::new(64))
        .layer(RateLimitLayer::new(10, Duration::from_secs(3_600)));
    let address = serve(app().layer(limit)).await;
    assert_eq!(accepted(&address).await, 20, "ten for each of two routes");
}
