//! Background tasks that end with their owner.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, JoinSet},
};
use tracing::{Instrument, Span};

use crate::background_span;

/// The background tasks of a layer. They are aborted when this is dropped.
#[derive(Default)]
pub struct Tasks {
    set: Mutex<JoinSet<()>>,
    under_way: Arc<UnderWay>,
}

/// Number of tasks that have not ended.
#[derive(Default)]
struct UnderWay {
    count: AtomicUsize,
    /// Notified when there are none.
    none: Notify,
}

/// One of them, until it is dropped.
struct One(Arc<UnderWay>);

// === impl Tasks ===

impl Tasks {
    /// Starts a task on the current runtime, in a [span](background_span) of its own for this `work`.
    /// Returns `None` if there is no runtime; then the task is dropped, with all that it holds.
    pub fn start(
        &self,
        work: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        self.start_in(background_span(work), task)
    }

    /// Starts a task as [`start`](Self::start) does, in the span that its work has had before.
    pub fn start_in(
        &self,
        span: Span,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        let runtime = Handle::try_current().ok()?;
        let one = One::new(&self.under_way);
        let task = async move {
            task.await;
            drop(one);
        };
        let mut tasks = self.set.lock();
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn_on(task.instrument(span), &runtime))
    }

    /// Waits for a moment at which no task is under way.
    pub async fn settled(&self) {
        loop {
            let mut none = std::pin::pin!(self.under_way.none.notified());
            // A task that ends from here on is noticed.
            none.as_mut().enable();
            if self.under_way.count.load(SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }
}

// === impl One ===

impl One {
    fn new(under_way: &Arc<UnderWay>) -> Self {
        under_way.count.fetch_add(1, SeqCst);
        Self(Arc::clone(under_way))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, SeqCst) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tasks({})", self.set.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn tasks_end_with_their_owner() {
        let (tasks, held) = (Tasks::default(), Arc::new(()));
        let task = {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        };
        assert!(tasks.start("test", task).is_some());
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2);
        drop(tasks);
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn whoever_waits_for_the_tasks_learns_when_all_have_ended() {
        let (tasks, gate) = (Tasks::default(), Arc::new(Notify::new()));
        tasks.settled().await;
        let held = {
            let gate = Arc::clone(&gate);
            async move { gate.notified().await }
        };
        let given_up = tasks.start("test", std::future::pending()).unwrap();
        tasks.start("test", held).unwrap();
        let mut settled =
            std::pin::pin!(futures_util::future::join(tasks.settled(), tasks.settled()));
        assert!((&mut settled).now_or_never().is_none());
        given_up.abort();
        tokio::task::yield_now().await;
        assert!((&mut settled).now_or_never().is_none(), "one is under way");
        gate.notify_one();
        settled.await;
    }

    #[test]
    fn without_a_runtime_a_task_is_dropped() {
        assert!(Tasks::default().start("test", async {}).is_none());
    }
}
