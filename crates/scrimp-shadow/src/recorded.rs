//! The inner service of a tried layer: it answers with live responses.

mod batch;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use scrimp_core::{BoxError, extensions::Carried};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use self::batch::Together;
use crate::exchange::{Exchange, NoAnswer, Piece, Room, Ticket};

/// Delay of a call after its request from which on it counts as held back.
const HELD_BACK: Duration = Duration::from_millis(1);

/// Answers each call with the live response to the same request, and a batch with those to all its requests. It
/// is the inner service of the layer that a [`ShadowLayer`](crate::ShadowLayer) tries.
///
/// A call takes as long as the live one did, also if it begins later. A batch takes as long as the slowest of its
/// requests. Its answers are [apart](scrimp_core::extensions::ItemAnswers).
#[derive(Clone)]
pub struct Recorded {
    room: Arc<Room>,
}

/// The future of [`Recorded`].
#[derive(Debug)]
pub struct RecordedFuture(State);

#[derive(Debug)]
enum State {
    Failed(NoAnswer),
    Awaiting(Call),
    /// It has begun later than the live call, and ends as much later.
    Late(
        Pin<Box<Sleep>>,
        Option<Result<Response<RecordedBody>, NoAnswer>>,
    ),
    Together(Together),
}

/// A call for one request.
#[derive(Debug)]
struct Call {
    taken: Taken,
    /// Time of the request.
    begun: Instant,
    /// Time of the call, if the layer has held it back.
    late: Option<Instant>,
}

/// The body of a live response, as it comes. It breaks off where the live one does.
#[derive(Debug)]
pub struct RecordedBody(Option<Taken>);

/// An exchange that one call reads. What it leaves is not kept.
#[derive(Debug)]
struct Taken(Option<Exchange>);

// === impl Recorded ===

impl Recorded {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        Self { room }
    }

    fn call_for<B>(&self, request: &Request<B>) -> State {
        let extensions = request.extensions();
        if let Some(Carried(all)) = extensions.get() {
            let tickets = all.iter().map(|one| one.get::<Ticket>());
            return State::Together(Together::new(tickets, Instant::now()));
        }
        let call = match extensions.get::<Ticket>() {
            Some(ticket) => Call::new(ticket),
            None => Err(NoAnswer("the request is the layer's own")),
        };
        call.map_or_else(State::Failed, State::Awaiting)
    }
}

impl<B> Service<Request<B>> for Recorded {
    type Response = Response<RecordedBody>;
    type Error = BoxError;
    type Future = RecordedFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RecordedFuture {
        let counters = &self.room.counters;
        counters.calls.increment();
        let state = self.call_for(&request);
        if state.is_unanswered() {
            counters.unanswered.increment();
        }
        RecordedFuture(state)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorded")
    }
}

// === impl RecordedFuture ===

impl Future for RecordedFuture {
    type Output = Result<Response<RecordedBody>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            self.0 = match &mut self.0 {
                State::Failed(error) => return Poll::Ready(Err((*error).into())),
                State::Awaiting(call) => {
                    let answer = ready!(call.poll(cx));
                    match call.due() {
                        Some(due) => State::Late(Box::pin(sleep_until(due)), Some(answer)),
                        None => return Poll::Ready(answer.map_err(Into::into)),
                    }
                }
                State::Late(sleep, answer) => {
                    ready!(sleep.as_mut().poll(cx));
                    let answer = answer.take().expect("a future is not polled again");
                    return Poll::Ready(answer.map_err(Into::into));
                }
                State::Together(together) => {
                    let response = ready!(together.poll(cx));
                    return Poll::Ready(Ok(response.map(|()| RecordedBody(None))));
                }
            };
        }
    }
}

// === impl State ===

impl State {
    fn is_unanswered(&self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Together(together) => together.is_unanswered(),
            Self::Awaiting(_) | Self::Late(..) => false,
        }
    }
}

// === impl Call ===

impl Call {
    fn new(ticket: &Ticket) -> Result<Self, NoAnswer> {
        let second = NoAnswer("another call for the same request has it");
        let exchange = ticket.take().ok_or(second)?;
        let now = Instant::now();
        Ok(Self {
            taken: Taken(Some(exchange)),
            begun: ticket.begun,
            late: Some(now).filter(|now| now.duration_since(ticket.begun) >= HELD_BACK),
        })
    }

    fn exchange(&self) -> &Exchange {
        let exchange = self.taken.0.as_ref();
        exchange.expect("a future is not polled again")
    }

    /// Polls for the head of the live response.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Response<RecordedBody>, NoAnswer>> {
        let head = ready!(self.exchange().poll_head(cx));
        if let Some(late) = &mut self.late {
            let ended = self.taken.0.as_ref().and_then(Exchange::ended);
            *late += ended.unwrap_or_else(Instant::now) - self.begun;
        }
        let body = RecordedBody(Some(Taken(self.taken.0.take())));
        Poll::Ready(head.map(|head| head.map(|()| body)))
    }

    /// Returns the time of the end, if the call was held back, once the live response is there.
    fn due(&self) -> Option<Instant> {
        self.late.filter(|due| *due > Instant::now())
    }
}

// === impl RecordedBody ===

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(Taken(Some(exchange))) = &self.0 else {
            return Poll::Ready(None);
        };
        let piece = ready!(exchange.poll_piece(cx));
        Poll::Ready(match piece {
            Some(Ok(Piece::Chunk(chunk))) => Some(Ok(Frame::data(chunk))),
            Some(Ok(Piece::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Some(Err(error)) => {
                self.0 = None;
                Some(Err(error.into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Some(Taken(Some(exchange))) => exchange.is_over(),
            _ => true,
        }
    }
}

// === impl Taken ===

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(exchange) = &self.0 {
            exchange.leave();
        }
    }
}
