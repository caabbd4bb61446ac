//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, Response,
    header::{CACHE_CONTROL, LINK},
};
use pin_project_lite::pin_project;
use scrimp_http::{
    cache_control::ResponseControl,
    purpose::{SPECULATION_RULES, prefetch_link},
};
use tokio::sync::oneshot;

use crate::{
    common::Common,
    message::{Message, Rules},
    request::Event,
};

pin_project! {
    /// The response of a [`Prefetch`](crate::Prefetch). It passes through as it is, but
    /// for the field that names rules for browsers.
    pub struct PrefetchFuture<F> {
        #[pin]
        call: F,
        event: Option<(Box<Event>, Arc<Common>)>,
        links: Option<oneshot::Receiver<Rules>>,
    }
}

// === impl PrefetchFuture ===

impl<F> PrefetchFuture<F> {
    pub(crate) fn new(
        call: F,
        event: Option<(Box<Event>, Arc<Common>)>,
        links: Option<oneshot::Receiver<Rules>>,
    ) -> Self {
        Self { call, event, links }
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
                    // Nothing waits for the worker: without an answer yet, there are no links.
                    let links = this
                        .links
                        .take()
                        .and_then(|mut links| links.try_recv().ok());
                    if let Some(Rules(pages)) = links
                        && is_of_one(response.headers())
                    {
                        for link in pages.iter().filter_map(prefetch_link) {
                            response.headers_mut().append(LINK, link);
                        }
                    }
                    common.send(Message::Learn(event));
                }
                false => common.shared.counters.bypassed.increment(),
            }
        }
        Poll::Ready(result)
    }
}

/// Reports whether no shared cache may store a response.
fn is_of_one(headers: &HeaderMap) -> bool {
    let control = ResponseControl::parse(headers.get_all(CACHE_CONTROL));
    control.private || control.no_store
}

impl<F> fmt::Debug for PrefetchFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrefetchFuture")
    }
}
