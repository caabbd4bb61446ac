//! Refreshes entries in the background.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::{
    extensions::{Background, Deadline, Directive, Explain},
    release_span,
};
use scrimp_http::{
    role::{Role, role},
    status::is_passing,
};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_service::Service;

use crate::{
    Credentials, Moment,
    common::Common,
    config::Shared,
    fingerprint::Selection,
    records::{flag, to_micros},
    seen::{From, Seen},
};

/// Rest after a first failure. It doubles with each failure in a row.
const FIRST_REST: Duration = Duration::from_millis(100);

/// A copy of a request, sent again to refresh the cache.
#[derive(Debug)]
pub(crate) struct Again(Request<()>);

/// The only refresh of a key, and a place among the refreshes in flight.
#[derive(Debug)]
struct Claim {
    shared: Arc<Shared>,
    fingerprint: u64,
    /// Time that the entry had left before.
    remaining: Duration,
    heard: bool,
}

// === impl Again ===

impl Again {
    /// Copies a request so that it asks for the whole response, without conditions and ranges. It
    /// keeps the tenant, which inner layers may read from extensions.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let mut again = Request::new(());
        *again.method_mut() = Method::GET;
        *again.uri_mut() = request.uri().clone();
        *again.version_mut() = request.version();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        release_span(again.extensions_mut());
        remove_partial(again.headers_mut());
        Deadline::drop_from(again.extensions_mut());
        again.extensions_mut().insert(Directive::RefreshNow);
        again.extensions_mut().insert(Background);
        again.extensions_mut().insert(Explain);
        Self(again)
    }

    /// Returns the request. For caches that read no extensions, it has `no-cache` (RFC 9111
    /// §5.2.1.4), and lacks the credentials by which this layer does not tell callers apart.
    fn for_cache(mut self, explained: bool, select: &Selection) -> Request<()> {
        if !explained {
            let headers = self.0.headers_mut();
            Credentials::default().strip(headers, |name| {
                select.separates(name) || select.credentials.excludes(name)
            });
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        self.0
    }
}

/// Removes the fields that ask for a part, or for a response only under a condition.
fn remove_partial(headers: &mut HeaderMap) {
    let partial: Vec<_> = headers
        .keys()
        .filter(|name| matches!(role(name), Role::Condition | Role::Range))
        .cloned()
        .collect();
    for name in partial {
        headers.remove(name);
    }
}

// === impl Common ===

impl Common {
    /// Starts a refresh of a response that a request has just been given, if there is room.
    pub(crate) fn refresh<S, ReqB, ResB>(
        &self,
        inner: S,
        again: Again,
        fingerprint: u64,
        seen: &Seen,
    ) where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
        S::Future: Send,
        ReqB: Default + Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
    {
        let Some(claim) = Claim::take(&self.shared, fingerprint, seen) else {
            return;
        };
        self.shared.counters.refreshes.increment();
        self.shared.counters.call();
        let request = again.for_cache(seen.explained, &self.shared.config.select);
        let request = request.map(|()| ReqB::default());
        self.tasks
            .start("stampede.refresh", run(inner, request, claim));
    }
}

async fn run<S, ReqB, ResB>(inner: S, request: Request<ReqB>, claim: Claim)
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    let limit = claim.shared.config.refresh_timeout;
    let shared = Arc::clone(&claim.shared);
    // The claim moves in: its drop notices every end of the call, including a panic.
    if timeout(limit, fetch(inner, request, claim)).await.is_err() {
        shared.counters.failed_call();
        tracing::debug!(?limit, "a refresh took too long");
    }
}

async fn fetch<S, ReqB, ResB>(inner: S, request: Request<ReqB>, claim: Claim)
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    let clock = claim.shared.config.clock.clone();
    let sent = clock.instant();
    let result = inner.oneshot(request).await;
    let Ok(response) = claim.shared.counters.ended(result) else {
        return;
    };
    let (seen, status) = (Seen::read(&response), response.status());
    let head = clock.instant();
    if !claim.accepts(&seen, status) {
        return claim.refused(status);
    }
    let mut body = pin!(response.into_body());
    // Reads to the end, because caches store complete responses. A response that is not stored is
    // not read.
    while let (From::Fill, false) = (seen.from, body.is_end_stream()) {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map(good)).await;
        match frame {
            Some(true) => tokio::task::consume_budget().await,
            Some(false) => return,
            None => break,
        }
    }
    let took = clock.instant().saturating_duration_since(sent);
    claim.succeed(
        &seen,
        status,
        took,
        clock.instant().saturating_duration_since(head),
    );
}

fn good<T, E>(frame: Option<Result<T, E>>) -> Option<bool> {
    frame.map(|frame| frame.is_ok())
}

// === impl Claim ===

impl Claim {
    fn take(shared: &Arc<Shared>, fingerprint: u64, seen: &Seen) -> Option<Self> {
        let limit = shared.config.max_refreshes;
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        if shared
            .refreshing
            .fetch_update(Relaxed, Relaxed, one_more)
            .is_err()
        {
            shared.counters.refreshes_full.increment();
            return None;
        }
        if !shared.records.claim(fingerprint).begin_refresh() {
            shared.refreshing.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Self {
            shared: Arc::clone(shared),
            fingerprint,
            remaining: seen.remaining.unwrap_or_default(),
            heard: false,
        })
    }

    /// Returns whether the upstream was asked and has answered. A cache that answers from its
    /// store may have been refreshed by another process meanwhile: then the entry has more time
    /// left. A refusal that is not stored (429, 403) says nothing about the stored response.
    fn accepts(&self, seen: &Seen, status: StatusCode) -> bool {
        let longer = seen.remaining.is_some_and(|left| left > self.remaining);
        !status.is_server_error()
            && match seen.from {
                From::Fill => true,
                From::Pass => !status.is_client_error(),
                From::Hit => longer,
                From::Stale | From::Unknown => false,
            }
    }

    /// Notes an error. One that is not passing may be what the resource is now: once the stored
    /// response has expired, the next caller waits for the upstream.
    fn refused(self, status: StatusCode) {
        if status.is_client_error() && !is_passing(status) {
            let slot = self.shared.records.claim(self.fingerprint);
            slot.set(flag::REFUSED);
        }
    }

    /// Notes success. The head came `since` ago, and the whole response `took` this long.
    fn succeed(mut self, seen: &Seen, status: StatusCode, took: Duration, since: Duration) {
        self.heard = true;
        let seen = seen.after(since);
        self.shared.learn(self.fingerprint, &seen, status, false);
        if seen.from == From::Hit {
            self.shared.records.claim(self.fingerprint).filled();
        }
        if seen.cost.is_none() {
            self.shared.measure(self.fingerprint, took);
        }
    }

    fn fail(&self) {
        let (config, counters) = (&self.shared.config, &self.shared.counters);
        counters.refresh_failures.increment();
        let slot = self.shared.records.claim(self.fingerprint);
        let failures = slot.failed();
        let rest = if failures < config.give_up_after {
            FIRST_REST.saturating_mul(1 << (failures - 1).min(16))
        } else {
            counters.given_up.increment();
            tracing::warn!(failures, rest = ?config.rest, "refreshes of a key fail; leaving it alone");
            config.rest
        };
        let now = self.shared.records.micros(config.clock.instant());
        slot.rest_until(now.saturating_add(to_micros(rest)));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.heard {
            self.fail();
        }
        if let Some(slot) = self.shared.records.get(self.fingerprint) {
            slot.unset(flag::REFRESHING);
        }
        self.shared.refreshing.fetch_sub(1, Relaxed);
    }
}

/// Returns the freshness of a response, as the response itself states it.
pub(crate) fn moment(seen: &Seen, measured: Option<Duration>) -> Option<Moment> {
    let remaining = seen.remaining?;
    Some(Moment {
        remaining,
        lifetime: seen.lifetime.unwrap_or(remaining),
        cost: seen.cost.or(measured),
    })
}
