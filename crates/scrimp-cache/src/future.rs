//! The response future: the stages of a request, and the way from one to the next.

mod looking;

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
use scrimp_core::{
    KeyBuf, KeyRef,
    extensions::{Deadline, Patience},
};
use scrimp_http::peek::Peek;
use tower::util::Oneshot;
use tower_service::Service;

use self::looking::{LookingUp, Waiting};
use crate::{
    body::CacheBody,
    cache_status::Forward,
    entry::{Lookup, Store},
    lookup::{Answer, Decision, Looked, decide},
    request::{LookupRequest, RequestView, Shown},
    shared::Common,
    upstream::{Choice, Exchange, Late, POLLED_AGAIN, Race, Upstream},
};

pin_project! {
    /// The response of a [`Cache`](crate::Cache).
    pub struct CacheFuture<S, ReqB, St>
    where
        S: Service<Request<ReqB>>,
        St: Store,
    {
        // Set for requests that wait: an answer from the store at hand is not late.
        patience: Patience,
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
        LookingUp { looking: Option<Pin<Box<LookingUp<S, ReqB, St>>>> },
        Forward { #[pin] call: Oneshot<S, Request<ReqB>>, exchange: Option<Exchange<St>> },
        Racing { race: Option<Box<Race<S, ReqB, St>>> },
        Choosing { choice: Option<Box<Choice<S, ReqB, St>>> },
        /// The wait is over.
        Late { late: Option<Late<St>> },
    }
}

/// A request that waits for its first body frame. It is boxed, as few requests need it.
struct Peeking<S, ReqB, St> {
    peek: Peek<ReqB>,
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
        let mut patience = Patience::default();
        let state = match Peek::is_needed(&request) {
            false => State::begin(inner, common, request, &mut patience),
            true => {
                patience = Patience::of(request.extensions());
                State::Peeking {
                    peeking: Some(Box::new(Peeking {
                        peek: Peek::new(request),
                        inner: inner.clone(),
                        common: Arc::clone(common),
                    })),
                }
            }
        };
        Self { patience, state }
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
            let mut this = self.as_mut().project();
            let next = match this.state.as_mut().project() {
                StateProj::Ready { answer } => {
                    let answer = answer.take().expect(POLLED_AGAIN);
                    return Poll::Ready(Ok(answer.into_response()));
                }
                StateProj::Peeking { peeking } => {
                    let waiting = peeking.as_mut().expect("set when the state is made");
                    let begin = |request| {
                        State::begin(&waiting.inner, &waiting.common, request, this.patience)
                    };
                    waiting.peek.poll(cx).map(begin)
                }
                StateProj::LookingUp { looking } => {
                    let waiting = looking.as_mut().expect("set when the state is made");
                    waiting.as_mut().poll(cx).map(|found| {
                        let mut looking = looking.take().expect("present until taken here");
                        looking.as_mut().proceed(found, this.patience)
                    })
                }
                StateProj::Forward { call, exchange } => {
                    if let Poll::Ready(result) = call.poll(cx) {
                        let exchange = exchange.take().expect(POLLED_AGAIN);
                        return Poll::Ready(exchange.finish(result));
                    }
                    Poll::Pending
                }
                StateProj::Racing { race } => match Race::poll(race, cx) {
                    Poll::Ready(answer) => return Poll::Ready(answer),
                    Poll::Pending => Poll::Pending,
                },
                StateProj::Choosing { choice } => match Choice::poll(choice, cx) {
                    Poll::Ready(answer) => return Poll::Ready(answer),
                    Poll::Pending => Poll::Pending,
                },
                StateProj::Late { late } => {
                    return Poll::Ready(Ok(late.take().expect(POLLED_AGAIN).answer()));
                }
            };
            let next = match next {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    ready!(this.patience.poll_over(cx));
                    this.state.as_mut().give_up()
                }
            };
            this.state.set(next);
        }
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
            State::Late { .. } => "CacheFuture(late)",
        })
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
    fn begin(
        inner: &S,
        common: &Arc<Common<St>>,
        mut request: Request<ReqB>,
        patience: &mut Patience,
    ) -> Self {
        let shared = &common.shared;
        let mut key = KeyBuf::new();
        shared.config.key_by.mark(&mut request);
        let shown = Shown::swap(shared.config.target_uri, &mut request);
        let mut view = RequestView::read(
            &shared.config,
            &shared.variances,
            &request,
            &shown,
            &mut key,
        );
        // The key is borrowed: a hit does not move it.
        let exchange = match &mut view {
            RequestView::Pass(refusal) => Exchange::pass(shared, &request, *refusal),
            RequestView::Unsafe(facts, host) => {
                Exchange::unsafe_method(shared, &request, facts, host.take())
            }
            RequestView::Lookup(asked) => {
                // The hash is computed here, once.
                let key = key.as_ref();
                let lookup = match asked.is_prefetch() {
                    false => shared.store.get(key),
                    true => shared.store.peek(key),
                };
                return match lookup {
                    Lookup::Now(found) => {
                        let (request, looked) = ((request, shown), Looked::at_once(found));
                        Self::drive(inner, common, request, asked, key, looked, patience)
                    }
                    Lookup::Later(get) => {
                        *patience = Patience::of(request.extensions());
                        Self::wait(inner, common, (request, shown), asked, key, (get, false))
                    }
                };
            }
        };
        shown.restore(&mut request);
        Self::forward(inner, request, exchange, patience)
    }

    /// Waits for a look-up. `get` comes with whether it is the last one.
    #[cold]
    fn wait(
        inner: &S,
        common: &Arc<Common<St>>,
        (request, shown): (Request<ReqB>, Shown),
        asked: &LookupRequest,
        key: KeyRef<'_>,
        (get, is_last): (St::Get, bool),
    ) -> Self {
        Self::LookingUp {
            looking: Some(Box::pin(LookingUp::new(
                common,
                get,
                Waiting {
                    request,
                    shown,
                    asked: asked.clone(),
                    key: key.to_key(),
                    inner: inner.clone(),
                    is_last,
                },
            ))),
        }
    }

    /// Makes a call whose caller waits for its response.
    fn forward(
        inner: &S,
        mut request: Request<ReqB>,
        exchange: Exchange<St>,
        patience: &mut Patience,
    ) -> Self {
        *patience = Patience::of(request.extensions());
        if patience.is_over() {
            return Self::late(Some(exchange));
        }
        exchange.announce(&mut request);
        Self::Forward {
            call: Oneshot::new(inner.clone(), request),
            exchange: Some(exchange),
        }
    }

    fn late(exchange: Option<Exchange<St>>) -> Self {
        Self::Late {
            late: exchange.map(Late::Call),
        }
    }

    /// Ends a wait. What it waited for is dropped with this state.
    fn give_up(self: Pin<&mut Self>) -> Self {
        let early = |common: &Common<St>| Late::Early(Arc::clone(&common.shared));
        let late = match self.project() {
            StateProj::Peeking { peeking } => peeking.take().map(|waiting| early(&waiting.common)),
            StateProj::LookingUp { looking } => looking.take().map(|late| early(late.common())),
            StateProj::Forward { exchange, .. } => exchange.take().map(Late::Call),
            StateProj::Racing { race } => race.take().map(|race| Late::Call(race.leave())),
            StateProj::Choosing { choice } => choice.take().map(|call| Late::Call(call.leave())),
            StateProj::Ready { .. } | StateProj::Late { .. } => None,
        };
        Self::Late { late }
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
        looked: Looked,
        patience: &mut Patience,
    ) -> Self {
        let (shared, background) = (&common.shared, &common.background);
        let failed = looked.failed;
        let answer = match decide(shared, &request, asked, key, looked) {
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
            Decision::Refuse(reason) => {
                shared.counters.others.increment();
                Answer::refusal(shared, reason)
            }
            Decision::Wait(get) => {
                *patience = Patience::of(request.extensions());
                return Self::wait(inner, common, (request, shown), asked, key, (*get, true));
            }
            Decision::Call(mut miss) => {
                shared.counters.others.increment();
                // A request that asks for an upstream call gets it in any case, and a response that
                // was found is only confirmed.
                let needs_store = miss.reason != Forward::Request && miss.stored.is_none();
                miss.degraded = needs_store && (failed || shared.store.is_degraded(key));
                if miss.degraded {
                    shared.counters.degraded.increment();
                }
                let exchange = Exchange::for_miss(shared, &mut request, asked, key, miss);
                shown.restore(&mut request);
                return Self::call(inner, common, request, exchange, patience);
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
        patience: &mut Patience,
    ) -> Self {
        let soft = exchange.soft_timeout();
        if !exchange.has_offer() && soft.is_none() {
            return Self::forward(inner, request, exchange, patience);
        }
        *patience = Patience::of(request.extensions());
        if patience.is_over() {
            return Self::late(Some(exchange));
        }
        exchange.announce(&mut request);
        let Some(limit) = soft.filter(|_| !exchange.has_offer()) else {
            let choice = Some(Box::new(Choice::new(inner.clone(), request, exchange)));
            return Self::Choosing { choice };
        };
        // The call may go on in the background, where no caller waits for it.
        Deadline::share(request.extensions_mut());
        let race = Race::new(inner.clone(), request, exchange, limit, &common.background);
        let race = Some(Box::new(race));
        Self::Racing { race }
    }
}
