//! Reading the body of a fill, however slow its client is.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Body;
use tokio::task::consume_budget;

use crate::{
    gate::{Outcome, Ticket},
    learn::Fill,
    pipe::{Message, Room, Writer, ended},
};

/// Reads a body to its end for its client and for those who wait for the fill.
///
/// - It runs ahead of the client by what the pipe holds. Once that is full the waiters are let
///   go, as from then on the client sets the pace.
/// - A client that has gone does not end it while others wait, and ends it when they are gone.
pub(crate) struct Pump<B: Body> {
    pub(crate) body: Pin<Box<B>>,
    pub(crate) writer: Writer<B::Error>,
    pub(crate) ticket: Ticket,
    pub(crate) fill: Fill,
}

/// What to do next.
enum Turn {
    Again,
    Over,
}

// === impl Pump ===

impl<B: Body<Data = Bytes>> Pump<B> {
    pub(crate) async fn run(mut self) {
        while let Turn::Again = poll_fn(|cx| self.turn(cx)).await {
            // A body that never ends and never waits must not keep a thread to itself.
            consume_budget().await;
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        match self.writer.room(cx) {
            Room::Free => {}
            Room::Full => {
                self.ticket.end(Outcome::Alone);
                return Poll::Pending;
            }
            Room::Gone if self.ticket.is_awaited(cx.waker()) => {}
            Room::Gone => return Poll::Ready(Turn::Over),
        }
        // Not polled again after a panic, so what it left half done is never seen.
        let polled = catch_unwind(AssertUnwindSafe(|| self.body.as_mut().poll_frame(cx)));
        let Poll::Ready(frame) = (match polled {
            Ok(polled) => polled,
            Err(panic) => {
                self.ticket.end(Outcome::Alone);
                self.writer.send(Some(Message::Panicked(panic)), true);
                return Poll::Ready(Turn::Over);
            }
        }) else {
            return Poll::Pending;
        };
        match frame {
            None => self.complete(None),
            Some(Ok(frame)) => {
                let last = ended(&frame, &*self.body);
                let message = Some(Message::Frame(frame));
                if last {
                    self.complete(message);
                } else {
                    self.writer.send(message, false);
                    return Poll::Ready(Turn::Again);
                }
            }
            Some(Err(error)) => {
                self.ticket.end(Outcome::Alone);
                self.writer.send(Some(Message::Failed(error)), true);
            }
        }
        Poll::Ready(Turn::Over)
    }

    /// The body has ended well: the cache has kept it in the poll that said so.
    fn complete(&mut self, message: Option<Message<B::Error>>) {
        self.fill.done();
        self.ticket.end(Outcome::Stored);
        self.writer.send(message, true);
    }
}
