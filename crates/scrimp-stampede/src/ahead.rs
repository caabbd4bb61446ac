//! Reads the body of a fill ahead of its client.

use std::{
    any::Any,
    future::{Future, poll_fn},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use scrimp_flight::{
    Broadcast,
    broadcast::{Channel, End, Pump, Pumped, Reader, Stop},
};
use tokio::{
    task::consume_budget,
    time::{Sleep, sleep},
};

use crate::{
    gate::{Outcome, Ticket},
    learn::Fill,
};

/// A body that can be read ahead of its client.
pub(crate) trait FillBody: Body<Data = Bytes, Error: Send> + Send + 'static {}

/// The body of a fill, read for its client and for the requests that wait for the fill.
pub(crate) struct Ahead<B> {
    limit: usize,
    fill: Fill,
    /// The ticket of the fill, while other requests may wait for it.
    ticket: Mutex<Option<Ticket>>,
    body: PhantomData<fn() -> B>,
}

/// The end of a body, as its client sees it.
pub(crate) enum Ended<E> {
    Clean,
    Trailers(HeaderMap),
    Failed(E),
    /// The body panicked. The client panics too, as if it had read the body itself.
    Panicked(Box<dyn Any + Send>),
}

/// A task that reads a body to its end.
///
/// - It runs ahead of the client by as many bytes as the log may hold. If the client keeps the log
///   full for a moment, the waiters are released, because the client then sets the pace.
/// - A client that leaves does not end the read while others wait. The read ends when they are
///   gone.
pub(crate) struct ReadAhead<B: FillBody> {
    pump: Pump<Ahead<B>>,
    /// A timer that runs while the client keeps the log full.
    stall: Option<Pin<Box<Sleep>>>,
    /// True once the client has gone.
    alone: bool,
}

/// The body that the client reads.
pub(crate) struct AheadBody<B: FillBody> {
    reader: Reader<Ahead<B>>,
    /// The bytes that are left, as the inner body gave them.
    hint: SizeHint,
}

/// Time that a client may keep the log full before it counts as slow.
const STALL: Duration = Duration::from_millis(100);

/// Largest number of frames that are taken on the spot.
const AT_FIRST: usize = 64;

impl<B> FillBody for B where B: Body<Data = Bytes, Error: Send> + Send + 'static {}

// === impl Ahead ===

/// Returns the two ends of a body that is read ahead of its client.
pub(crate) fn read_ahead<B: FillBody>(
    body: B,
    limit: usize,
    fill: Fill,
    ticket: Ticket,
) -> (ReadAhead<B>, AheadBody<B>) {
    let hint = body.size_hint();
    let ahead = Ahead {
        limit,
        fill,
        ticket: Mutex::new(Some(ticket)),
        body: PhantomData,
    };
    let (pump, reader) = Broadcast::ahead(ahead, Box::pin(body));
    let pump = ReadAhead {
        pump,
        stall: None,
        alone: false,
    };
    (pump, AheadBody { reader, hint })
}

impl<B> Ahead<B> {
    fn release(&self, outcome: Outcome) {
        let ticket = self.ticket.lock().take();
        if let Some(mut ticket) = ticket {
            ticket.end(outcome);
        }
    }

    fn is_awaited(&self, waker: &Waker) -> bool {
        let ticket = self.ticket.lock();
        ticket
            .as_ref()
            .is_some_and(|ticket| ticket.is_awaited(waker))
    }
}

impl<B: FillBody> Channel for Ahead<B> {
    type Source = Pin<Box<B>>;
    type End = Ended<B::Error>;

    fn poll(body: &mut Self::Source, cx: &mut Context<'_>) -> Poll<(Bytes, Option<Self::End>)> {
        // Not polled again after a panic, so the state that the panic left is never seen.
        let polled = catch_unwind(AssertUnwindSafe(|| poll_chunk(body.as_mut(), cx)));
        polled.unwrap_or_else(|panic| Poll::Ready((Bytes::new(), Some(Ended::Panicked(panic)))))
    }

    fn lost() -> Self::End {
        Ended::Panicked(Box::new("a body was lost while it was being read"))
    }

    fn max_bytes(&self) -> usize {
        self.limit
    }

    /// Returns the longest wait: the client is the only reader and is never cut off.
    fn patience(&self) -> Duration {
        Duration::MAX
    }

    /// Releases the waiters. If the body ended well, the cache kept it in the poll that said so.
    fn ended(broadcast: &Arc<Broadcast<Self>>, end: &Self::End, _: Option<usize>) -> bool {
        let ahead = broadcast.channel();
        ahead.release(match end.is_sound() {
            true => {
                ahead.fill.done();
                Outcome::Stored
            }
            false => Outcome::Alone,
        });
        false
    }

    fn closed(&self) {
        let unsaid = self.ticket.lock().take();
        drop(unsaid);
    }
}

fn poll_chunk<B: FillBody>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Poll<(Bytes, Option<Ended<B::Error>>)> {
    Poll::Ready(match ready!(body.as_mut().poll_frame(cx)) {
        None => (Bytes::new(), Some(Ended::Clean)),
        Some(Err(error)) => (Bytes::new(), Some(Ended::Failed(error))),
        Some(Ok(frame)) => match frame.into_data() {
            Ok(chunk) => (chunk, body.is_end_stream().then_some(Ended::Clean)),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                (Bytes::new(), Some(Ended::Trailers(trailers)))
            }
        },
    })
}

impl<E: Send> End for Ended<E> {
    fn is_silent(&self) -> bool {
        matches!(self, Self::Clean)
    }

    fn is_sound(&self) -> bool {
        matches!(self, Self::Clean | Self::Trailers(_))
    }

    fn tell(&mut self) -> Self {
        std::mem::replace(self, Self::Clean)
    }
}

// === impl ReadAhead ===

impl<B: FillBody> ReadAhead<B> {
    /// Takes the chunks that are there already. Returns `None` if they were all: most responses of
    /// a handler in the same process are complete at once and need no task.
    pub(crate) fn started(mut self) -> Option<Self> {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..AT_FIRST {
            match self.turn(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(true) => {}
                Poll::Ready(false) => return None,
            }
        }
        // Polled again by the task, with its own waker.
        Some(self)
    }

    /// Reads the rest of the body.
    pub(crate) async fn run(mut self) {
        while poll_fn(|cx| self.turn(cx)).await {
            // A body that never ends and never waits must not occupy a thread.
            consume_budget().await;
        }
    }

    /// Reads a chunk. Returns false if the body is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let ahead = self.pump.broadcast().channel();
            if self.alone && !ahead.is_awaited(cx.waker()) {
                return Poll::Ready(false);
            }
            let pumped = self.pump.poll(cx);
            if pumped != Pumped::Full {
                self.stall = None;
            }
            return match pumped {
                Pumped::Again => Poll::Ready(true),
                Pumped::Over => Poll::Ready(false),
                Pumped::Pending => Poll::Pending,
                Pumped::Full => {
                    self.stalled(cx);
                    Poll::Pending
                }
                Pumped::Alone => {
                    self.alone = true;
                    continue;
                }
            };
        }
    }

    fn stalled(&mut self, cx: &mut Context<'_>) {
        let ahead = self.pump.broadcast().channel();
        if ahead.ticket.lock().is_none() {
            return;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
        if stall.as_mut().poll(cx).is_ready() {
            ahead.release(Outcome::Alone);
        }
    }
}

// === impl AheadBody ===

impl<B: FillBody> AheadBody<B> {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Poll::Ready(match ready!(self.reader.poll(cx)) {
            Ok(chunk) => {
                self.hint = less(&self.hint, chunk.len() as u64);
                Some(Ok(Frame::data(chunk)))
            }
            Err(Stop::Over | Stop::End(Ended::Clean)) => None,
            Err(Stop::End(Ended::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Err(Stop::End(Ended::Failed(error))) => Some(Err(error)),
            Err(Stop::End(Ended::Panicked(panic))) => resume_unwind(panic),
            Err(Stop::CutOff) => unreachable!("the only reader is never cut off"),
        })
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.reader.is_over()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.is_end_stream() {
            true => SizeHint::with_exact(0),
            false => self.hint,
        }
    }
}

/// Returns the size hint that is left after this many bytes.
fn less(hint: &SizeHint, read: u64) -> SizeHint {
    let mut left = SizeHint::new();
    left.set_lower(hint.lower().saturating_sub(read));
    if let Some(upper) = hint.upper() {
        left.set_upper(upper.saturating_sub(read));
    }
    left
}
