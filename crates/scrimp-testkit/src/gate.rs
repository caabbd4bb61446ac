//! Order of tasks without sleeping.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// A gate at which tasks wait until a test opens it.
///
/// Clones are handles on the same gate. A gate starts shut, and can be shut again.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<State>>);

/// Waits until a [`Gate`] is open. Made by [`Gate::opened`].
#[must_use = "futures do nothing unless polled"]
pub struct Opened {
    gate: Gate,
    ticket: Option<u64>,
}

#[derive(Default)]
struct State {
    open: bool,
    tickets: u64,
    /// One waker per waiting future, independent of the number of polls.
    waiting: Vec<(u64, Waker)>,
    watchers: Vec<Waker>,
}

// === impl Gate ===

impl Gate {
    /// Makes a gate that is shut.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the gate and wakes all waiting tasks.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.open = true;
            std::mem::take(&mut state.waiting)
        };
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// Shuts the gate for tasks that have not passed it yet.
    pub fn shut(&self) {
        self.0.lock().open = false;
    }

    /// Reports whether the gate is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.lock().open
    }

    /// Waits until the gate is open.
    pub fn opened(&self) -> Opened {
        Opened {
            gate: self.clone(),
            ticket: None,
        }
    }

    /// Returns the number of tasks that wait at the gate now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Waits until at least `count` tasks wait at the gate.
    pub async fn reached(&self, count: usize) {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if state.waiting.len() >= count {
                return Poll::Ready(());
            }
            state.watchers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("Gate")
            .field("open", &state.open)
            .field("waiting", &state.waiting.len())
            .finish()
    }
}

// === impl Opened ===

impl Future for Opened {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let gate = self.gate.clone();
        let mut state = gate.0.lock();
        if state.open {
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            state.tickets += 1;
            state.tickets
        });
        match state.waiting.iter_mut().find(|(id, _)| *id == ticket) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.waiting.push((ticket, cx.waker().clone())),
        }
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        watchers.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.gate.0.lock().waiting.retain(|(id, _)| *id != ticket);
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.gate).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PollCounter;

    #[tokio::test(start_paused = true)]
    async fn an_open_gate_lets_tasks_pass_and_a_shut_gate_holds_them() {
        let gate = Gate::new();
        let mut first = PollCounter::new(gate.opened());
        for _ in 0..3 {
            assert!(first.poll_now().is_pending());
        }
        gate.reached(1).await;
        gate.open();
        assert_eq!(first.wakes(), 1, "many polls, one waker");
        assert!(first.poll_now().is_ready());
        gate.shut();
        assert!(PollCounter::new(gate.opened()).poll_now().is_pending());
        assert_eq!(gate.waiting(), 0, "a dropped future no longer waits");
    }
}
