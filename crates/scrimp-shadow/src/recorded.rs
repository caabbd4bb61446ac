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
use crate::{
    ahead::{Like, Noting, is_ahead, piece},
    exchange::{Exchange, NoAnswer, Piece, Room, Ticket},
};

/// Delay of a call after its request from which on it counts as held back.
const HELD_BACK: Duration = Duration::from_millis(1);

/// Answers each call with the live response to the same request, and a batch with those to all its requests. It
/// is the inner service of the layer that a [`ShadowLayer`](crate::ShadowLayer) tries.
///
/// A call takes as long as the live one did, also if it begins later. A batch takes as long as the slowest of its
/// requests. Its answers are [apart](scrimp_core::extensions::ItemAnswers). A request that is made
/// [ahead of time](scrimp_core::extensions::Directive::Prefetch) gets a response like the last one to its target: with
/// the same fields, and with zeros in place of the body.
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
    Awaiting(Box<Call>),
    /// It has begun later than the live call, and ends as much later; or it is made ahead of time.
    Late(Pin<Box<Sleep>>, Option<Box<Answer>>),
    Together(Together),
}

/// Response to a call, or the reason why there is none.
type Answer = Result<Response<RecordedBody>, NoAnswer>;

/// A call for one request.
#[derive(Debug)]
struct Call {
    taken: Taken,
    /// Time of the request.
    begun: Instant,
    /// Time of the call, if the layer has held it back.
    late: Option<Instant>,
    noting: Option<Box<Noting>>,
}

/// The body of a live response, as it comes. It breaks off where the live one does.
#[derive(Debug)]
pub struct RecordedBody(Source);

#[derive(Debug)]
enum Source {
    None,
    Live(Taken, Option<Box<Noting>>),
    /// Zeros, with their number.
    Like(u64),
}

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
        let seen = &self.room.seen;
        if let Some(ticket) = extensions.get::<Ticket>() {
            let call = Call::new(ticket, seen.note(request).map(Box::new));
            return call.map_or_else(State::Failed, |call| State::Awaiting(Box::new(call)));
        }
        let like = is_ahead(request).then(|| seen.like(request)).flatten();
        let own = NoAnswer("the request is the layer's own");
        like.map_or(State::Failed(own), State::like)
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
                        Some(due) => {
                            State::Late(Box::pin(sleep_until(due)), Some(Box::new(answer)))
                        }
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
                    return Poll::Ready(Ok(response.map(|()| RecordedBody(Source::None))));
                }
            };
        }
    }
}

// === impl State ===

impl State {
    /// Returns the answer to a request that is made ahead of time.
    fn like(like: Like) -> Self {
        let rest = sleep_until(Instant::now() + like.takes);
        let body = RecordedBody(Source::Like(like.length));
        Self::Late(Box::pin(rest), Some(Box::new(Ok(like.head.map(|()| body)))))
    }

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
    fn new(ticket: &Ticket, noting: Option<Box<Noting>>) -> Result<Self, NoAnswer> {
        let second = NoAnswer("another call for the same request has it");
        let exchange = ticket.take().ok_or(second)?;
        let now = Instant::now();
        Ok(Self {
            taken: Taken(Some(exchange)),
            begun: ticket.begun,
            late: Some(now).filter(|now| now.duration_since(ticket.begun) >= HELD_BACK),
            noting,
        })
    }

    fn exchange(&self) -> &Exchange {
        let exchange = self.taken.0.as_ref();
        exchange.expect("a future is not polled again")
    }

    /// Polls for the head of the live response.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Answer> {
        let head = ready!(self.exchange().poll_head(cx));
        if self.late.is_some() || self.noting.is_some() {
            let ended = self.exchange().ended().unwrap_or_else(Instant::now);
            let takes = ended - self.begun;
            self.late = self.late.map(|late| late + takes);
            if let (Some(noting), Ok(head)) = (&mut self.noting, &head) {
                noting.head(head, takes);
            }
        }
        let taken = Taken(self.taken.0.take());
        let mut body = RecordedBody(Source::Live(taken, self.noting.take()));
        body.note_end();
        Poll::Ready(head.map(|head| head.map(|()| body)))
    }

    /// Returns the time of the end, if the call was held back, once the live response is there.
    fn due(&self) -> Option<Instant> {
        self.late.filter(|due| *due > Instant::now())
    }
}

// === impl RecordedBody ===

impl RecordedBody {
    /// Remembers a live response that is whole.
    fn note_end(&mut self) {
        if let Source::Live(Taken(Some(exchange)), noting) = &mut self.0
            && exchange.is_over()
            && let Some(noting) = noting.take()
        {
            noting.done();
        }
    }
}

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (exchange, noting) = match &mut self.0 {
            Source::Live(Taken(Some(exchange)), noting) => (exchange, noting),
            Source::Live(Taken(None), _) | Source::None => return Poll::Ready(None),
            Source::Like(left) => return Poll::Ready(piece(left).map(Frame::data).map(Ok)),
        };
        let piece = ready!(exchange.poll_piece(cx));
        Poll::Ready(match piece {
            Some(Ok(Piece::Chunk(chunk))) => {
                if let Some(noting) = noting {
                    noting.data(&chunk);
                    self.note_end();
                }
                Some(Ok(Frame::data(chunk)))
            }
            Some(Ok(Piece::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Some(Err(error)) => {
                self.0 = Source::None;
                Some(Err(error.into()))
            }
            None => {
                self.note_end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Live(Taken(Some(exchange)), _) => exchange.is_over(),
            Source::Like(left) => *left == 0,
            Source::Live(Taken(None), _) | Source::None => true,
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
