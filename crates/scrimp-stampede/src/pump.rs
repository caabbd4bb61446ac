//! Reading the body of a fill, however slow its client is.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http_body::Body;
use tokio::{
    task::consume_budget,
    time::{Sleep, sleep},
};

use crate::{
    gate::{Outcome, Ticket},
    learn::Fill,
    pipe::{Message, Room, Writer, ended},
};

/// Reads a body to its end for its client and for those who wait for the fill.
///
/// - It runs ahead of the client by what the pipe holds. If that is full and stays so for a
///   moment, the waiters are let go, as the client sets the pace.
/// - A client that has gone does not end it while others wait, and ends it when they are gone.
pub(crate) struct Pump<B: Body> {
    pub(crate) body: Pin<Box<B>>,
    pub(crate) writer: Writer<B::Error>,
    pub(crate) ticket: Ticket,
    pub(crate) fill: Fill,
    /// Runs while the client keeps the pipe full.
    pub(crate) stall: Option<Pin<Box<Sleep>>>,
}

/// How long a client may keep the pipe full before it counts as slow.
const STALL: Duration = Duration::from_millis(100);

/// Frames that are taken on the spot at most.
const AT_FIRST: usize = 64;

/// What to do next.
enum Turn {
    Again,
    Over,
}

// === impl Pump ===

impl<B: Body<Data = Bytes>> Pump<B> {
    /// Takes what is there already. `None` if that was all: most answers of a handler in the
    /// same process are, and so need no task.
    pub(crate) fn started(mut self) -> Option<Self> {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..AT_FIRST {
            match self.turn(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(Turn::Again) => {}
                Poll::Ready(Turn::Over) => return None,
            }
        }
        // Polled again by the task, with a waker of its own.
        Some(self)
    }

    /// Reads the rest.
    pub(crate) async fn run(mut self) {
        while let Turn::Again = poll_fn(|cx| self.turn(cx)).await {
            // A body that never ends and never waits must not keep a thread to itself.
            consume_budget().await;
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        match self.writer.room(cx) {
            Room::Free => self.stall = None,
            Room::Full => {
                self.stalled(cx);
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

    fn stalled(&mut self, cx: &mut Context<'_>) {
        if !self.ticket.is_open() {
            return;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
        if stall.as_mut().poll(cx).is_ready() {
            self.ticket.end(Outcome::Alone);
        }
    }

    /// The body has ended well: the cache has kept it in the poll that said so.
    fn complete(&mut self, message: Option<Message<B::Error>>) {
        self.fill.done();
        self.ticket.end(Outcome::Stored);
        self.writer.send(message, true);
    }
}
