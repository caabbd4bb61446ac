//! A call to the upstream whose answer may be stored.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::{
    Key,
    extensions::{self, CacheInfo, CacheState, Tags, Tenant},
};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    CacheBody,
    answer::{self, Asked},
    body::StoredBody,
    cache_status::{Forward, Report, ttl_seconds},
    config::Shared,
    draft::Draft,
    exchange::{book, label},
    fill::Fill,
    invalidate::epoch::{Epoch, Position},
    lookup::Wanted,
    policy::{
        facts::{MethodClass, RequestFacts},
        judge::{self, Standing},
        merge,
        storable::{Refusal, blames_request},
    },
    stats::Counters,
    store::{Entry, FillToken, PutOutcome, Refreshing, Store},
};

/// What a stale response stands in for.
#[derive(Clone, Copy)]
enum Failure {
    /// No response came.
    Unreachable,
    /// None has come yet.
    Slow,
    /// An error response came.
    Status(StatusCode),
}

/// A fetch under way.
pub(crate) struct Fetch {
    /// The request as the client sent it, without its body and extensions.
    pub(crate) request: Request<()>,
    pub(crate) facts: RequestFacts,
    pub(crate) key: Key,
    pub(crate) keyed_authorization: bool,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) tags: Option<Tags>,
    pub(crate) explain: bool,
    pub(crate) reason: Forward,
    /// What is stored for this request already, stale or to be validated.
    pub(crate) stored: Option<Arc<Entry>>,
    /// The request went out with the validators of `stored`.
    pub(crate) validating: bool,
    pub(crate) sent: Instant,
    pub(crate) born: Position,
    pub(crate) refreshing: Option<Refreshing>,
    /// After so long a wait, what is stored is served and the call goes on behind it.
    pub(crate) soft_timeout: Option<Duration>,
    /// Store only what has a lifetime from its origin.
    pub(crate) explicit_only: bool,
    #[cfg(feature = "no-vary-search")]
    pub(crate) variance: Option<crate::variance::Variance>,
    #[cfg(feature = "no-vary-search")]
    pub(crate) whole_query: bool,
}

// === impl Fetch ===

impl Fetch {
    /// A fetch of what `request` asks for. To be made before the call begins: the log's
    /// position is read here.
    pub(crate) fn new<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        wanted: &Wanted,
        reason: Forward,
    ) -> Self {
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        Self {
            request: head,
            key: wanted.key.to_key(),
            facts: wanted.facts.clone(),
            keyed_authorization: wanted.keyed_authorization,
            tenant: request.extensions().get::<Tenant>().cloned(),
            tags: request.extensions().get::<Tags>().cloned(),
            explain: wanted.explain,
            reason,
            stored: None,
            validating: false,
            sent: shared.config.clock.instant(),
            born: shared.epochs.now(),
            refreshing: None,
            soft_timeout: None,
            explicit_only: false,
            #[cfg(feature = "no-vary-search")]
            variance: wanted.variance.clone(),
            #[cfg(feature = "no-vary-search")]
            whole_query: wanted.whole_query,
        }
    }

    /// Takes the upstream's answer, or its failure.
    pub(crate) fn finish<St: Store, B, E>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CacheBody<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let answer = self.stand_in(shared, Failure::Unreachable);
                return answer.or_else(|| self.fall_back(shared, None)).ok_or(error);
            }
        };
        self.book(shared, &response);
        if response.status() == StatusCode::NOT_MODIFIED
            && self.validating
            && let Some(stored) = self.stored.clone()
        {
            return Ok(self.confirmed(shared, &stored, &response));
        }
        if matches!(response.status().as_u16(), 500 | 502 | 503 | 504)
            && let Some(stale) = self
                .stand_in(shared, Failure::Status(response.status()))
                .or_else(|| self.fall_back(shared, Some(response.status())))
        {
            return Ok(stale);
        }
        if self.facts.method == MethodClass::Head {
            return Ok(self.head(shared, response));
        }
        Ok(self.store_or_pass(shared, response))
    }

    fn book<St, B>(&self, shared: &Shared<St>, response: &Response<B>) {
        if shared.config.ledger.is_some() {
            let rule = shared.config.rules.find(&self.request, response);
            book(
                shared,
                response,
                self.tenant(),
                rule.map_or("*", |rule| rule.name()),
            );
        }
    }

    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_ref().map_or("", |tenant| &tenant.0)
    }

    /// A stale response in place of a failure, where that is allowed.
    fn stand_in<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
        failure: Failure,
    ) -> Option<Response<CacheBody<B>>> {
        let entry = self.stored.as_ref()?;
        if shared.epochs.check(&entry.birth) == Epoch::Gone {
            return None;
        }
        let standing = Standing::new(&entry.policy, shared.config.clock.instant());
        let unreachable = !matches!(failure, Failure::Status(_));
        if !judge::may_stand_in(&self.facts.control, &entry.policy, standing, unreachable) {
            return None;
        }
        let report = Report {
            forward_status: match failure {
                Failure::Status(status) => Some(status),
                Failure::Unreachable | Failure::Slow => None,
            },
            ttl: Some(ttl_seconds(standing.ttl(), standing.staleness())),
            ..Report::forwarded(self.reason)
        };
        let report = report.detail(match failure {
            Failure::Unreachable => "unreachable",
            Failure::Slow => "soft-timeout",
            Failure::Status(_) => "stale-if-error",
        });
        Some(self.answer(shared, entry, standing, report, CacheState::Stale))
    }

    /// The operator's answer in place of a failure that nothing stored can stand in for.
    fn fall_back<St: Store, B>(
        &self,
        shared: &Shared<St>,
        failed: Option<StatusCode>,
    ) -> Option<Response<CacheBody<B>>> {
        let fallback = shared.config.fallback.as_ref()?;
        let mut response = (fallback.0)(&self.request, failed)?;
        let report = Report {
            forward_status: failed,
            ..Report::forwarded(self.reason)
        };
        label(shared, response.headers_mut(), report.detail("fallback"));
        Some(response.map(|body| CacheBody::stored(StoredBody::new(body, None))))
    }

    /// The stored response, because the upstream takes too long.
    pub(crate) fn stand_in_for_slow<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
    ) -> Option<Response<CacheBody<B>>> {
        self.stand_in(shared, Failure::Slow)
    }

    /// Answers the client from a stored response.
    fn answer<St: Store, B>(
        &self,
        shared: &Shared<St>,
        entry: &Entry,
        standing: Standing,
        report: Report,
        state: CacheState,
    ) -> Response<CacheBody<B>> {
        let asked = Asked {
            headers: self.request.headers(),
            facts: &self.facts,
            cache_name: &shared.config.name,
        };
        let mut response = answer::build(entry, &asked, standing, report);
        if state == CacheState::Revalidated {
            shared.counters.revalidated.add();
        } else {
            shared.counters.stale.add();
        }
        if self.explain {
            let info = answer::info(entry, standing, state);
            response.extensions_mut().insert(info);
        }
        response.map(CacheBody::stored)
    }

    /// The upstream has confirmed what is stored (RFC 9111 §4.3.4).
    fn confirmed<St: Store, B, C>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        stored: &Arc<Entry>,
        response: &Response<C>,
    ) -> Response<CacheBody<B>> {
        let renewed = self.renew(shared, stored, response.headers());
        let kept = renewed.is_ok();
        let entry = match renewed {
            Ok(entry) => {
                let entry = Arc::new(entry);
                put(shared, self.key.clone(), Arc::clone(&entry));
                entry
            }
            Err(_) => {
                shared.store.remove(self.key.as_ref(), Some(stored));
                Arc::clone(stored)
            }
        };
        let standing = Standing::new(&entry.policy, shared.config.clock.instant());
        let report = Report {
            forward_status: Some(StatusCode::NOT_MODIFIED),
            ttl: Some(ttl_seconds(standing.ttl(), standing.staleness())),
            stored: kept,
            ..Report::forwarded(self.reason)
        };
        self.answer(shared, &entry, standing, report, CacheState::Revalidated)
    }

    /// The stored response, brought up to date with the fields of a new answer.
    ///
    /// A 304 whose strong validator is not the one that was sent contradicts itself: one
    /// condition went out, and only it can have been found true. What is stored is taken as
    /// confirmed and keeps its own validator.
    fn renew<St: Store>(
        &self,
        shared: &Shared<St>,
        stored: &Arc<Entry>,
        fresh: &HeaderMap,
    ) -> Result<Entry, Refusal> {
        let mut head = Response::new(());
        *head.status_mut() = stored.status;
        *head.version_mut() = stored.version;
        *head.headers_mut() = stored.headers.clone();
        merge::update(head.headers_mut(), fresh);
        head.headers_mut().remove(header::CACHE_STATUS);
        for line in fresh.get_all(header::CACHE_STATUS) {
            head.headers_mut()
                .append(header::CACHE_STATUS, line.clone());
        }
        let draft = Draft::new(shared, self, &head, Some(stored))?;
        let mut entry = draft.into_entry(stored.body.clone(), stored.trailers.clone());
        entry.recompute_cost = stored.recompute_cost;
        Ok(entry)
    }

    /// An answer to HEAD: never stored itself, it brings the stored answer to GET up to
    /// date, or shows that it is out of date (RFC 9111 §4.3.5).
    fn head<St: Store, B>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        response: Response<B>,
    ) -> Response<CacheBody<B>> {
        let mut updated = false;
        if let Some(stored) = &self.stored {
            let length = stored.body.len() as u64;
            if response.status() == stored.status
                && merge::head_agrees(&stored.headers, response.headers(), length)
            {
                if let Ok(entry) = self.renew(shared, stored, response.headers()) {
                    put(shared, self.key.clone(), Arc::new(entry));
                    updated = true;
                }
            } else if !response.status().is_server_error() {
                shared.store.remove(self.key.as_ref(), Some(stored));
            }
        }
        let report = Report {
            stored: updated,
            ..Report::forwarded(self.reason)
        };
        self.pass(shared, response, report)
    }

    fn label_miss<St, B>(shared: &Shared<St>, response: &mut Response<B>, report: Report) {
        shared.counters.misses.add();
        let collapsed = response.extensions().get::<extensions::Shared>().is_some();
        let headers = response.headers_mut();
        if shared.config.strip_tag_headers {
            for name in &shared.config.tag_headers {
                headers.remove(name);
            }
        }
        label(
            shared,
            headers,
            Report {
                collapsed,
                ..report
            },
        );
    }

    fn pass<St, B>(
        &self,
        shared: &Shared<St>,
        mut response: Response<B>,
        report: Report,
    ) -> Response<CacheBody<B>> {
        Self::label_miss(shared, &mut response, report);
        if self.explain {
            response
                .extensions_mut()
                .insert(CacheInfo::new(CacheState::Miss));
        }
        response.map(CacheBody::passing)
    }

    fn store_or_pass<St: Store, B>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        response: Response<B>,
    ) -> Response<CacheBody<B>>
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = response.into_parts();
        let head = Response::from_parts(parts, ());
        let announced = announced_length(head.headers()).or_else(|| body.size_hint().exact());
        let limit = shared.store.max_body();
        let draft = match self.spoils(shared, head.status()) {
            true => Err(Refusal::Status),
            false => Draft::new(shared, &self, &head, None),
        };
        let draft = draft.and_then(|draft| match announced {
            Some(length) if length > limit.min(draft.max_body()) => Err(Refusal::TooLarge),
            _ => Ok(draft),
        });
        let draft = match draft {
            Ok(draft) => draft,
            Err(refusal) => {
                let response = head.map(|()| body);
                self.forget_replaced(shared, response.status());
                let report = Report::forwarded(self.reason).detail(refusal.detail());
                return self.pass(shared, response, report);
            }
        };
        let mut head = head;
        let standing = draft.standing();
        let report = Report {
            ttl: Some(ttl_seconds(standing.ttl(), standing.staleness())),
            stored: true,
            ..Report::forwarded(self.reason)
        };
        Self::label_miss(shared, &mut head, report);
        if self.explain {
            let info = draft.info(CacheState::Miss);
            head.extensions_mut().insert(info);
        }
        let fill = self.fill(shared, draft, announced);
        head.map(|()| CacheBody::kept(body, fill))
    }

    /// Whether a response would put a failure, or a complaint about this one request, in the
    /// place of an answer that is still fresh. Any client can ask for a validation, and
    /// perhaps provoke a failure too.
    fn spoils<St: Store>(&self, shared: &Shared<St>, status: StatusCode) -> bool {
        let now = shared.config.clock.instant();
        let failed = |status: StatusCode| status.is_server_error() || blames_request(status);
        failed(status)
            && self.stored.as_ref().is_some_and(|stored| {
                !failed(stored.status)
                    && Standing::new(&stored.policy, now).is_fresh()
                    && shared.epochs.check(&stored.birth) == Epoch::Valid
            })
    }

    /// A full answer that may not be stored has still replaced what is: unless it is an
    /// error, which says nothing about it.
    fn forget_replaced<St: Store>(&self, shared: &Shared<St>, status: StatusCode) {
        if let Some(stored) = &self.stored
            && !status.is_server_error()
            && !blames_request(status)
            && status != StatusCode::PARTIAL_CONTENT
            && status != StatusCode::NOT_MODIFIED
        {
            shared.store.remove(self.key.as_ref(), Some(stored));
        }
    }

    fn fill<St: Store>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        draft: Draft,
        announced: Option<u64>,
    ) -> Fill {
        let held = shared.store.budget().hold();
        let limit = shared.store.max_body().min(draft.max_body());
        let shared = Arc::clone(shared);
        let commit = move |body: Bytes, trailers: Option<HeaderMap>| {
            let fetch = self;
            let mut entry = draft.into_entry(body, trailers);
            let now = shared.config.clock.instant();
            entry.recompute_cost = now.saturating_duration_since(fetch.sent);
            // The place for a refresh is given back once the result is in the store.
            let _refreshing = fetch.refreshing;
            put(&shared, fetch.key, Arc::new(entry));
        };
        Fill::new(held, limit, announced, Box::new(commit))
    }
}

/// Puts a response into the store, unless it was invalidated while it was under way.
fn put<St: Store>(shared: &Arc<Shared<St>>, key: Key, entry: Arc<Entry>) {
    let token = FillToken::new(&shared.epochs);
    let mut put = Box::pin(shared.store.put(key, entry, token));
    // In memory it is done at once; over a network it is finished in the background.
    let polled = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let std::task::Poll::Ready(outcome) = polled {
        return note(&shared.counters, outcome);
    }
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(finish(Arc::clone(&shared.counters), put));
    }
}

async fn finish<F>(counters: Arc<Counters>, put: Pin<Box<F>>)
where
    F: Future<Output = Result<PutOutcome, scrimp_core::BoxError>>,
{
    note(&counters, put.await);
}

fn note(counters: &Counters, outcome: Result<PutOutcome, scrimp_core::BoxError>) {
    match outcome {
        Ok(outcome) => counters.put(outcome),
        Err(error) => {
            counters.store_failures.add();
            tracing::warn!(error, "the store failed to keep a response");
        }
    }
}

/// Content-Length, if there is one and it is a number.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)
        .map(HeaderValue::to_str)?
        .ok()?
        .parse()
        .ok()
}
