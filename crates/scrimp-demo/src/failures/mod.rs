//! Behaviour in failures, with and without layers.

mod fill;
mod late;
mod partial;
mod redis;
mod remote;
mod stampede;
mod timeout;

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_core::Clock;
use serde_json::{Value as Json, json};
use tokio::time::sleep;
use tower_service::Service;

use super::{
    crowd::Ask,
    prices::{CALL, Till},
};

pub(super) use fill::run as fill;
pub(super) use late::run as late;
pub(super) use partial::run as partial;
pub(super) use redis::run as redis;
pub(super) use stampede::run as stampede;
pub(super) use timeout::run as timeout;

fn clock() -> Clock {
    Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_767_571_200))
}

/// An upstream with a delay that counts its calls.
#[derive(Debug, Clone)]
struct Api {
    till: Till,
    takes: Duration,
}

impl Service<Ask> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Ask) -> Self::Future {
        let (charge, takes) = (self.till.take(1, CALL), self.takes);
        Box::pin(async move {
            sleep(takes).await;
            let mut response = Response::new(Full::from(request.uri().path().to_owned()));
            response.extensions_mut().insert(charge);
            Ok(response)
        })
    }
}

/// Returns the batch and the URL of a request.
async fn asked(request: Ask) -> (Option<Json>, String) {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let Ok(body) = body.collect().await;
    (serde_json::from_slice(&body.to_bytes()).ok(), path)
}

/// Returns the response to a batch: each item has the status that `status` returns for its URL.
fn answers(batch: &Json, mut status: impl FnMut(&str) -> StatusCode) -> Response<Full<Bytes>> {
    let items = batch["requests"].as_array().map_or(&[][..], Vec::as_slice);
    let answers: Vec<Json> = items
        .iter()
        .map(|item| {
            let url = item["url"].as_str().unwrap_or_default();
            json!({"id": item["id"], "status": status(url).as_u16(), "body": url})
        })
        .collect();
    Response::new(Full::from(json!({"responses": answers}).to_string()))
}
