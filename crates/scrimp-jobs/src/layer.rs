//! The layer.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Request;
use tower_layer::Layer;

use crate::{
    BatchJobs, BatchJobsStats, DryRunBill, Submission, SubmitError, config::Config, owner::Owner,
};

/// A tower layer that turns requests that can wait into batch jobs of their provider.
///
/// All services of a layer and of its clones share one queue. Its background work ends with the last of
/// them; what it leaves in the queue is taken up when the next layer is built over the same queue.
#[derive(Clone)]
pub struct BatchJobsLayer(Arc<Owner>);

// === impl BatchJobsLayer ===

impl BatchJobsLayer {
    pub(crate) fn of(config: Config) -> Self {
        let owner = Owner::new(config);
        owner.start();
        Self(Arc::new(owner))
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn core(&self) -> &crate::shared::Core {
        self.0.core()
    }

    /// Returns the counters of the layer.
    #[must_use]
    pub fn stats(&self) -> BatchJobsStats {
        let core = self.0.core();
        core.counters.read(core.waiters.len())
    }

    /// Returns the bill of the requests that the layer would have deferred, if it is
    /// [dry](crate::BatchJobsLayerBuilder::dry_run).
    #[must_use]
    pub fn dry_run_bill(&self) -> DryRunBill {
        self.0.core().tried.lock().clone()
    }

    /// Puts requests into the queue, for which no caller waits. They are sent even if this process ends.
    ///
    /// A request has an absolute URI, and is due at its [`Deadline`](scrimp_core::extensions::Deadline), or after the
    /// [patience](crate::BatchJobsLayerBuilder::patience) of the layer. A call of its own, if it comes to that, goes through the
    /// client of the builder, not through an inner service.
    ///
    /// The name makes this repeatable: if the queue has a submission of this name, nothing is added, and the handle is on
    /// the one that is there. A job that runs every night has a name with its date.
    ///
    /// # Errors
    ///
    /// If the provider has no batch form for a request, no account fits its credentials, a body is too long, the queue
    /// is full, or fails. Nothing is added then.
    pub async fn submit(
        &self,
        name: impl Into<Arc<str>>,
        requests: impl IntoIterator<Item = Request<Bytes>>,
    ) -> Result<Submission, SubmitError> {
        self.0.start();
        Submission::put(&self.0, name.into(), requests).await
    }

    /// Returns the handle of a submission. `None` if the queue has none of this name.
    ///
    /// # Errors
    ///
    /// If the queue fails.
    pub async fn submission(
        &self,
        name: impl Into<Arc<str>>,
    ) -> Result<Option<Submission>, SubmitError> {
        self.0.start();
        Submission::find(&self.0, name.into()).await
    }
}

impl<S> Layer<S> for BatchJobsLayer {
    type Service = BatchJobs<S>;

    fn layer(&self, inner: S) -> BatchJobs<S> {
        BatchJobs::from_parts(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for BatchJobsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BatchJobsLayer")
            .field(&self.0.core().config)
            .finish()
    }
}
