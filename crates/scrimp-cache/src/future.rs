//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::Key;
use scrimp_http::peek::Peek;
use tokio::time::{Sleep, sleep};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    body::CacheBody,
    entry::{Store, Variants},
    lookup::{
        decide::{self, Step},
        hit::Answer,
    },
    request::{read::Wanted, target::Shown},
    service::Cache,
    shared::Common,
    upstream::{choice::Choice, exchange::Exchange, race::Race},
};

pin_project! {
    /// The response of a [`Cache`](crate::Cache).
    pub struct ResponseFuture<S, ReqB, St>
    where
        S: Service<Request<ReqB>>,
        St: Store,
    {
        #[pin]
        state: State<S, ReqB, St>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB, St>
    where
        S: Service<Request<ReqB>>,
        St: Store,
    {
        Ready { answer: Option<Answer> },
        Peeking { peeking: Option<Box<Peeking<S, ReqB, St>>> },
        LookingUp { looking: Option<Box<LookingUp<S, ReqB, St>>> },
        Forward { #[pin] call: Oneshot<S, Request<ReqB>>, exchange: Option<Exchange<St>> },
        Racing { race: Option<Box<Race<S, ReqB, St>>> },
        Choosing { choice: Option<Box<Choice<S, ReqB, St>>> },
    }
}

/// A look-up that takes time, and what it is made for. In a box, so that caches in memory,
/// which never need it, do not carry it around.
struct LookingUp<S, ReqB, St: Store> {
    get: Pin<Box<St::Get>>,
    limit: Pin<Box<Sleep>>,
    request: Request<ReqB>,
    wanted: Wanted,
    key: Key,
    inner: S,
    common: Arc<Common<St>>,
}

/// A request whose first frame is waited for, and the cache that it is for. In a box, as few
/// requests need it.
struct Peeking<S, ReqB, St> {
    peek: Peek<ReqB>,
    cache: Cache<S, St>,
}

/// What a future that is polled after completion panics with.
pub(crate) const POLLED_AGAIN: &str = "a response future is not polled after completion";

// === impl ResponseFuture ===

impl<S, ReqB, St> ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
    St: Store,
{
    #[inline]
    pub(crate) fn ready(answer: Answer) -> Self {
        let answer = Some(answer);
        let state = State::Ready { answer };
        Self { state }
    }

    /// Waits for the first frame of a request's body, and gives the request to the cache then.
    pub(crate) fn peeking(peek: Peek<ReqB>, cache: Cache<S, St>) -> Self {
        let peeking = Some(Box::new(Peeking { peek, cache }));
        let state = State::Peeking { peeking };
        Self { state }
    }

    /// A call that is waited for as long as it takes.
    pub(crate) fn forward(call: Oneshot<S, Request<ReqB>>, exchange: Exchange<St>) -> Self {
        let exchange = Some(exchange);
        let state = State::Forward { call, exchange };
        Self { state }
    }

    pub(crate) fn looking_up(
        get: St::Get,
        request: Request<ReqB>,
        (wanted, key): (Wanted, Key),
        inner: S,
        common: &Arc<Common<St>>,
    ) -> Self {
        let looking = Some(Box::new(LookingUp {
            get: Box::pin(get),
            limit: Box::pin(sleep(common.shared.config.store_timeout)),
            request,
            wanted,
            key,
            inner,
            common: Arc::clone(common),
        }));
        let state = State::LookingUp { looking };
        Self { state }
    }
}

impl<S, ReqB, St> ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>> + Clone,
    St: Store,
{
    /// A call that a soft time-out may end the wait for.
    pub(crate) fn calling(
        inner: S,
        request: Request<ReqB>,
        exchange: Exchange<St>,
        common: &Arc<Common<St>>,
    ) -> Self {
        let state = State::calling(inner, request, exchange, common);
        Self { state }
    }
}

impl<S, ReqB, St> State<S, ReqB, St>
where
    S: Service<Request<ReqB>> + Clone,
    St: Store,
{
    fn calling(
        inner: S,
        mut request: Request<ReqB>,
        exchange: Exchange<St>,
        common: &Arc<Common<St>>,
    ) -> Self {
        exchange.announce(&mut request);
        if exchange.has_offer() {
            let choice = Some(Box::new(Choice::new(inner, request, exchange)));
            return Self::Choosing { choice };
        }
        let call = Oneshot::new(inner, request);
        match exchange.soft_timeout() {
            None => Self::Forward {
                call,
                exchange: Some(exchange),
            },
            Some(limit) => Self::Racing {
                race: Some(Box::new(Race::new(call, exchange, limit, common))),
            },
        }
    }
}

impl<S, ReqB, ResB, St> Future for ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    type Output = Result<Response<CacheBody<ResB>>, S::Error>;

    /// # Panics
    ///
    /// If polled after completion.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProj::Ready { answer } => {
                    let answer = answer.take().expect(POLLED_AGAIN);
                    return Poll::Ready(Ok(answer.into_response()));
                }
                StateProj::Peeking { peeking } => {
                    let waiting = peeking.as_mut().expect("set when the state is made");
                    let request = ready!(waiting.peek.poll(cx));
                    waiting.cache.call(request).state
                }
                StateProj::Forward { call, exchange } => {
                    let result = ready!(call.poll(cx));
                    let exchange = exchange.take().expect(POLLED_AGAIN);
                    return Poll::Ready(exchange.finish(result));
                }
                StateProj::Racing { race } => return Race::poll(race, cx),
                StateProj::Choosing { choice } => return Choice::poll(choice, cx),
                StateProj::LookingUp { looking } => {
                    let waiting = looking.as_mut().expect("set when the state is made");
                    let found = ready!(waiting.poll(cx));
                    let looking = looking.take().expect("there a moment ago");
                    looking.proceed(found)
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

// === impl LookingUp ===

impl<S, ReqB, ResB, St> LookingUp<S, ReqB, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    /// What the store has. One that fails, or takes too long, is one that has nothing.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Variants>>> {
        match self.get.as_mut().poll(cx) {
            Poll::Ready(Ok(found)) => return Poll::Ready(found),
            Poll::Ready(Err(error)) => {
                tracing::warn!(error, "look-up failed; asking the upstream");
            }
            Poll::Pending => {
                ready!(self.limit.as_mut().poll(cx));
                tracing::warn!("look-up took too long; asking the upstream");
            }
        }
        self.common.shared.counters.store_failures.add();
        Poll::Ready(None)
    }

    fn proceed(self, found: Option<Arc<Variants>>) -> State<S, ReqB, St> {
        let Self {
            mut request,
            wanted,
            key,
            inner,
            common,
            ..
        } = self;
        let shown = Shown::swap(&common.shared.config, &mut request);
        let mut step = decide::decide(&common.shared, &mut request, &wanted, key.as_ref(), found);
        shown.restore_all(&mut request, &mut step);
        match step {
            Step::Answer(answer) => State::Ready {
                answer: Some(answer),
            },
            Step::AnswerAndRefresh(answer, refresh) => {
                common.background.spawn(inner, *refresh);
                State::Ready {
                    answer: Some(answer),
                }
            }
            Step::Fetch(exchange) => State::calling(inner, request, exchange, &common),
        }
    }
}

impl<S, ReqB, St> fmt::Debug for ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
    St: Store,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready { .. } => "ResponseFuture(ready)",
            State::Peeking { .. } => "ResponseFuture(peeking)",
            State::LookingUp { .. } => "ResponseFuture(looking up)",
            State::Forward { .. } => "ResponseFuture(forward)",
            State::Racing { .. } => "ResponseFuture(racing)",
            State::Choosing { .. } => "ResponseFuture(choosing)",
        })
    }
}
