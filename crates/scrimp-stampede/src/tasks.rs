//! What goes on in the background. It ends with its owner.

use std::{fmt, future::Future};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};
use tracing::Instrument;

/// Tasks of a layer. They are aborted when the last service and body of it are gone.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

/// Aborts a task when dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

// === impl Tasks ===

impl Tasks {
    /// Starts a task under the caller's span. `None` where there is no runtime; then it is
    /// dropped, and so is whatever it held.
    pub(crate) fn start(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        let runtime = Handle::try_current().ok()?;
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn_on(task.instrument(tracing::Span::current()), &runtime))
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tasks({})", self.0.lock().len())
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
