//! A call to the upstream whose answer may be stored.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::{
    Key, KeyRef,
    extensions::{self, CacheInfo, CacheState, Fence, Tags, Tenant},
};
use scrimp_http::body::announced_length;
use tokio::time::Instant;

use crate::{
    body::CacheBody,
    cache_status::{Forward, Report, ttl_seconds},
    entry::{Entry, Held, Refreshing, Store, draft::Draft, fill::Fill},
    invalidation::epoch::{Epoch, Position},
    policy::{
        facts::{MethodClass, RequestFacts},
        judge::Standing,
        refusal::Refusal,
        status::blames_request,
    },
    request::read::Wanted,
    shared::Shared,
    upstream::{
        exchange::{book, is_collapsed, label},
        offer,
    },
};

use super::{put::put, stand_in::Failure};

/// A fetch under way.
pub(crate) struct Fetch {
    /// The request as the client sent it, without its body and extensions.
    pub(crate) request: Request<()>,
    pub(crate) facts: RequestFacts,
    pub(crate) key: Key,
    pub(crate) keyed_authorization: bool,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) tags: Option<Tags>,
    /// Of the lock under which the call is made.
    pub(crate) fence: Option<Fence>,
    pub(crate) explain: bool,
    pub(crate) reason: Forward,
    /// What is stored for this request already, stale or to be validated.
    pub(crate) stored: Option<Arc<Entry>>,
    /// The request went out with the validators of `stored`.
    pub(crate) validating: bool,
    /// What was offered to the upstream where nothing stored matches.
    pub(crate) offered: Vec<Arc<Entry>>,
    pub(crate) sent: Instant,
    pub(crate) born: Position,
    pub(crate) refreshing: Option<Refreshing>,
    /// After so long a wait, what is stored is served and the call goes on behind it.
    pub(crate) soft_timeout: Option<Duration>,
    /// Store only what has a lifetime from its origin.
    pub(crate) explicit_only: bool,
    #[cfg(feature = "no-vary-search")]
    pub(crate) variance: Option<crate::request::search::Variance>,
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
        key: KeyRef<'_>,
        reason: Forward,
    ) -> Box<Self> {
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        Box::new(Self {
            request: head,
            key: key.to_key(),
            facts: wanted.facts.clone(),
            keyed_authorization: wanted.keyed_authorization,
            tenant: request.extensions().get::<Tenant>().cloned(),
            tags: request.extensions().get::<Tags>().cloned(),
            fence: request.extensions().get::<Fence>().copied(),
            explain: wanted.explain,
            reason,
            stored: None,
            validating: false,
            offered: Vec::new(),
            sent: shared.config.clock.instant(),
            born: shared.epochs.now(),
            refreshing: None,
            soft_timeout: None,
            explicit_only: false,
            #[cfg(feature = "no-vary-search")]
            variance: wanted.variance.clone(),
            #[cfg(feature = "no-vary-search")]
            whole_query: wanted.whole_query,
        })
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
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(named) = offer::named(&self.offered, response.headers()).cloned()
        {
            return Ok(self.confirmed(shared, &named, &response));
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

    pub(crate) fn book<St, B>(&self, shared: &Shared<St>, response: &Response<B>) {
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

    pub(super) fn pass<St, B>(
        &self,
        shared: &Shared<St>,
        mut response: Response<B>,
        report: Report,
    ) -> Response<CacheBody<B>> {
        label_miss(shared, &mut response, report);
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
            false => Draft::new(shared, &self, &head),
        };
        let draft = draft.and_then(|draft| match announced {
            Some(length) if length > limit.min(draft.max_body()) => Err(Refusal::TooLarge),
            _ => Ok(draft),
        });
        let draft = match draft {
            Ok(draft) => draft,
            Err(refusal) => {
                let response = head.map(|()| body);
                if self.refused_as_always(refusal, &response) {
                    shared.unstored.note(self.key.as_ref().hash_value());
                }
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
        label_miss(shared, &mut head, report);
        if self.explain {
            let info = draft.info(CacheState::Miss);
            head.extensions_mut().insert(info);
        }
        let answer = head.extensions().get::<extensions::Shared>().cloned();
        let fill = self.fill(shared, draft, announced, answer);
        head.map(|()| CacheBody::kept(body, fill))
    }

    /// Whether the next answer will be refused for the same reason: because of what this one
    /// says, not what its request said, and whichever request fields select it.
    /// A failure says nothing of the next answer.
    fn refused_as_always<B>(&self, refusal: Refusal, response: &Response<B>) -> bool {
        let by_answer = match refusal {
            Refusal::NoStore => !self.facts.control.no_store,
            Refusal::Private | Refusal::SetCookie | Refusal::NotCacheable => true,
            _ => false,
        };
        by_answer
            && !response.status().is_server_error()
            && self.stored.is_none()
            && !response.headers().contains_key(header::VARY)
    }

    /// Whether a response would put a failure, or a complaint about this one request, in the
    /// place of an answer that is still fresh. Any client can ask for a validation, and
    /// perhaps provoke a failure too.
    fn spoils<St: Store>(&self, shared: &Shared<St>, status: StatusCode) -> bool {
        let now = || shared.config.clock.instant();
        let failed = |status: StatusCode| status.is_server_error() || blames_request(status);
        failed(status)
            && self.stored.as_ref().is_some_and(|stored| {
                !failed(stored.status)
                    && Standing::new(&stored.policy, now()).is_fresh()
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
        draft: Box<Draft>,
        announced: Option<u64>,
        answer: Option<extensions::Shared>,
    ) -> Fill {
        let held = shared.store.budget().hold();
        let limit = shared.store.max_body().min(draft.max_body());
        let shared = Arc::clone(shared);
        // Of an answer that many read one collects the body, and the first to read it to its
        // end stores it, which need not be the same.
        let standby = answer.as_ref().filter(|answer| !answer.keep()).cloned();
        let keeper = answer.filter(|_| standby.is_none());
        let commit = move |body: Bytes, trailers: Option<HeaderMap>, held: Held| {
            if keeper.is_some_and(|answer| !answer.commit()) {
                return;
            }
            let fetch = self;
            match draft.finish(&shared, &fetch, None, (body, trailers)) {
                Ok(entry) => put(&shared, fetch.key, Arc::new(entry), fetch.fence, Some(held)),
                Err(refusal) => {
                    shared.counters.rejected.add();
                    tracing::debug!(detail = refusal.detail(), "not stored after all");
                }
            }
            // Only now is the place for a refresh given back.
            drop(fetch.refreshing);
        };
        match standby {
            Some(answer) => Fill::standby(answer, held, limit, announced, commit),
            None => Fill::new(held, limit, announced, commit),
        }
    }
}

/// Labels an answer of the upstream for want of a stored one.
pub(crate) fn label_miss<St, B>(shared: &Shared<St>, response: &mut Response<B>, report: Report) {
    shared.counters.misses.add();
    let collapsed = is_collapsed(response);
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
