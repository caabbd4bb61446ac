//! Lets one of the processes that share a lock fill a key.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use scrimp_core::{
    Acquired, Key, Lease,
    extensions::{Directive, Explain, Fence},
};
use scrimp_http::cache_status;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;
use tower_service::Service;

use crate::{
    StampedeBody,
    cold::Cold,
    config::{Lock, Shared},
    fingerprint,
    gate::Ticket,
    records::to_micros,
    settle::settle,
    tasks::AbortOnDrop,
};

/// Time that a lock service is left alone after a failure.
const REST: Duration = Duration::from_secs(5);

/// A lease is renewed after this part of it.
const RENEW_AFTER: u32 = 3;

/// Outcome of a request for the lock.
enum Turn {
    /// This process fills the key, under the lock.
    Ours(Box<dyn Lease>),
    /// Another process fills the key, and may have filled it by now.
    Theirs,
    /// The lock is of no help: the request goes ahead without it.
    Without,
}

// === impl Cold ===

impl<S, ReqB, ResB> Cold<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Default + Send + 'static,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    /// Fills the key unless the cache has it, or another process is about to fill it. The lock is
    /// requested only after the cache has said that it has nothing.
    pub(crate) async fn fill_among_processes(
        mut self,
        mut ticket: Ticket,
        deadline: Instant,
    ) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let shared = Arc::clone(&self.common.shared);
        let key = fingerprint::key(&self.request, &shared.config.select);
        loop {
            let mut call = self.call();
            shared.counters.call();
            match self.inner.clone().oneshot(self.only_if_cached()).await {
                Ok(response) if says_not_cached(&response) => {}
                result => {
                    call.ticket = Some(ticket);
                    let result = shared.counters.ended(result);
                    if result.is_err() {
                        call.failed();
                    }
                    return result.map(|response| settle(call, response));
                }
            }
            match shared.turn(key.clone(), deadline).await {
                Turn::Ours(lease) => {
                    let fence = Fence(lease.fence());
                    self.request.extensions_mut().insert(fence);
                    ticket.keep(self.keep(lease));
                    break;
                }
                Turn::Theirs if Instant::now() < deadline => {}
                Turn::Theirs | Turn::Without => break,
            }
        }
        self.send(ticket).await
    }

    /// Returns a copy of the request that only the cache may answer.
    fn only_if_cached(&self) -> Request<ReqB> {
        let mut probe = Request::new(ReqB::default());
        *probe.uri_mut() = self.request.uri().clone();
        *probe.version_mut() = self.request.version();
        *probe.headers_mut() = self.request.headers().clone();
        *probe.extensions_mut() = self.request.extensions().clone();
        probe.extensions_mut().insert(Directive::OnlyIfCached);
        probe.extensions_mut().insert(Explain);
        probe
    }

    /// Renews the lease until the fill is over.
    fn keep(&self, mut lease: Box<dyn Lease>) -> Option<AbortOnDrop> {
        let lock = self.common.shared.config.lock.clone()?;
        let keeper = async move {
            loop {
                sleep(lock.lease / RENEW_AFTER).await;
                match timeout(lock.timeout, lease.renew()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(error, "a lease could not be renewed"),
                    Err(_) => tracing::warn!("renewing a lease took too long"),
                }
            }
        };
        self.common
            .tasks
            .start("stampede.lease", keeper)
            .map(AbortOnDrop)
    }
}

/// Returns whether a cache that obeys directives says that it has nothing. Any other cache has
/// made the call, and this is its response.
fn says_not_cached<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::GATEWAY_TIMEOUT
        && cache_status::detail(response.headers()).as_deref() == Some(b"only-if-cached")
}

// === impl Shared ===

impl Shared {
    async fn turn(&self, key: Key, deadline: Instant) -> Turn {
        let Some(lock) = &self.config.lock else {
            return Turn::Without;
        };
        if self.lock_rest.load(Relaxed) > self.now() {
            return Turn::Without;
        }
        match self.ask(lock, key).await {
            Some(Acquired::Held(lease)) => Turn::Ours(lease),
            Some(Acquired::Busy(over)) => {
                self.counters.lock_busy.increment();
                match timeout_at(deadline, over).await {
                    Ok(()) => Turn::Theirs,
                    Err(_) => Turn::Without,
                }
            }
            None => {
                // One request at a time checks whether the service is back.
                let until = self.now().saturating_add(to_micros(REST));
                self.lock_rest.store(until, Relaxed);
                Turn::Without
            }
        }
    }

    async fn ask(&self, lock: &Lock, key: Key) -> Option<Acquired> {
        let asked = timeout(lock.timeout, lock.service.acquire(key, lock.lease));
        let error = match asked.await {
            Ok(Ok(acquired)) => return Some(acquired),
            Ok(Err(error)) => error,
            Err(late) => late.into(),
        };
        self.counters.lock_failures.increment();
        tracing::warn!(error, "the fill lock failed; filling without it");
        None
    }

    fn now(&self) -> u64 {
        self.records.micros(self.config.clock.instant())
    }
}
