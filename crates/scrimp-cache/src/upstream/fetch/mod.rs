//! A call to the upstream whose answer may be stored.

mod confirm;
mod put;
mod stand_in;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::{
    KeyRef,
    extensions::{self, CacheInfo, CacheState, Since},
};
use scrimp_http::body::announced_length;

use self::{put::put, stand_in::Failure};
use super::{label::label_miss, offer};
use crate::{
    body::CacheBody,
    cache_status::{Forward, Report, ttl_seconds},
    config::Config,
    entry::{
        BodyCollector, CallRecord, Entry, Held, PendingEntry, Previous, Refreshing, Store, book,
    },
    invalidation::epoch::Epoch,
    lookup::Miss,
    policy::{
        conditional, facts::MethodClass, judge::Freshness, refusal::Refusal, status::blames_request,
    },
    request::LookupRequest,
    shared::Shared,
};

/// A fetch under way.
pub(super) struct Fetch {
    call: CallRecord,
    reason: Forward,
    /// What is stored for this request already, stale or to be validated.
    stored: Option<Arc<Entry>>,
    /// The request went out with the validators of `stored`.
    validating: bool,
    /// What was offered to the upstream where nothing stored matches.
    offered: Vec<Arc<Entry>>,
    refreshing: Option<Refreshing>,
}

// === impl Fetch ===

impl Fetch {
    /// Starts a fetch of what `request` asks for. To be made before the call begins: the log's
    /// position is read here.
    pub(super) fn new<St, B>(
        shared: &Shared<St>,
        request: &mut Request<B>,
        asked: LookupRequest,
        key: KeyRef<'_>,
        miss: Miss,
    ) -> Box<Self> {
        let call = CallRecord::new(&shared.config, request, asked, key, shared.epochs.now());
        let offered = match &miss.variants {
            Some(variants) => offer::offer(shared, request, call.asked(), variants),
            None => Vec::new(),
        };
        let stored = miss.stored.as_ref();
        let validating = stored.is_some_and(|entry| validate(request, entry));
        Self::from_parts(call, miss, validating, offered)
    }

    /// Starts the refresh of a response that is served stale meanwhile. Returns its request,
    /// too.
    pub(super) fn refresh<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        (entry, refreshing): (&Arc<Entry>, Refreshing),
    ) -> (Request<()>, Box<Self>) {
        shared.counters.refreshes.add();
        let (asked, now) = (asked.for_refresh(), shared.epochs.now());
        let call = CallRecord::new(&shared.config, request, asked, key, now);
        let extensions = request.extensions().clone();
        let mut request = call.request().clone();
        // Layers further in may tell tenants apart by them.
        *request.extensions_mut() = extensions;
        *request.method_mut() = Method::GET;
        // The client wanted a part or a comparison; the store wants the whole.
        request.headers_mut().remove(header::RANGE);
        request.headers_mut().remove(header::IF_RANGE);
        let validating = validate(&mut request, entry);
        let miss = Miss {
            stored: Some(Arc::clone(entry)),
            refreshing: Some(refreshing),
            ..Miss::new(Forward::Stale)
        };
        let fetch = Self::from_parts(call, miss, validating, Vec::new());
        (request, fetch)
    }

    /// Takes the answer to a write for that to a GET.
    pub(super) fn of_write(call: CallRecord) -> Box<Self> {
        Self::from_parts(call, Miss::new(Forward::Method), false, Vec::new())
    }

    fn from_parts(
        call: CallRecord,
        miss: Miss,
        validating: bool,
        offered: Vec<Arc<Entry>>,
    ) -> Box<Self> {
        Box::new(Self {
            call,
            reason: miss.reason,
            stored: miss.stored,
            validating,
            offered,
            refreshing: miss.refreshing,
        })
    }

    /// Returns where the log of invalidations stood when the call began.
    pub(super) fn since(&self) -> Since {
        self.call.fetched_at().since()
    }

    /// Returns how long to wait until what is stored is served and the call goes on behind it.
    pub(super) fn soft_timeout(&self, config: &Config) -> Option<Duration> {
        self.refreshing.as_ref()?;
        config.rules.get(self.call.asked().rule)?.soft_timeout
    }

    pub(super) fn has_offer(&self) -> bool {
        !self.offered.is_empty()
    }

    /// Withdraws what was offered, if a 304 is none of it.
    pub(super) fn withdraw_offer<B>(&mut self, config: &Config, response: &Response<B>) -> bool {
        if offer::named(&self.offered, response.headers()).is_some() {
            return false;
        }
        self.book(config, response);
        self.offered.clear();
        true
    }

    /// Takes the upstream's answer, or its failure.
    pub(super) fn finish<St: Store, B, E>(
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
        let status = response.status();
        self.book(&shared.config, &response);
        if status == StatusCode::NOT_MODIFIED
            && let Some(confirmed) = self.named(response.headers()).cloned()
        {
            return Ok(self.confirmed(shared, &confirmed, &response));
        }
        if matches!(status.as_u16(), 500 | 502 | 503 | 504)
            && let Some(stale) = self
                .stand_in(shared, Failure::Status(status))
                .or_else(|| self.fall_back(shared, Some(status)))
        {
            return Ok(stale);
        }
        if self.call.asked().facts.method == MethodClass::Head {
            return Ok(self.head(shared, response));
        }
        Ok(self.store_or_pass(shared, response))
    }

    /// Returns the stored response that a 304 confirms.
    fn named(&self, response: &HeaderMap) -> Option<&Arc<Entry>> {
        match &self.stored {
            Some(stored) if self.validating => Some(stored),
            _ => offer::named(&self.offered, response),
        }
    }

    fn book<B>(&self, config: &Config, response: &Response<B>) {
        if config.ledger.is_some() {
            let rule = config.rules.get(self.call.rule(config, response));
            let route = rule.map_or("*", |rule| rule.name());
            book(config, response, self.call.tenant(), route);
        }
    }

    fn pass<St, B>(
        &self,
        shared: &Shared<St>,
        mut response: Response<B>,
        report: Report,
    ) -> Response<CacheBody<B>> {
        label_miss(shared, &mut response, report);
        if self.call.asked().explain {
            let info = CacheInfo::new(CacheState::Miss);
            response.extensions_mut().insert(info);
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
        let mut head = Response::from_parts(parts, ());
        let announced = announced_length(head.headers()).or_else(|| body.size_hint().exact());
        let pending = match self.accept(shared, &head, announced) {
            Ok(pending) => pending,
            Err(refusal) => {
                let response = head.map(|()| body);
                if self.refused_as_always(refusal, &response) {
                    let hash = self.call.key().as_ref().hash_value();
                    shared.predictor.note(hash);
                }
                self.forget_replaced(shared, response.status());
                let report = Report::forwarded(self.reason).detail(refusal.detail());
                return self.pass(shared, response, report);
            }
        };
        let report = Report {
            ttl: Some(ttl_seconds(pending.freshness())),
            stored: true,
            ..Report::forwarded(self.reason)
        };
        label_miss(shared, &mut head, report);
        if self.call.asked().explain {
            let info = pending.info(CacheState::Miss);
            head.extensions_mut().insert(info);
        }
        let answer = head.extensions().get::<extensions::Shared>().cloned();
        let collector = self.collector(shared, pending, announced, answer);
        head.map(|()| CacheBody::kept(body, collector))
    }

    /// Decides whether a response is collected to be stored.
    fn accept<St: Store>(
        &self,
        shared: &Shared<St>,
        head: &Response<()>,
        announced: Option<u64>,
    ) -> Result<Box<PendingEntry>, Refusal> {
        if self.spoils(shared, head.status()) {
            return Err(Refusal::Status);
        }
        let pending = PendingEntry::new(&shared.config, &shared.variances, &self.call, head)?;
        let limit = shared.store.max_body().min(pending.max_body());
        match announced {
            Some(length) if length > limit => Err(Refusal::TooLarge),
            _ => Ok(pending),
        }
    }

    /// Whether the next answer will be refused for the same reason: because of what this one
    /// says, not what its request said, and whichever request fields select it.
    /// A failure says nothing of the next answer.
    fn refused_as_always<B>(&self, refusal: Refusal, response: &Response<B>) -> bool {
        let by_answer = match refusal {
            Refusal::NoStore => !self.call.asked().facts.control.no_store,
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
                    && Freshness::new(&stored.policy, now()).is_fresh()
                    && shared.epochs.check(&stored.validity) == Epoch::Valid
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
            shared.store.remove(self.call.key().as_ref(), Some(stored));
        }
    }

    fn collector<St: Store>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        pending: Box<PendingEntry>,
        announced: Option<u64>,
        answer: Option<extensions::Shared>,
    ) -> BodyCollector {
        let held = shared.store.budget().hold();
        let limit = shared.store.max_body().min(pending.max_body());
        let shared = Arc::clone(shared);
        // Of an answer that many read one collects the body, and the first to read it to its
        // end stores it, which need not be the same.
        let standby = answer.as_ref().filter(|answer| !answer.keep()).cloned();
        let keeper = answer.filter(|_| standby.is_none());
        let commit = move |body: Bytes, trailers: Option<HeaderMap>, held: Held| {
            if keeper.is_some_and(|answer| !answer.commit()) {
                return;
            }
            let Self {
                call,
                stored,
                refreshing,
                ..
            } = *self;
            let previous = Previous::Replaced(stored.as_deref());
            match pending.finish(&shared.config, &call, &previous, (body, trailers)) {
                Ok(entry) => put(&shared, call.into_place(), Arc::new(entry), Some(held)),
                Err(refusal) => {
                    shared.counters.rejected.add();
                    tracing::debug!(detail = refusal.detail(), "not stored after all");
                }
            }
            // Only now is the place for a refresh given back.
            drop(refreshing);
        };
        match standby {
            Some(answer) => BodyCollector::shared(answer, held, limit, announced, commit),
            None => BodyCollector::new(held, limit, announced, commit),
        }
    }
}

/// Makes a request conditional on the stored response. A HEAD stays as it is: what it
/// brings back updates the stored response by itself (RFC 9111 §4.3.5).
fn validate<B>(request: &mut Request<B>, entry: &Entry) -> bool {
    request.method() == Method::GET
        && conditional::validate(request.headers_mut(), &entry.headers, &entry.policy)
}
