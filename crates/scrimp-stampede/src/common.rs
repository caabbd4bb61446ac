//! State that all services of a layer own together.

use std::{fmt, sync::Arc};

use scrimp_core::Tasks;

use crate::config::Shared;

/// State that the services of a layer own together. Tasks hold `shared` alone, so they end when
/// the layer, its services and their bodies are gone.
pub(crate) struct Common {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tasks: Tasks,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("shared", &self.shared)
            .field("tasks", &self.tasks)
            .finish()
    }
}
