//! Requests in virtual time, many under way at once.

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

/// What scenarios ask.
pub(super) type Ask = Request<Full<Bytes>>;

/// The requests under way.
///
/// The clock stands still while any of them can go on, and then jumps to whatever comes
/// first: the end of somebody's wait, or the next request.
pub(super) struct Crowd<'a, T> {
    start: Instant,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = T> + 'a>>>,
    landed: Vec<T>,
}

/// An answer, and how long its caller waited for it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `None` if it broke off.
    pub(super) body: Option<Bytes>,
    pub(super) waited: Duration,
}

/// A GET of a path.
pub(super) fn get(uri: &str) -> Ask {
    let mut request = Request::new(Full::default());
    // Scenarios write their URIs themselves; one that could not be read would get a 404.
    *request.uri_mut() = uri.parse().unwrap_or_default();
    request
}

/// Makes a request, and reads the answer to its end: nothing else is stored.
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

    /// Lets time pass until so long after the start.
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

    /// Begins a request now. What is answered at once never waits in line.
    pub(super) async fn begin(&mut self, call: impl Future<Output = T> + 'a) {
        let mut call: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(call);
        match poll!(call.as_mut()) {
            std::task::Poll::Ready(landed) => self.landed.push(landed),
            std::task::Poll::Pending => self.under_way.push(call),
        }
    }

    /// What has been answered since the last time.
    pub(super) fn landed(&mut self) -> std::vec::Drain<'_, T> {
        self.landed.drain(..)
    }

    /// Waits for everybody.
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

    /// The body, as a number; scenarios answer with numbers where only that counts.
    pub(super) fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.body.as_ref()?).ok()?.parse().ok()
    }
}
