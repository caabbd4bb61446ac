//! The inner service of a tried layer: it answers with live responses.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use scrimp_core::BoxError;
use tower_service::Service;

use crate::exchange::{Exchange, NoAnswer, Piece, Room, Ticket};

/// Answers each call with the live response to the same request. It is the inner service of the layer that a
/// [`ShadowLayer`](crate::ShadowLayer) tries.
#[derive(Clone)]
pub struct Recorded {
    room: Arc<Room>,
}

/// The future of [`Recorded`].
#[derive(Debug)]
pub struct RecordedFuture(Result<Taken, NoAnswer>);

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
        let ticket = request.extensions().get::<Ticket>();
        let taken = ticket
            .ok_or(NoAnswer("the request is the layer's own"))
            .and_then(|ticket| {
                let second = NoAnswer("another call for the same request has it");
                ticket.take().ok_or(second)
            });
        if taken.is_err() {
            counters.unanswered.increment();
        }
        RecordedFuture(taken.map(|exchange| Taken(Some(exchange))))
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
        let taken = match &mut self.0 {
            Ok(taken) => taken,
            Err(error) => return Poll::Ready(Err((*error).into())),
        };
        let exchange = taken.0.as_ref().expect("a future is not polled again");
        let head = std::task::ready!(exchange.poll_head(cx))?;
        let body = RecordedBody(Some(Taken(taken.0.take())));
        Poll::Ready(Ok(head.map(|()| body)))
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
        let piece = std::task::ready!(exchange.poll_piece(cx));
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
