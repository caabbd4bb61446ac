//! A store that stands for Redis, and that can be stopped.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use scrimp_cache::{
    Entry, FillToken, Lookup, MemoryBudget, MemoryStore, PutOutcome, Store, Variants,
};
use scrimp_core::{BoxError, Breaker, Key, KeyRef};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Time of a command.
const TAKES: Duration = Duration::from_millis(1);
/// Longest time for a command of `scrimp-redis`: its default.
const COMMAND: Duration = Duration::from_millis(40);
/// Time between two health checks of `scrimp-redis`: its default.
const HEALTH: Duration = Duration::from_secs(5);

/// The server: it answers, or hangs.
#[derive(Debug, Clone)]
pub(super) struct Server {
    memory: MemoryStore,
    hangs: watch::Sender<bool>,
}

/// One node's client of the server.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    server: Server,
    limit: Duration,
    /// `None`: a client without one waits for each command.
    breaker: Option<Arc<Breaker>>,
}

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl Server ===

impl Server {
    pub(super) fn new() -> Self {
        Self {
            memory: MemoryStore::new(64 << 20),
            hangs: watch::Sender::new(false),
        }
    }

    /// Stops it, or lets it go on with what it has stored.
    pub(super) fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    pub(super) fn hangs(&self) -> bool {
        *self.hangs.borrow()
    }

    /// Takes the time of a command, and waits for the server if it hangs.
    async fn serve(&self) {
        let mut hangs = self.hangs.subscribe();
        // The sender is part of the server, so that it cannot be gone.
        let _ = hangs.wait_for(|hangs| !hangs).await;
        sleep(TAKES).await;
    }
}

// === impl Remote ===

impl Remote {
    /// Makes a client that waits this long for each command.
    pub(super) fn patient(server: &Server, limit: Duration) -> Self {
        Self {
            server: server.clone(),
            limit,
            breaker: None,
        }
    }

    /// Makes a client that handles failures as `scrimp-redis` does, by the same breaker.
    pub(super) fn guarded(server: &Server) -> Self {
        Self {
            breaker: Some(Arc::default()),
            ..Self::patient(server, COMMAND)
        }
    }

    /// Reports whether the node goes without the server now.
    pub(super) fn is_without(&self) -> bool {
        let is_open = self.breaker.as_ref().is_some_and(|own| !own.is_closed());
        is_open || self.server.hangs()
    }

    /// Probes a server that has failed, at each health check.
    pub(super) async fn keep(self) {
        let Some(breaker) = &self.breaker else { return };
        loop {
            sleep(HEALTH).await;
            let answered = timeout(self.limit, self.server.serve()).await;
            if answered.is_ok() && breaker.is_open() {
                breaker.probed();
            }
        }
    }

    /// Sends a command, if the breaker lets it pass.
    fn command<T: Send + 'static>(
        &self,
        command: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Option<Later<T>> {
        let pass = match &self.breaker {
            Some(breaker) => Some(breaker.admit()?),
            None => None,
        };
        let (server, limit) = (self.server.clone(), self.limit);
        Some(Box::pin(async move {
            let answered = timeout(limit, server.serve()).await;
            if let Some(pass) = pass {
                match answered {
                    Ok(()) => pass.succeeded(),
                    Err(_) => pass.failed(),
                };
            }
            answered?;
            Ok(command(&server))
        }))
    }
}

impl Store for Remote {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let key = key.to_key();
        let look = move |server: &Server| match server.memory.get(key.as_ref()) {
            Lookup::Now(found) => found,
            Lookup::Later(_) => None,
        };
        self.command(look).map_or(Lookup::Now(None), Lookup::Later)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let put = self.command(move |server| server.memory.put(key, entry, token));
        Box::pin(async move {
            match put {
                Some(put) => put.await?.await,
                None => Ok(PutOutcome::Rejected),
            }
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        let (key, which) = (key.to_key(), which.cloned());
        let remove = move |server: &Server| server.memory.remove(key.as_ref(), which.as_ref());
        // As in `scrimp-redis`, it is left out if the server does not serve.
        if let Some(remove) = self.command(remove) {
            tokio::spawn(remove);
        }
    }

    fn is_degraded(&self, _: KeyRef<'_>) -> bool {
        self.breaker
            .as_ref()
            .is_some_and(|breaker| !breaker.is_closed())
    }

    fn budget(&self) -> &MemoryBudget {
        Store::budget(&self.server.memory)
    }

    fn max_body(&self) -> u64 {
        Store::max_body(&self.server.memory)
    }
}
