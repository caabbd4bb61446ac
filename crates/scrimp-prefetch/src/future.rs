//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use scrimp_http::purpose::SPECULATION_RULES;

use crate::{common::Common, message::Message, request::Event};

pin_project! {
    /// The response of a [`Prefetch`](crate::Prefetch). It passes through as it is, but
    /// for the field that names rules for browsers.
    pub struct PrefetchFuture<F> {
        #[pin]
        call: F,
        event: Option<(Box<Event>, Arc<Common>)>,
    }
}

// === impl PrefetchFuture ===

impl<F> PrefetchFuture<F> {
    pub(crate) fn new(call: F, event: Option<(Box<Event>, Arc<Common>)>) -> Self {
        Self { call, event }
    }
}

impl<F, ResB, E> Future for PrefetchFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut result = ready!(this.call.poll(cx));
        if let (Some((mut event, common)), Ok(response)) = (this.event.take(), &mut result) {
            let config = &common.shared.config;
            match event.answered(response, config) {
                true => {
                    if let Some(rules) = &config.rules {
                        // The same for all sessions, so caches may keep it with the page.
                        let headers = response.headers_mut();
                        headers.append(SPECULATION_RULES, rules.clone());
                    }
                    common.send(Message::Learn(event));
                }
                false => common.shared.counters.bypassed.increment(),
            }
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for PrefetchFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrefetchFuture")
    }
}
