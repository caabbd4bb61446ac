//! The state of a layer, and the background work that ends with it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use scrimp_core::Tasks;

use crate::{config::Config, runner, shared::Core};

#[derive(Debug)]
pub(crate) struct Owner {
    core: Arc<Core>,
    started: AtomicBool,
    tasks: Tasks,
}

// === impl Owner ===

impl Owner {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            core: Arc::new(Core::new(config)),
            started: AtomicBool::new(false),
            tasks: Tasks::default(),
        }
    }

    /// Starts the background work, unless it runs. Returns whether it runs: there must be a runtime. A dry run has none.
    pub(crate) fn start(&self) -> bool {
        if self.core.config.dry_run {
            return true;
        }
        if self.started.swap(true, Relaxed) {
            return true;
        }
        let work = runner::run(Arc::clone(&self.core));
        let runs = self.tasks.start("batch_jobs", work).is_some();
        self.started.store(runs, Relaxed);
        runs
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}
