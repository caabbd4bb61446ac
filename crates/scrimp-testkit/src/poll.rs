//! Counters of polls and wakes.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use parking_lot::Mutex;

/// Wraps a future and counts its polls and its wakes.
///
/// Await it to count the polls of an executor, or poll it by hand with
/// [`poll_now`](Self::poll_now).
#[must_use = "futures do nothing unless polled"]
pub struct PollCounter<F> {
    future: Pin<Box<F>>,
    polls: Polls,
    waker: Waker,
}

/// The counts of a [`PollCounter`]; they can be read after the future was dropped.
#[derive(Clone, Default)]
pub struct Polls(Arc<Counts>);

#[derive(Default)]
struct Counts {
    polls: AtomicUsize,
    wakes: AtomicUsize,
    caller: Mutex<Option<Waker>>,
}

// === impl PollCounter ===

impl<F: Future> PollCounter<F> {
    /// Starts counting.
    pub fn new(future: F) -> Self {
        let polls = Polls::default();
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&polls.0)),
            polls,
        }
    }

    /// Returns a handle on the counts.
    #[must_use]
    pub fn handle(&self) -> Polls {
        self.polls.clone()
    }

    /// Returns the number of polls of the future.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.polls.polls()
    }

    /// Returns the number of times that the future woke its caller.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.polls.wakes()
    }

    /// Polls once, even without a wake. Wakes are counted and not passed on.
    pub fn poll_now(&mut self) -> Poll<F::Output> {
        self.polls.0.polls.fetch_add(1, Relaxed);
        self.polls.0.caller.lock().take();
        self.future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }
}

impl<F: Future> Future for PollCounter<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        this.polls.0.polls.fetch_add(1, Relaxed);
        *this.polls.0.caller.lock() = Some(cx.waker().clone());
        this.future
            .as_mut()
            .poll(&mut Context::from_waker(&this.waker))
    }
}

impl<F> fmt::Debug for PollCounter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PollCounter").field(&self.polls).finish()
    }
}

// === impl Polls ===

impl Polls {
    /// Returns the number of polls of the future.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.polls.load(Relaxed)
    }

    /// Returns the number of times that the future woke its caller.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.0.wakes.load(Relaxed)
    }
}

impl fmt::Debug for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polls")
            .field("polls", &self.polls())
            .field("wakes", &self.wakes())
            .finish()
    }
}

// === impl Counts ===

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Relaxed);
        let caller = self.caller.lock().clone();
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_wake_is_one_poll() {
        let counter = PollCounter::new(async {
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        });
        let counts = counter.handle();
        counter.await;
        assert_eq!((counts.polls(), counts.wakes()), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn polls_by_hand_are_counted_without_a_wake() {
        let mut counter = PollCounter::new(std::future::pending::<()>());
        for _ in 0..3 {
            assert!(counter.poll_now().is_pending());
        }
        assert_eq!((counter.polls(), counter.wakes()), (3, 0));
    }
}
