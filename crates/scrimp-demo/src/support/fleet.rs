//! The stores of a fleet whose nodes are in one process.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use scrimp_cache::{Entry, FillToken, Lookup, MemoryBudget, Store};
use scrimp_core::{Key, KeyRef};
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static ASKED: Arc<Asked>;
}

/// A request, as the stores of a fleet see it.
#[derive(Debug)]
pub struct Asked {
    node: usize,
    found: AtomicBool,
}

/// The store of each node. A look-up goes to that of the node which answers the present request.
///
/// One cache layer is over all of them, so that an invalidation reaches every node at once, as the log
/// of a fleet does within some milliseconds. What is done in the background goes to the first node.
#[derive(Debug)]
pub struct FleetStore<S>(Arc<[S]>);

// === impl Asked ===

impl Asked {
    /// Makes a request of a node, from 0.
    #[must_use]
    pub fn new(node: usize) -> Arc<Self> {
        Arc::new(Self {
            node,
            found: AtomicBool::new(false),
        })
    }

    /// Runs a call, and what it returns, as this request of its node.
    pub fn run<F: Future>(
        self: &Arc<Self>,
        call: impl FnOnce() -> F,
    ) -> TaskLocalFuture<Arc<Self>, F> {
        let answer = ASKED.sync_scope(Arc::clone(self), call);
        ASKED.scope(Arc::clone(self), answer)
    }

    /// Notes that a store which the nodes share has a response for the present request.
    pub fn note_found() {
        let _ = ASKED.try_with(|asked| asked.found.store(true, Relaxed));
    }

    /// Reports whether a shared store had a response for the request.
    #[must_use]
    pub fn was_found(&self) -> bool {
        self.found.load(Relaxed)
    }
}

// === impl FleetStore ===

impl<S> FleetStore<S> {
    /// Makes the store of a fleet from those of its nodes.
    #[must_use]
    pub fn new(nodes: Vec<S>) -> Self {
        Self(nodes.into())
    }

    fn node(&self) -> &S {
        let node = ASKED.try_with(|asked| asked.node).unwrap_or_default();
        &self.0[node.min(self.0.len() - 1)]
    }
}

impl<S> Clone for FleetStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Store> Store for FleetStore<S> {
    type Get = S::Get;
    type Put = S::Put;

    fn get(&self, key: KeyRef<'_>) -> Lookup<S::Get> {
        self.node().get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> S::Put {
        self.node().put(key, entry, token)
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.node().remove(key, which);
    }

    fn is_degraded(&self, key: KeyRef<'_>) -> bool {
        self.node().is_degraded(key)
    }

    fn budget(&self) -> &MemoryBudget {
        self.node().budget()
    }

    fn max_body(&self) -> u64 {
        self.node().max_body()
    }
}
