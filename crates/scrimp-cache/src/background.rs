//! What goes on in the background: stored responses are brought up to date, and stores that
//! answer later are waited for.

use std::{fmt, future::Future};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet};
use tracing::Instrument;

/// The tasks of a layer. They are aborted when their owner goes.
#[derive(Default)]
pub(crate) struct Background(Mutex<JoinSet<()>>);

// === impl Background ===

impl Background {
    /// Starts a task on the current runtime, under the caller's span. Without a runtime there
    /// is none: the stored response stays as it is until a request waits for a new one.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task.instrument(tracing::Span::current()), &runtime);
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Background({} tasks)", self.0.lock().len())
    }
}
