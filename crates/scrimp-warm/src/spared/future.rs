//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Response;
use pin_project_lite::pin_project;
use scrimp_core::extensions::{CacheInfo, CacheState};
use scrimp_http::{age::age, cache_status::CacheVerdict};

use super::Shared;

pin_project! {
    /// The response of a [`SparedService`](super::SparedService). It passes through as it is.
    pub struct SparedFuture<F> {
        #[pin]
        call: F,
        warmed: Option<(u64, Arc<Shared>)>,
    }
}

// === impl SparedFuture ===

impl<F> SparedFuture<F> {
    pub(super) fn new(call: F, warmed: Option<(u64, Arc<Shared>)>) -> Self {
        Self { call, warmed }
    }
}

impl<F, B, E> Future for SparedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        if let Some((key, shared)) = this.warmed.take()
            && let Ok(response) = &result
            && let Some(age) = hit(response)
        {
            shared.hit(key, age);
        }
        Poll::Ready(result)
    }
}

/// Returns the age of a response that came from a cache, if it is known. `None` if it did not.
#[expect(clippy::option_option, reason = "the age of a hit need not be known")]
fn hit<B>(response: &Response<B>) -> Option<Option<Duration>> {
    if let Some(info) = response.extensions().get::<CacheInfo>() {
        let is_hit = matches!(info.state, CacheState::Hit | CacheState::Stale);
        return is_hit.then_some(info.age);
    }
    let verdict = CacheVerdict::read(response.headers())?;
    (verdict.hit == Some(true)).then(|| age(response.headers()))
}

impl<F> fmt::Debug for SparedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparedFuture").finish_non_exhaustive()
    }
}
