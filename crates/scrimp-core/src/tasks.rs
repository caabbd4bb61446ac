//! Background tasks that end with their owner.

use std::{fmt, future::Future};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};
use tracing::{Instrument, Span};

use crate::background_span;

/// The background tasks of a layer. They are aborted when this is dropped.
#[derive(Default)]
pub struct Tasks(Mutex<JoinSet<()>>);

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
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn_on(task.instrument(span), &runtime))
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tasks({})", self.0.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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

    #[test]
    fn without_a_runtime_a_task_is_dropped() {
        assert!(Tasks::default().start("test", async {}).is_none());
    }
}
