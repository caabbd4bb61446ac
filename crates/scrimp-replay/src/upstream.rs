//! The metered upstream: it responds as in the log, and counts the calls.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use scrimp_core::{Money, extensions::Charge};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

/// Longest body of the upstream: longer ones in a log are cut to this length.
pub(crate) const MAX_BODY: u64 = 16 << 20;

const PAGE_LENGTH: usize = 1 << 16;
static PAGE: [u8; PAGE_LENGTH] = [0; PAGE_LENGTH];

/// Extension of a request: the upstream's response to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logged {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) latency: Option<Duration>,
}

/// Time that an upstream takes for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latency {
    Fixed(Duration),
    /// As logged, or this time where the log states none.
    Logged(Duration),
}

/// Extension of a request that counts its calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

/// A response with an optional delay.
#[derive(Debug)]
pub(crate) struct Answering {
    answer: Option<Response<Zeros>>,
    delay: Option<Pin<Box<Sleep>>>,
}

/// A service that responds as its [`Logged`] extension states, for a price.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    price: Money,
    latency: Latency,
    calls: Arc<AtomicU64>,
}

/// A body of this many zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zeros(u64);

// === impl Logged ===

impl Logged {
    /// Returns the status of the upstream's response. 304 and 206 answered a condition or a range
    /// that is not in the log, and 1xx, which logs of upgrades contain, are not final responses:
    /// all of these become 200.
    pub(crate) fn answer(self) -> StatusCode {
        match self.status {
            100..200 | 206 | 304 => StatusCode::OK,
            status => StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
        }
    }
}

// === impl Latency ===

impl Latency {
    fn of(self, logged: Logged) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Logged(time) => logged.latency.unwrap_or(time),
        }
    }
}

// === impl Upstream ===

impl Upstream {
    /// Makes an upstream whose responses take `latency`, in virtual time.
    pub(crate) fn new(price: Money, latency: Latency) -> Self {
        Self {
            price,
            latency,
            calls: Arc::default(),
        }
    }

    /// Returns the number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }
}

impl<B> Service<Request<B>> for Upstream {
    type Response = Response<Zeros>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Relaxed);
        if let Some(Meter(calls)) = request.extensions().get() {
            calls.fetch_add(1, Relaxed);
        }
        let logged = request.extensions().get().copied();
        let logged = logged.unwrap_or(Logged {
            status: 502,
            bytes: 0,
            latency: None,
        });
        let latency = self.latency.of(logged);
        let status = logged.answer();
        let bodiless = request.method() == Method::HEAD || matches!(status.as_u16(), 204 | 304);
        let length = if bodiless {
            0
        } else {
            logged.bytes.min(MAX_BODY)
        };
        let mut response = Response::new(Zeros(length));
        *response.status_mut() = status;
        if !bodiless {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response.extensions_mut().insert(Charge(self.price));
        Answering {
            answer: Some(response),
            delay: (!latency.is_zero()).then(|| Box::pin(sleep(latency))),
        }
    }
}

// === impl Meter ===

impl Meter {
    /// Returns the number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

// === impl Answering ===

impl Answering {
    /// Changes the response before it is returned.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Response<Zeros>)) {
        if let Some(answer) = &mut self.answer {
            change(answer);
        }
    }
}

impl Future for Answering {
    type Output = Result<Response<Zeros>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(delay) = &mut self.delay {
            ready!(delay.as_mut().poll(cx));
        }
        self.answer
            .take()
            .map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)))
    }
}

// === impl Zeros ===

impl Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.0).map_or(PAGE_LENGTH, |left| left.min(PAGE_LENGTH));
        self.0 -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PAGE[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn answer(method: Method, status: u16, bytes: u64) -> (u16, u64) {
        let upstream = Upstream::new(Money::ZERO, Latency::Fixed(Duration::ZERO));
        let mut request = Request::new(());
        *request.method_mut() = method;
        request.extensions_mut().insert(Logged {
            status,
            bytes,
            latency: None,
        });
        let response = upstream.clone().oneshot(request).await.unwrap();
        assert_eq!(upstream.calls(), 1);
        assert!(response.extensions().get::<Charge>().is_some());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, body.len() as u64)
    }

    #[tokio::test]
    async fn responses_are_as_logged_except_for_conditions_ranges_and_oversized_bodies() {
        assert_eq!(answer(Method::GET, 200, 200_000).await, (200, 200_000));
        assert_eq!(answer(Method::GET, 404, 9).await, (404, 9));
        assert_eq!(answer(Method::GET, 304, 0).await, (200, 0));
        assert_eq!(answer(Method::GET, 206, 5).await, (200, 5));
        assert_eq!(answer(Method::HEAD, 200, 5).await, (200, 0));
        assert_eq!(answer(Method::GET, 200, u64::MAX).await, (200, MAX_BODY));
    }
}
