//! The inner services of a layer.

use std::sync::Arc;

use parking_lot::Mutex;

/// Inner services that are called.
pub(crate) enum Targets<S> {
    /// One service for all providers, which routes by the request's URI.
    One(S),
    /// One service for each provider, by name. Behind a lock, so that it need not be `Sync`.
    Each(Arc<Mutex<Make<S>>>),
}

/// Function that returns the service of a provider.
type Make<S> = dyn Fn(&str) -> S + Send;

// === impl Targets ===

impl<S: Clone> Targets<S> {
    pub(crate) fn get(&self, name: &str) -> S {
        match self {
            Self::One(service) => service.clone(),
            Self::Each(make) => (make.lock())(name),
        }
    }
}

impl<S: Clone> Clone for Targets<S> {
    fn clone(&self) -> Self {
        match self {
            Self::One(service) => Self::One(service.clone()),
            Self::Each(make) => Self::Each(Arc::clone(make)),
        }
    }
}
