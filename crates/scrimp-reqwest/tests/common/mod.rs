//! Servers on loopback.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, extract::Request, response::Response};
use scrimp_cache::{CacheLayer, MemoryStore};
use tokio::{net::TcpListener, task::JoinHandle};

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
