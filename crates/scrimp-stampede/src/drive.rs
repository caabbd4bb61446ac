//! Drives a call to its head, for its caller or for those who wait longer.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Poll, Waker, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use scrimp_core::CountedBody;
use tokio::time::Instant;

use crate::settle::{Call, settle};

// === impl Call ===

impl Call {
    /// Drives a call to its head. A call that should come `at_once` and does not is a miss: from
    /// that moment it fills its key, and others wait for it.
    ///
    /// It is pending once the deadline of its caller has passed, and starts nothing then. The
    /// [future](crate::StampedeFuture) answers the caller.
    pub(crate) async fn drive<F, B, E>(
        &mut self,
        call: F,
        at_once: bool,
    ) -> Result<Response<CountedBody<B>>, E>
    where
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
        E: 'static,
    {
        let mut called = Some(Box::pin(call));
        let mut polled = false;
        let result = poll_fn(|cx| {
            let Some(call) = &mut called else {
                return Poll::Pending;
            };
            if !polled && self.is_late() {
                return Poll::Pending;
            }
            let first = !std::mem::replace(&mut polled, true);
            if first {
                self.common.shared.counters.call();
            }
            let poll = call.as_mut().poll(cx);
            self.at_once = first && poll.is_ready();
            if first && at_once && poll.is_pending() {
                self.surprised();
            }
            if poll.is_pending()
                && self.is_late()
                && let Some(call) = called.take()
            {
                self.hand_over(call);
            }
            poll
        })
        .await;
        let result = self.common.shared.counters.ended(result);
        if result.is_err() {
            self.failed();
        }
        result
    }

    fn is_late(&self) -> bool {
        let deadline = self.deadline.as_ref();
        deadline.is_some_and(|deadline| deadline.0 <= Instant::now())
    }

    /// Leaves a call that others wait for to a task. It is cancelled if there are none.
    fn hand_over<F, B, E>(&mut self, call: Pin<Box<F>>)
    where
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
        E: 'static,
    {
        let awaited = |call: &Self| {
            let ticket = call.ticket.as_ref();
            ticket.is_some_and(|ticket| ticket.is_awaited(Waker::noop()))
        };
        if awaited(self) {
            let left = Self {
                sent: self.sent,
                ticket: self.ticket.take(),
                ..Self::new(&self.common, self.asked)
            };
            self.common.tasks.start("stampede.fill", left.run(call));
        }
    }

    /// Makes the call for those who wait for it, until the last of them has left.
    async fn run<F, B, E>(mut self, mut call: Pin<Box<F>>)
    where
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
        E: 'static,
    {
        let head = poll_fn(|cx| {
            let ticket = self.ticket.as_ref();
            if !ticket.is_some_and(|ticket| ticket.is_awaited(cx.waker())) {
                return Poll::Ready(None);
            }
            Poll::Ready(Some(ready!(call.as_mut().poll(cx))))
        })
        .await;
        match head.map(|result| self.common.shared.counters.ended(result)) {
            // The body is read on, as after a caller that has left.
            Some(Ok(response)) => drop(settle(self, response)),
            Some(Err(_)) => self.failed(),
            None => {}
        }
    }
}
