//! A hyper client that counts its calls, with the batch layer around it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    batch::{BatchCodec, BatchLayer, BatchWindow},
    core::box_error,
};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::server::Server;

/// Sends all requests at once through one layer. Returns the responses in order, and the number of
/// calls.
pub(crate) async fn send_all<C: BatchCodec>(
    codec: C,
    requests: Vec<Request<Full<Bytes>>>,
) -> (Vec<Response<String>>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let client = ServiceBuilder::new()
        .map_err(box_error)
        .map_request(move |request: Request<Full<Bytes>>| {
            count.fetch_add(1, Relaxed);
            request
        })
        .service(Client::builder(TokioExecutor::new()).build_http());
    let layer = BatchLayer::builder(codec)
        .window(BatchWindow::fixed(Duration::from_millis(50)))
        .build()
        .unwrap();
    let service = layer.layer(client);
    let answers = join_all(requests.into_iter().map(|request| {
        let service = service.clone();
        async move {
            let (head, body) = service.oneshot(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
        }
    }));
    (answers.await, calls.load(Relaxed))
}

pub(crate) fn get(server: &Server, path: &str) -> Request<Full<Bytes>> {
    let request =
        Request::get(format!("{}{path}", server.url)).header("accept", "application/json");
    request.body(Full::default()).unwrap()
}

pub(crate) fn post(server: &Server, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("{}{path}", server.url))
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}
