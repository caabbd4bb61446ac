//! Calls that are finished in the background.

use std::{fmt, future::Future};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet};
use tracing::Instrument;

/// The tasks of a layer. They are aborted when the layer, its clones and its services are gone.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

// === impl Tasks ===

impl Tasks {
    /// Starts a task on the current runtime, under the caller's span. False if there is none.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task.instrument(tracing::Span::current()), &runtime);
        true
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tasks({})", self.0.lock().len())
    }
}
