//! An upstream call whose response may be stored.

mod confirm;
mod keep;
mod put;
mod stand_in;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::{
    KeyRef,
    extensions::{CacheInfo, CacheState, Deadline, Settlement, Since},
    release_span,
};

use self::{put::put, stand_in::Failure};
use super::{exchange::label_miss, offer};
use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    config::Config,
    entry::{COMPARISONS, CallRecord, Caller, DEGRADED, Entry, Refreshing, Store, book},
    invalidation::{epoch::CallStart, target_tag},
    lookup::Miss,
    policy::{conditional, facts::MethodClass},
    request::{LookupRequest, head_of},
    shared::Shared,
};

/// A fetch in progress.
pub(super) struct Fetch {
    call: CallRecord,
    reason: Forward,
    /// The stored response for this request, stale or to be validated.
    stored: Option<Arc<Entry>>,
    /// Flag that the request carries the validators of `stored`.
    validating: bool,
    /// The stored responses offered to the upstream, if none matches.
    offered: Vec<Arc<Entry>>,
    refreshing: Option<Refreshing>,
    /// Flag that no caller waits for the response.
    background: bool,
    /// Flag that the request has turned out to be private.
    private: bool,
    /// Flag that the store did not answer.
    degraded: bool,
}

// === impl Fetch ===

impl Fetch {
    /// Starts a fetch for `request`. Call it before the upstream call begins: it reads the log's
    /// position.
    pub(super) fn new<St, B>(
        shared: &Shared<St>,
        request: &mut Request<B>,
        asked: LookupRequest,
        key: KeyRef<'_>,
        miss: Miss,
    ) -> Box<Self> {
        let start = begin(shared, request);
        let call = CallRecord::new(&shared.config, request, asked, key, start);
        let offered = match &miss.variants {
            Some(variants) => offer::offer(shared, request, call.asked(), variants),
            None => Vec::new(),
        };
        let stored = miss.stored.as_ref();
        let validating = stored.is_some_and(|entry| validate(request, entry));
        Self::from_parts(call, miss, validating, offered)
    }

    /// Starts the refresh of a response that is served stale meanwhile. Returns its request too.
    pub(super) fn refresh<St, B>(
        shared: &Shared<St>,
        request: &Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        (entry, refreshing): (&Arc<Entry>, Refreshing),
    ) -> (Request<()>, Box<Self>) {
        shared.counters.refreshes.increment();
        let (mut asked, start) = (asked.for_refresh(), begin(shared, request));
        let mut copy = head_of(request);
        // Inner layers may distinguish tenants by them, and handlers need the server's own.
        copy.extensions_mut().clone_from(request.extensions());
        Deadline::drop_from(copy.extensions_mut());
        release_span(copy.extensions_mut());
        asked.strip(&shared.config, copy.headers_mut(), Some(&entry.selection));
        let call = CallRecord::new(&shared.config, &copy, asked, key, start);
        let mut request = copy;
        *request.method_mut() = Method::GET;
        // The client asked for a part or a comparison; the store needs the whole.
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

    /// Treats the response to a write as one to a GET.
    pub(super) fn of_write(call: CallRecord) -> Box<Self> {
        Self::from_parts(call, Miss::new(Forward::Method), false, Vec::new())
    }

    #[inline]
    fn from_parts(
        call: CallRecord,
        miss: Miss,
        validating: bool,
        offered: Vec<Arc<Entry>>,
    ) -> Box<Self> {
        let background = call.asked().background;
        Box::new(Self {
            call,
            reason: miss.reason,
            stored: miss.stored,
            validating,
            offered,
            refreshing: miss.refreshing,
            background,
            private: false,
            degraded: miss.degraded,
        })
    }

    /// Notes that no caller waits for the response any more.
    pub(super) fn run_behind(&mut self) {
        self.background = true;
    }

    /// Returns the position of the log when the call began.
    pub(super) fn since(&self) -> Since {
        self.call.start().since()
    }

    /// Returns the time after which the stored response is served and the call continues behind
    /// it.
    pub(super) fn soft_timeout(&self, config: &Config) -> Option<Duration> {
        self.refreshing.as_ref()?;
        config.rules.get(self.call.asked().rule)?.soft_timeout
    }

    /// Returns why the request was forwarded.
    pub(super) fn reason(&self) -> Forward {
        self.reason
    }

    pub(super) fn has_offer(&self) -> bool {
        !self.offered.is_empty()
    }

    /// Withdraws the offer, if a 304 names none of it.
    pub(super) fn withdraw_offer<B>(
        &mut self,
        config: &Config,
        response: &mut Response<B>,
    ) -> bool {
        if offer::named(&self.offered, response.headers()).is_some() {
            return false;
        }
        self.book(config, response);
        self.offered.clear();
        true
    }

    /// Handles the upstream's response, or its failure.
    pub(super) fn finish<St: Store, B, E>(
        mut self: Box<Self>,
        shared: &Arc<Shared<St>>,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CacheBody<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                let answer = self.stand_in(shared, Failure::Unreachable);
                return answer.or_else(|| self.fall_back(shared, None)).ok_or(error);
            }
        };
        let status = response.status();
        self.private = self.call.is_private();
        self.book(&shared.config, &mut response);
        self.settle(&shared.config, &mut response);
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

    fn book<B>(&self, config: &Config, response: &mut Response<B>) {
        if config.ledger.is_some() {
            let rule = config.rules.get(self.call.rule(config, response));
            let route = rule.map_or("*", |rule| rule.name());
            let who = Caller {
                tenant: self.call.tenant(),
                route,
                tags: self.call.cost_tags(),
            };
            book(config, response, who, self.second_line());
        }
    }

    /// Returns the name of the ledger's second line for the call.
    fn second_line(&self) -> Option<&'static str> {
        match self.is_comparison() {
            true => Some(COMPARISONS),
            false => self.degraded.then_some(DEGRADED),
        }
    }

    /// Reports whether the call compares a hit with the upstream.
    fn is_comparison(&self) -> bool {
        self.refreshing
            .as_ref()
            .is_some_and(Refreshing::is_comparison)
    }

    /// Settles the money for a comparison, once the cost of the call is known.
    fn settle<B>(&mut self, config: &Config, response: &mut Response<B>) {
        let refreshing = self.refreshing.as_mut();
        if let Some(reserved) = refreshing.and_then(Refreshing::take_reserved) {
            let settle = move |cost| reserved.settle(cost);
            Settlement::when_known(response.extensions_mut(), config.price, settle);
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
}

/// Reads the log's position, and watches for writes to the target.
fn begin<St, B>(shared: &Shared<St>, request: &Request<B>) -> CallStart {
    let own = target_tag(request.uri(), request.headers());
    shared.epochs.begin(own)
}

/// Makes a request conditional on the stored response. A HEAD stays unconditional: its response
/// updates the stored one by itself (RFC 9111 §4.3.5).
fn validate<B>(request: &mut Request<B>, entry: &Entry) -> bool {
    request.method() == Method::GET
        && conditional::validate(request.headers_mut(), &entry.headers(), &entry.policy)
}
