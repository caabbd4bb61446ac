//! The response future: the stages of a request.

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
use scrimp_core::{Key, KeyBuf, KeyRef};
use scrimp_http::peek::Peek;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    body::CacheBody,
    entry::{Lookup, Store, Variants},
    lookup::{Answer, Decision, LateLookup, decide},
    request::{LookupRequest, RequestView, Shown},
    shared::Common,
    upstream::{Choice, Exchange, POLLED_AGAIN, Race, Upstream},
};

pin_project! {
    /// The response of a [`Cache`](crate::Cache).
    pub struct CacheFuture<S, ReqB, St>
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

/// A request that waits for its first body frame. It is boxed, as few requests need it.
struct Peeking<S, ReqB, St> {
    peek: Peek<ReqB>,
    inner: S,
    common: Arc<Common<St>>,
}

/// A look-up in progress, and the request it serves. It is boxed, so that caches in memory, which
/// never need it, do not carry it.
struct LookingUp<S, ReqB, St: Store> {
    lookup: LateLookup<St>,
    request: Request<ReqB>,
    shown: Shown,
    asked: LookupRequest,
    key: Key,
    inner: S,
    common: Arc<Common<St>>,
}

// === impl CacheFuture ===

impl<S, ReqB, ResB, St> CacheFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    pub(crate) fn new(inner: &S, common: &Arc<Common<St>>, request: Request<ReqB>) -> Self {
        let state = match Peek::is_needed(&request) {
            false => State::begin(inner, common, request),
            true => State::Peeking {
                peeking: Some(Box::new(Peeking {
                    peek: Peek::new(request),
                    inner: inner.clone(),
                    common: Arc::clone(common),
                })),
            },
        };
        Self { state }
    }
}

impl<S, ReqB, ResB, St> Future for CacheFuture<S, ReqB, St>
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
                    State::begin(&waiting.inner, &waiting.common, request)
                }
                StateProj::LookingUp { looking } => {
                    let waiting = looking.as_mut().expect("set when the state is made");
                    let found = ready!(waiting.lookup.poll(&waiting.common.shared, cx));
                    let looking = looking.take().expect("present until taken here");
                    looking.proceed(found)
                }
                StateProj::Forward { call, exchange } => {
                    let result = ready!(call.poll(cx));
                    let exchange = exchange.take().expect(POLLED_AGAIN);
                    return Poll::Ready(exchange.finish(result));
                }
                StateProj::Racing { race } => return Race::poll(race, cx),
                StateProj::Choosing { choice } => return Choice::poll(choice, cx),
            };
            self.as_mut().project().state.set(next);
        }
    }
}

// === impl State ===

impl<S, ReqB, St> State<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default + Send + 'static,
    St: Store,
{
    /// Reads a request, and looks up its stored responses.
    #[inline]
    fn begin(inner: &S, common: &Arc<Common<St>>, mut request: Request<ReqB>) -> Self {
        let shared = &common.shared;
        let mut key = KeyBuf::new();
        let shown = Shown::swap(shared.config.target_uri, &mut request);
        let view = RequestView::read(
            &shared.config,
            &shared.variances,
            &request,
            &shown,
            &mut key,
        );
        // The key is borrowed: a hit does not move it.
        let exchange = match &view {
            RequestView::Pass(refusal) => Exchange::pass(shared, &request, *refusal),
            RequestView::Unsafe(facts) => Exchange::unsafe_method(shared, &request, facts),
            RequestView::Lookup(asked) => {
                // The hash is computed here, once.
                let key = key.as_ref();
                return match shared.store.get(key) {
                    Lookup::Now(found) => {
                        Self::drive(inner, common, (request, shown), asked, key, found)
                    }
                    Lookup::Later(get) => Self::LookingUp {
                        looking: Some(Box::new(LookingUp {
                            lookup: LateLookup::new(shared, get),
                            request,
                            shown,
                            asked: asked.clone(),
                            key: key.to_key(),
                            inner: inner.clone(),
                            common: Arc::clone(common),
                        })),
                    },
                };
            }
        };
        shown.restore(&mut request);
        exchange.announce(&mut request);
        Self::Forward {
            call: Oneshot::new(inner.clone(), request),
            exchange: Some(exchange),
        }
    }

    /// Continues a request, now that the stored responses are known.
    ///
    /// It is always inlined: it has two callers, and otherwise a hit's request would be copied.
    #[inline(always)]
    fn drive(
        inner: &S,
        common: &Arc<Common<St>>,
        (mut request, shown): (Request<ReqB>, Shown),
        asked: &LookupRequest,
        key: KeyRef<'_>,
        found: Option<Arc<Variants>>,
    ) -> Self {
        let (shared, background) = (&common.shared, &common.background);
        let answer = match decide(shared, &request, asked, key, found) {
            Decision::Answer(found) => found.answer(shared, &mut request, asked),
            Decision::AnswerAndRefresh(found, refreshing) => {
                // These come first, as the answer may take the request's extensions.
                let stored = (found.entry(), refreshing);
                let (mut refresh, exchange) =
                    Exchange::for_refresh(shared, &request, asked, key, stored);
                shown.restore_copy(&mut refresh);
                exchange.start(background, inner.clone(), refresh);
                found.answer(shared, &mut request, asked)
            }
            Decision::Refuse(reason) => Answer::refusal(shared, reason),
            Decision::Call(miss) => {
                let exchange = Exchange::for_miss(shared, &mut request, asked, key, miss);
                shown.restore(&mut request);
                return Self::call(inner, common, request, exchange);
            }
        };
        Self::Ready {
            answer: Some(answer),
        }
    }

    /// Makes a call that the client waits for.
    fn call(
        inner: &S,
        common: &Arc<Common<St>>,
        mut request: Request<ReqB>,
        exchange: Exchange<St>,
    ) -> Self {
        exchange.announce(&mut request);
        let inner = inner.clone();
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
                race: Some(Box::new(Race::new(
                    call,
                    exchange,
                    limit,
                    &common.background,
                ))),
            },
        }
    }
}

// === impl LookingUp ===

impl<S, ReqB, St> LookingUp<S, ReqB, St>
where
    S: Upstream<ReqB>,
    ReqB: Body + Default + Send + 'static,
    St: Store,
{
    fn proceed(self, found: Option<Arc<Variants>>) -> State<S, ReqB, St> {
        let request = (self.request, self.shown);
        let key = self.key.as_ref();
        State::drive(&self.inner, &self.common, request, &self.asked, key, found)
    }
}

impl<S, ReqB, St> fmt::Debug for CacheFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
    St: Store,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready { .. } => "CacheFuture(ready)",
            State::Peeking { .. } => "CacheFuture(peeking)",
            State::LookingUp { .. } => "CacheFuture(looking up)",
            State::Forward { .. } => "CacheFuture(forward)",
            State::Racing { .. } => "CacheFuture(racing)",
            State::Choosing { .. } => "CacheFuture(choosing)",
        })
    }
}
