//! Servers on loopback.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    fmt::Debug,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Empty};
use reqwest::redirect::Policy;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_reqwest::Transport;
use tokio::{net::TcpListener, task::JoinHandle};
use tower::{Service, ServiceExt};

/// A server that counts its requests, and ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Responds with a function of the number of the call, from 0, and the request.
    pub(crate) async fn start<F, R>(answer: F) -> Self
    where
        F: Fn(usize, Request) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let app = Router::new().fallback(move |request: Request| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            answer(number, request)
        });
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        Self {
            address,
            calls,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns a response that may be stored for a minute.
pub(crate) fn kept(body: impl Into<Body>) -> Response {
    Response::builder()
        .header("cache-control", "max-age=60")
        .body(body.into())
        .expect("an answer")
}

pub(crate) fn status(code: u16) -> Response {
    Response::builder()
        .status(code)
        .body(Body::empty())
        .expect("an answer")
}

pub(crate) fn cache() -> CacheLayer {
    CacheLayer::new(MemoryStore::new(1 << 20))
}

/// Returns a transport of its own client.
pub(crate) fn transport() -> Transport {
    Transport::new(reqwest::Client::builder()).expect("a transport")
}

/// Returns a client of reqwest that does nothing by itself.
pub(crate) fn plain() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(Policy::none());
    builder.build().expect("a client")
}

/// Returns a client of reqwest that has an identity.
pub(crate) fn signed_in(authorization: &'static str) -> reqwest::Client {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static(authorization));
    let builder = reqwest::Client::builder().redirect(Policy::none());
    let builder = builder.default_headers(headers);
    builder.build().expect("a client")
}

/// Responds with the fields of the request that say who is asking.
pub(crate) fn who(request: &Request) -> String {
    let mut fields: Vec<_> = ["authorization", "cookie", "x-api-key", "x-badge"]
        .iter()
        .filter_map(|name| {
            let value = request.headers().get(*name)?;
            Some(format!("{name}={}", value.to_str().expect("text")))
        })
        .collect();
    if fields.is_empty() {
        fields.push("nobody".to_owned());
    }
    fields.join(" ")
}

/// Sends a GET and returns the body of the response.
pub(crate) async fn text<S, B>(client: S, url: &str, fields: &[(&str, &str)]) -> String
where
    S: Service<http::Request<Empty<Bytes>>, Response = http::Response<B>>,
    S::Error: Debug,
    B: http_body::Body<Data = Bytes>,
    B::Error: Debug,
{
    let mut request = http::Request::get(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::new()).expect("a request");
    let response = client.oneshot(request).await.expect("a response");
    let body = response.into_body().collect().await.expect("a body");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}
