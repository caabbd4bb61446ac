//! Requests in virtual time, many in flight at once.

use std::{convert::Infallible, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{
    poll,
    stream::{FuturesUnordered, StreamExt},
};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Collected, Full};
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::ServiceExt;
use tower_service::Service;

/// Request of a scenario.
pub(super) type Ask = Request<Full<Bytes>>;

/// The requests in flight.
///
/// The clock stands still while any of them can proceed, and then jumps to the next event: the end
/// of a wait, or the next request.
pub(super) struct Crowd<'a, T> {
    start: Instant,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = T> + 'a>>>,
    landed: Vec<T>,
}

/// A response, and the time that its caller waited.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `None` if it broke off.
    pub(super) body: Option<Bytes>,
    pub(super) waited: Duration,
}

/// Returns a GET of a path.
pub(super) fn get(uri: &str) -> Ask {
    let mut request = Request::new(Full::default());
    // Scenarios write their own URIs; an invalid one would receive a 404.
    *request.uri_mut() = uri.parse().unwrap_or_default();
    request
}

/// Makes a request, and reads the response to its end: otherwise nothing is stored.
pub(super) async fn ask<S, B>(service: S, request: Ask) -> Answer
where
    S: Service<Ask, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let asked = Instant::now();
    let Ok(response) = service.oneshot(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok();
    Answer {
        status: head.status,
        body: body.map(Collected::to_bytes),
        waited: asked.elapsed(),
    }
}

// === impl Crowd ===

impl<'a, T> Crowd<'a, T> {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            under_way: FuturesUnordered::new(),
            landed: Vec::new(),
        }
    }

    /// Lets time pass until this time after the start.
    pub(super) async fn until(&mut self, since: Duration) {
        let deadline = self.start + since;
        while deadline > Instant::now() {
            match timeout_at(deadline, self.under_way.next()).await {
                Ok(Some(landed)) => self.landed.push(landed),
                Ok(None) => sleep_until(deadline).await,
                Err(_) => break,
            }
        }
    }

    /// Starts a request now. An immediate response does not wait in the queue.
    pub(super) async fn begin(&mut self, call: impl Future<Output = T> + 'a) {
        let mut call: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(call);
        match poll!(call.as_mut()) {
            std::task::Poll::Ready(landed) => self.landed.push(landed),
            std::task::Poll::Pending => self.under_way.push(call),
        }
    }

    /// Returns the responses that arrived since the last call.
    pub(super) fn landed(&mut self) -> std::vec::Drain<'_, T> {
        self.landed.drain(..)
    }

    /// Waits for all requests.
    pub(super) async fn finish(mut self) -> Vec<T> {
        while let Some(landed) = self.under_way.next().await {
            self.landed.push(landed);
        }
        self.landed
    }
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        self.status.is_success() && self.body.is_some()
    }

    /// Returns the body as a number; scenarios respond with numbers if only those count.
    pub(super) fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.body.as_ref()?).ok()?.parse().ok()
    }
}
