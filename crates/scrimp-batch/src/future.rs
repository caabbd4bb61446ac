//! The response future of one caller.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Limited, combinators::Collect};
use pin_project_lite::pin_project;
use scrimp_core::{
    BoxError, ShareError,
    extensions::{Deadline, DueBy, Patience, Priority, Tenant},
    release_span,
};
use tokio::sync::OwnedSemaphorePermit;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    BatchBody, BatchCodec,
    codec::Item,
    engine::{Lane, Lanes, Lost, Room, Ticket, Waiting, enqueue, has_runtime},
    http::{Common, HttpDriver, Problem, Reply},
};

pin_project! {
    /// The response of a [`Batch`](crate::Batch).
    ///
    /// Nothing happens before its first poll. Dropping it removes the request from the line. A
    /// call in flight is cancelled when the last future of its batch is dropped.
    pub struct BatchFuture<S, C, ReqB, A>
    where
        S: Service<Request<ReqB>>,
        ReqB: Body,
        ReqB::Error: Into<BoxError>,
    {
        patience: Patience,
        #[pin]
        state: State<S, C, ReqB, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, C, ReqB, A>
    where
        S: Service<Request<ReqB>>,
        ReqB: Body,
        ReqB::Error: Into<BoxError>,
    {
        Passing { #[pin] call: Oneshot<S, Request<ReqB>> },
        Reading { #[pin] body: Collect<Limited<ReqB>>, start: Option<Box<Start<S, C, A>>> },
        Entering { room: Room, entry: Option<Box<Entry<S, C, ReqB, A>>> },
        Waiting { ticket: Ticket<Item, A>, place: Option<OwnedSemaphorePermit> },
        Over,
    }
}

/// Parts that are needed once the request's body is read.
struct Start<S, C, A> {
    inner: S,
    head: Parts,
    common: Arc<Common<C>>,
    lanes: Arc<Lanes<Item, A>>,
}

/// Parts that are needed once there is a place.
struct Entry<S, C, ReqB, A> {
    lane: Arc<Lane<Item, A>>,
    waiting: Waiting<Item>,
    driver: HttpDriver<S, C, ReqB>,
}

// === impl BatchFuture ===

impl<S, C, ReqB, A> BatchFuture<S, C, ReqB, A>
where
    S: Service<Request<ReqB>>,
    ReqB: Body,
    ReqB::Error: Into<BoxError>,
{
    pub(crate) fn pass(inner: S, request: Request<ReqB>) -> Self {
        let patience = Patience::of(request.extensions());
        let call = Oneshot::new(inner, request);
        Self {
            patience,
            state: State::Passing { call },
        }
    }

    pub(crate) fn read(
        inner: S,
        head: Parts,
        body: ReqB,
        common: &Arc<Common<C>>,
        lanes: Arc<Lanes<Item, A>>,
    ) -> Self {
        let patience = Patience::of(&head.extensions);
        let start = Some(Box::new(Start {
            inner,
            head,
            common: Arc::clone(common),
            lanes,
        }));
        // The length was checked already. A body that is longer than it says does not fill the
        // memory.
        let most = usize::try_from(common.config.max_request).unwrap_or(usize::MAX);
        let body = Limited::new(body, most).collect();
        Self {
            patience,
            state: State::Reading { body, start },
        }
    }
}

impl<S, C, ReqB, ResB> Future for BatchFuture<S, C, ReqB, Reply<ResB, S::Error>>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Output = Reply<ResB, S::Error>;

    /// Returns the response.
    ///
    /// # Panics
    ///
    /// If polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let poll = this.state.as_mut().poll(cx);
        let reply = match poll {
            Poll::Ready(reply) => reply,
            Poll::Pending => {
                ready!(this.patience.poll_over(cx));
                Ok(Problem::Late.response().map(BatchBody::part))
            }
        };
        // The call goes on for the other callers of its batch.
        this.state.set(State::Over);
        Poll::Ready(reply)
    }
}

// === impl State ===

impl<S, C, ReqB, ResB> State<S, C, ReqB, Reply<ResB, S::Error>>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply<ResB, S::Error>> {
        loop {
            let next = match self.as_mut().project() {
                StateProj::Passing { call } => {
                    let response = ready!(call.poll(cx));
                    return Poll::Ready(response.map(|response| response.map(BatchBody::passing)));
                }
                StateProj::Reading { body, start } => {
                    let body = ready!(body.poll(cx));
                    let start = start.take().expect("a body is read once");
                    match body {
                        Ok(body) if body.trailers().is_none() => start.admit(body.to_bytes()),
                        Ok(_) => return fail("it has trailers, which a batch cannot carry"),
                        Err(error) => return fail(&error.to_string()),
                    }
                }
                StateProj::Entering { .. } if !has_runtime() => {
                    let problem = Problem::NoRuntime.response();
                    return Poll::Ready(Ok(problem.map(BatchBody::part)));
                }
                StateProj::Entering { room, entry } => {
                    let place = Some(ready!(room.poll(cx)));
                    let entry = entry.take().expect("a request gets in line once");
                    let Entry {
                        lane,
                        waiting,
                        driver,
                    } = *entry;
                    let ticket = enqueue(&lane, waiting, &driver);
                    State::Waiting { ticket, place }
                }
                StateProj::Waiting { ticket, place } => {
                    let answer = ready!(Pin::new(ticket).poll(cx));
                    let place = place.take().expect("a place is held until the answer");
                    return Poll::Ready(finish(answer, place));
                }
                StateProj::Over => panic!("a response future is not polled after completion"),
            };
            self.set(next);
        }
    }
}

fn fail<B, E>(error: &str) -> Poll<Reply<B, E>> {
    let problem = Problem::Request(error.into());
    Poll::Ready(Ok(problem.response().map(BatchBody::part)))
}

fn finish<B: Body, E>(
    answer: Result<Reply<B, E>, Lost>,
    place: OwnedSemaphorePermit,
) -> Reply<B, E> {
    let Ok(reply) = answer else {
        return Ok(Problem::Lost.response().map(BatchBody::part));
    };
    let mut response = reply?;
    response.body_mut().hold(place);
    Ok(response)
}

// === impl Start ===

impl<S, C, ResB, E> Start<S, C, Reply<ResB, E>>
where
    C: BatchCodec,
{
    /// Returns the next state: in a lane if the codec admits the request, else passed on as it came.
    fn admit<ReqB>(self, body: Bytes) -> State<S, C, ReqB, Reply<ResB, E>>
    where
        S: Service<Request<ReqB>, Error = E>,
        ReqB: Body + From<Bytes>,
        ReqB::Error: Into<BoxError>,
    {
        let Self {
            inner,
            mut head,
            common,
            lanes,
        } = self;
        let mut key = common.key(&head);
        let Some(mut admission) = common.codec.admit(&head, &body, &mut key) else {
            common.stats.bypassed.increment();
            let request = Request::from_parts(head, ReqB::from(body));
            let call = Oneshot::new(inner, request);
            return State::Passing { call };
        };
        common.stats.requests.increment();
        admission.weight = admission.weight.max(1);
        let lane = lanes.lane(key.as_ref(), || common.lane());
        let identity = admission.identity.as_ref();
        // A batch outlasts the callers that leave it.
        release_span(&mut head.extensions);
        let waiting = Waiting {
            identity: identity.filter(|_| common.config.dedupe).cloned(),
            tenant: head
                .extensions
                .get::<Tenant>()
                .map(|tenant| Arc::clone(&tenant.0)),
            weight: admission.weight,
            bytes: body.len(),
            deadline: head.extensions.get::<Deadline>().map(|deadline| deadline.0),
            due: DueBy::of(&head.extensions),
            urgent: head.extensions.get() == Some(&Priority::High),
            item: Item::new(
                common.id(),
                head,
                body,
                admission,
                common.config.credentials.clone(),
            ),
        };
        let room = Room::new(&common.places);
        let driver = HttpDriver::new(inner, common);
        let entry = Some(Box::new(Entry {
            lane,
            waiting,
            driver,
        }));
        State::Entering { room, entry }
    }
}

impl<S, C, ReqB, A> fmt::Debug for BatchFuture<S, C, ReqB, A>
where
    S: Service<Request<ReqB>>,
    ReqB: Body,
    ReqB::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Passing { .. } => "BatchFuture(passing)",
            State::Reading { .. } => "BatchFuture(reading)",
            State::Entering { .. } => "BatchFuture(entering)",
            State::Waiting { .. } => "BatchFuture(waiting)",
            State::Over => "BatchFuture(over)",
        })
    }
}
