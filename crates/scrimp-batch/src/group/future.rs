//! The response future of one caller.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use scrimp_core::BoxError;
use tokio::sync::OwnedSemaphorePermit;
use tower_service::Service;

use super::{Answers, GroupError, driver::GroupDriver};
use crate::engine::{Lane, Lost, Room, Ticket, Waiting, enqueue, has_runtime};

/// The response of a [`Group`](super::Group).
///
/// Nothing happens before its first poll. Dropping it removes the request from the line. A call in
/// flight is cancelled when the last future of its batch is dropped.
#[must_use = "futures do nothing unless polled"]
pub struct GroupFuture<S, Req, A>(State<S, Req, A>);

enum State<S, Req, A> {
    Start(Start<S, Req, A>),
    Waiting {
        ticket: Ticket<Req, A>,
        /// Held until there is an answer.
        _place: OwnedSemaphorePermit,
    },
    Over,
}

struct Start<S, Req, A> {
    room: Room,
    lane: Arc<Lane<Req, A>>,
    waiting: Waiting<Req>,
    driver: GroupDriver<S, Req, A>,
}

// === impl GroupFuture ===

impl<S, Req, A> GroupFuture<S, Req, A> {
    pub(crate) fn new(
        room: Room,
        lane: Arc<Lane<Req, A>>,
        waiting: Waiting<Req>,
        driver: GroupDriver<S, Req, A>,
    ) -> Self {
        Self(State::Start(Start {
            room,
            lane,
            waiting,
            driver,
        }))
    }
}

/// No field is ever pinned.
impl<S, Req, A> Unpin for GroupFuture<S, Req, A> {}

impl<S, Req, R> Future for GroupFuture<S, Req, Result<R::Item, GroupError>>
where
    S: Service<Vec<Req>, Response = R> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Answers + Send,
    R::Item: Send + 'static,
    Req: Send + 'static,
{
    type Output = Result<R::Item, GroupError>;

    /// Returns the answer, or why there is none.
    ///
    /// # Panics
    ///
    /// If polled after completion.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Start(start) = &mut self.0 {
            if !has_runtime() {
                self.0 = State::Over;
                return Poll::Ready(Err(GroupError::NoRuntime));
            }
            let place = ready!(start.room.poll(cx));
            let State::Start(start) = std::mem::replace(&mut self.0, State::Over) else {
                unreachable!("matched above");
            };
            start.driver.count_request();
            self.0 = State::Waiting {
                ticket: enqueue(&start.lane, start.waiting, &start.driver),
                _place: place,
            };
        }
        let State::Waiting { ticket, .. } = &mut self.0 else {
            panic!("a group future is not polled after completion");
        };
        let answer = ready!(Pin::new(ticket).poll(cx));
        self.0 = State::Over;
        Poll::Ready(answer.unwrap_or_else(|Lost| Err(GroupError::Lost)))
    }
}

impl<S, Req, A> fmt::Debug for GroupFuture<S, Req, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Start(_) => "GroupFuture(start)",
            State::Waiting { .. } => "GroupFuture(waiting)",
            State::Over => "GroupFuture(over)",
        })
    }
}
