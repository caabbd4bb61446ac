//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{ShadowBody, exchange::Live};

pin_project! {
    /// The response of a [`Shadow`](crate::Shadow): that of the inner service.
    pub struct ShadowFuture<F> {
        #[pin]
        call: F,
        live: Option<Live>,
    }
}

// === impl ShadowFuture ===

impl<F> ShadowFuture<F> {
    pub(crate) fn new(call: F, live: Option<Live>) -> Self {
        Self { call, live }
    }
}

impl<F, B, E> Future for ShadowFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ShadowBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        let Some(live) = this.live.take().filter(Live::is_wanted) else {
            return Poll::Ready(result.map(|response| response.map(ShadowBody::passed)));
        };
        Poll::Ready(match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let mut copy = Response::new(());
                *copy.status_mut() = parts.status;
                *copy.version_mut() = parts.version;
                copy.headers_mut().clone_from(&parts.headers);
                copy.extensions_mut().clone_from(&parts.extensions);
                live.head(copy);
                Ok(Response::from_parts(parts, ShadowBody::tried(body, live)))
            }
            Err(error) => {
                live.fail("the live call failed");
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ShadowFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShadowFuture")
    }
}
