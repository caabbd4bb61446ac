//! The place of one caller's answer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::AcqRel},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::Span;

use super::lane::Lane;

/// One caller's place. No other caller's answer can get into it: an item and its slot move
/// together, and no slot is found by position or by name.
pub(crate) struct Slot<A>(Mutex<State<A>>);

enum State<A> {
    Waiting {
        waker: Option<Waker>,
        waiters: Option<Arc<Waiters>>,
        /// The caller's span, until a batch follows from it. A caller that leaves takes it along.
        cause: Span,
    },
    Answered(A),
    Lost,
    /// The caller has left, or has its answer.
    Over,
}

/// The callers of one batch that still wait.
#[derive(Debug)]
pub(crate) struct Waiters {
    waiting: AtomicUsize,
    abandoned: Notify,
}

/// A caller's end of its slot. Dropping it leaves the batch.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Ticket<I, A> {
    slot: Arc<Slot<A>>,
    lane: Arc<Lane<I, A>>,
}

/// The work was dropped without an answer: it panicked, or the runtime was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

// === impl Slot ===

impl<A> Slot<A> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting {
            waker: None,
            waiters: None,
            cause: Span::current(),
        })))
    }

    /// Reports whether no caller waits here any more.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(*self.0.lock(), State::Waiting { .. })
    }

    /// Adds the caller to a batch's waiters, and its span to the causes of the batch's. Returns false
    /// if it has left.
    pub(crate) fn join(&self, joining: &Arc<Waiters>, batch: &Span) -> bool {
        let cause = match &mut *self.0.lock() {
            State::Waiting { waiters, cause, .. } => {
                joining.waiting.fetch_add(1, AcqRel);
                *waiters = Some(Arc::clone(joining));
                std::mem::replace(cause, Span::none())
            }
            State::Answered(_) | State::Lost | State::Over => return false,
        };
        // A subscriber runs code of its own, so this is not done under the lock.
        batch.follows_from(&cause);
        true
    }

    pub(crate) fn answer(&self, answer: A) {
        self.settle(State::Answered(answer));
    }

    pub(crate) fn lose(&self) {
        self.settle(State::Lost);
    }

    /// Settles the slot. Only the first call counts.
    fn settle(&self, end: State<A>) {
        let mut state = self.0.lock();
        if !matches!(*state, State::Waiting { .. }) {
            drop(state);
            return; // `end` is dropped unlocked: an answer's body may run code of its own.
        }
        let before = std::mem::replace(&mut *state, end);
        drop(state);
        if let State::Waiting { waker, waiters, .. } = before {
            if let Some(waiters) = waiters {
                waiters.waiting.fetch_sub(1, AcqRel);
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

// === impl Waiters ===

impl Waiters {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicUsize::new(0),
            abandoned: Notify::new(),
        })
    }

    /// Waits until the last caller has left without an answer.
    pub(crate) async fn abandoned(&self) {
        self.abandoned.notified().await;
    }

    fn leave(&self) {
        if self.waiting.fetch_sub(1, AcqRel) == 1 {
            self.abandoned.notify_one();
        }
    }
}

// === impl Ticket ===

impl<I, A> Ticket<I, A> {
    pub(crate) fn new(slot: Arc<Slot<A>>, lane: Arc<Lane<I, A>>) -> Self {
        Self { slot, lane }
    }
}

impl<I, A> Future for Ticket<I, A> {
    type Output = Result<A, Lost>;

    /// Returns the answer, or [`Lost`].
    ///
    /// # Panics
    ///
    /// If polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<A, Lost>> {
        let mut state = self.slot.0.lock();
        if let State::Waiting { waker, .. } = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Over) {
            State::Answered(answer) => Poll::Ready(Ok(answer)),
            State::Lost => Poll::Ready(Err(Lost)),
            State::Waiting { .. } => unreachable!("returned above"),
            State::Over => panic!("a ticket is not polled after completion"),
        }
    }
}

impl<I, A> Drop for Ticket<I, A> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.slot.0.lock(), State::Over);
        match &before {
            State::Waiting {
                waiters: Some(waiters),
                ..
            } => waiters.leave(),
            State::Waiting { waiters: None, .. } => self.lane.left(),
            State::Answered(_) | State::Lost | State::Over => {}
        }
    }
}

impl<I, A> fmt::Debug for Ticket<I, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("over", &self.slot.is_over())
            .finish_non_exhaustive()
    }
}
