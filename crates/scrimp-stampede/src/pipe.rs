//! A body that is read for a client and ahead of it.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

/// What goes through a pipe.
pub(crate) enum Message<E> {
    Frame(Frame<Bytes>),
    Failed(E),
    /// The body panicked. Its reader will, as if it had read it itself.
    Panicked(Box<dyn Any + Send>),
}

/// The end that frames go in.
pub(crate) struct Writer<E>(Arc<Mutex<State<E>>>);

/// The end that the client reads.
pub(crate) struct Reader<E> {
    state: Arc<Mutex<State<E>>>,
    hint: SizeHint,
    ended: bool,
}

struct State<E> {
    queue: VecDeque<Message<E>>,
    bytes: usize,
    limit: usize,
    /// No message comes after those in the queue.
    complete: bool,
    gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Why there is no room in a pipe, or need not be.
pub(crate) enum Room {
    Free,
    /// The client has not read what came before.
    Full,
    /// There is no client any more.
    Gone,
}

/// A pipe that holds up to `limit` bytes, for a body that says `hint` of itself.
pub(crate) fn pipe<E>(limit: usize, hint: SizeHint) -> (Writer<E>, Reader<E>) {
    let state = Arc::new(Mutex::new(State {
        queue: VecDeque::new(),
        bytes: 0,
        limit,
        complete: false,
        gone: false,
        reader: None,
        writer: None,
    }));
    let reader = Reader {
        state: Arc::clone(&state),
        hint,
        ended: false,
    };
    (Writer(state), reader)
}

// === impl Writer ===

impl<E> Writer<E> {
    /// Whether there is room. Wakes the writer when the client has read, or has gone.
    pub(crate) fn room(&self, cx: &Context<'_>) -> Room {
        let mut state = self.0.lock();
        if state.gone {
            return Room::Gone;
        }
        state.writer = Some(cx.waker().clone());
        match state.bytes < state.limit {
            true => Room::Free,
            false => Room::Full,
        }
    }

    /// Sends a message, the last one if `complete`.
    pub(crate) fn send(&self, message: Option<Message<E>>, complete: bool) {
        let (woken, unread) = {
            let mut state = self.0.lock();
            state.complete |= complete;
            let mut unread = None;
            if state.gone {
                unread = message;
            } else if let Some(message) = message {
                state.bytes += message.len();
                state.queue.push_back(message);
            }
            (state.reader.take(), unread)
        };
        // Neither wakers nor bodies' errors are run under the lock.
        drop(unread);
        if let Some(waker) = woken {
            waker.wake();
        }
    }
}

// === impl Message ===

impl<E> Message<E> {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.data_ref().map_or(0, Bytes::len),
            Self::Failed(_) | Self::Panicked(_) => 0,
        }
    }
}

// === impl Reader ===

impl<E> Reader<E> {
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let (message, woken) = {
            let mut state = self.state.lock();
            let Some(message) = state.queue.pop_front() else {
                if state.complete {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            let was_full = state.bytes >= state.limit;
            state.bytes -= message.len();
            // A body that knows its end says so with its last frame.
            self.ended = state.complete && state.queue.is_empty();
            let woken = match was_full && state.bytes < state.limit {
                true => state.writer.take(),
                false => None,
            };
            (message, woken)
        };
        if let Some(waker) = woken {
            waker.wake();
        }
        match message {
            Message::Frame(frame) => {
                if let Some(data) = frame.data_ref() {
                    self.hint = less(&self.hint, data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Message::Failed(error) => {
                self.ended = true;
                Poll::Ready(Some(Err(error)))
            }
            Message::Panicked(panic) => {
                self.ended = true;
                std::panic::resume_unwind(panic)
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.ended {
            true => SizeHint::with_exact(0),
            false => self.hint,
        }
    }
}

impl<E> Drop for Reader<E> {
    fn drop(&mut self) {
        let (woken, unread) = {
            let mut state = self.state.lock();
            state.gone = true;
            (state.writer.take(), std::mem::take(&mut state.queue))
        };
        drop(unread);
        if let Some(waker) = woken {
            waker.wake();
        }
    }
}

impl<E> fmt::Debug for Reader<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader(ended: {})", self.ended)
    }
}

/// What is left to come after so many bytes.
fn less(hint: &SizeHint, read: u64) -> SizeHint {
    let mut left = SizeHint::new();
    left.set_lower(hint.lower().saturating_sub(read));
    if let Some(upper) = hint.upper() {
        left.set_upper(upper.saturating_sub(read));
    }
    left
}

/// Whether a body has said with its last frame that it was the last.
pub(crate) fn ended<B: Body<Data = Bytes>>(frame: &Frame<Bytes>, body: &B) -> bool {
    frame.is_trailers() || body.is_end_stream()
}
