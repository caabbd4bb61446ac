//! The response future.

mod state;

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
use scrimp_core::extensions::Patience;
use scrimp_http::peek::Peek;
use tower_service::Service;

use self::state::{Peeking, State, StateProj};
use crate::{
    body::CacheBody,
    entry::Store,
    shared::Common,
    upstream::{Choice, POLLED_AGAIN, Race},
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
                    waiting
                        .lookup
                        .poll(&waiting.common.shared, cx)
                        .map(|found| {
                            let looking = looking.take().expect("present until taken here");
                            looking.proceed(found, this.patience)
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
