//! The warmer.

use std::{future::Future, future::pending, sync::Arc};

use crate::{
    WarmService, config::Config, journal::JournalError, report::WarmReport, run::Run,
    targets::Targets,
};

/// Fetches responses ahead of time through a stack of layers, so that its cache has them when callers come.
///
/// Clones share the settings, and the rate limit.
#[derive(Debug, Clone)]
pub struct Warmer(Arc<Config>);

// === impl Warmer ===

impl Warmer {
    pub(crate) fn of(config: Config) -> Self {
        Self(Arc::new(config))
    }

    /// Fetches all targets through a service, each in each variant.
    ///
    /// Errors of requests are counted and never end the run. If the future is dropped, calls in flight are
    /// cancelled; with a [`journal`](crate::WarmerBuilder::journal), a later run goes on.
    ///
    /// # Errors
    ///
    /// If the journal cannot be opened. Without a journal there is no error.
    pub async fn run<S, ReqB>(
        &self,
        service: S,
        targets: &Targets,
    ) -> Result<WarmReport, JournalError>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        self.run_until(service, targets, pending()).await
    }

    /// Does the same until a future resolves. No further request begins then; those in flight are read to
    /// their end.
    ///
    /// # Errors
    ///
    /// If the journal cannot be opened.
    pub async fn run_until<S, ReqB>(
        &self,
        service: S,
        targets: &Targets,
        stop: impl Future<Output = ()>,
    ) -> Result<WarmReport, JournalError>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        Run::new(&self.0, service, targets)?.drive(stop).await
    }
}
