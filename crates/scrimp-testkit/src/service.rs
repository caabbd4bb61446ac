//! The inner service of a test.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, request::Parts};
use scrimp_core::BoxError;
use tokio::sync::OwnedSemaphorePermit;
use tower_service::Service;

use crate::{
    Readiness, Reply, ScriptedBody, Upstream,
    readiness::UNREADY,
    reply::End,
    upstream::InFlight,
    wait::{self, Wait},
};

/// A service whose [`Upstream`] handle decides its behaviour.
///
/// Clones share script and record, never readiness. Like its response bodies, it is `Send` and not
/// `Sync`.
pub struct Scripted {
    upstream: Upstream,
    ready: bool,
    permit: Option<OwnedSemaphorePermit>,
    waiting: Option<(u64, Pending)>,
}

type Pending = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// The future of a [`Scripted`] call.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    upstream: Upstream,
    waits: VecDeque<Wait>,
    end: Option<End>,
    held: Option<(InFlight, Option<OwnedSemaphorePermit>)>,
    polled: bool,
}

// === impl Scripted ===

impl Scripted {
    /// Makes a service that plays one reply per call, and panics on any further call.
    pub fn script(replies: impl IntoIterator<Item = Reply>) -> (Self, Upstream) {
        Self::with(Upstream::new(replies.into_iter().collect(), None))
    }

    /// Makes a service that calls `answer` for the reply to each request.
    pub fn answering(answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static) -> (Self, Upstream) {
        Self::with(Upstream::new(VecDeque::new(), Some(Arc::new(answer))))
    }

    fn with(upstream: Upstream) -> (Self, Upstream) {
        let service = Self {
            upstream: upstream.clone(),
            ready: false,
            permit: None,
            waiting: None,
        };
        (service, upstream)
    }

    fn poll_pending(
        &mut self,
        cx: &mut Context<'_>,
        setting: u64,
        start: impl FnOnce() -> Pending,
    ) -> Poll<()> {
        let waiting = self.waiting.take_if(|(since, _)| *since == setting);
        let (_, pending) = self
            .waiting
            .insert(waiting.unwrap_or_else(|| (setting, start())));
        self.permit = ready!(pending.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(())
    }
}

impl Clone for Scripted {
    fn clone(&self) -> Self {
        Self::with(self.upstream.clone()).0
    }
}

impl<B> Service<Request<B>> for Scripted {
    type Response = Response<ScriptedBody>;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let (setting, readiness) = self.upstream.readiness();
        match readiness {
            Readiness::Error(message) => {
                self.ready = false;
                return Poll::Ready(Err(message.into()));
            }
            _ if self.ready => return Poll::Ready(Ok(())),
            Readiness::Always => {}
            Readiness::Gate(gate) => ready!(self.poll_pending(cx, setting, || {
                let opened = wait::gate(&gate);
                Box::pin(async {
                    opened.await;
                    None
                })
            })),
            Readiness::Permits(permits) => ready!(self.poll_pending(cx, setting, || {
                Box::pin(async { permits.acquire_owned().await.ok() })
            })),
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If this instance was not polled ready since its last call, if the script has no more
    /// replies, or if the script panics.
    fn call(&mut self, req: Request<B>) -> ResponseFuture {
        if !std::mem::take(&mut self.ready) {
            self.upstream.fault(UNREADY);
        }
        let permit = self.permit.take();
        let (mark, reply) = self.upstream.begin(&req.into_parts().0);
        assert!(
            !matches!(reply.end, End::PanicInCall),
            "scripted panic in call"
        );
        ResponseFuture {
            upstream: self.upstream.clone(),
            waits: reply.waits,
            end: Some(reply.end),
            held: Some((mark, permit)),
            polled: false,
        }
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted")
            .field("upstream", &self.upstream)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

// === impl ResponseFuture ===

impl Future for ResponseFuture {
    type Output = Result<Response<ScriptedBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let first = !std::mem::replace(&mut this.polled, true);
        this.upstream.polled(first);
        while let Some(wait) = this.waits.front_mut() {
            ready!(wait.as_mut().poll(cx));
            this.waits.pop_front();
        }
        let held = this.held.take();
        match this.end.take() {
            Some(End::Respond(response)) => {
                Poll::Ready(Ok(response.map(|body| body.holding(held))))
            }
            Some(End::Fail(error)) => Poll::Ready(Err(error)),
            Some(End::Panic | End::PanicInCall) => panic!("scripted panic in the future"),
            None => this
                .upstream
                .fault("the inner service's future was polled after completion"),
        }
    }
}

impl Drop for ResponseFuture {
    fn drop(&mut self) {
        if self.end.is_some() {
            self.upstream.abandon();
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("waits", &self.waits.len())
            .field("done", &self.end.is_none())
            .finish_non_exhaustive()
    }
}
