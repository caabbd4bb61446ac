//! An upstream call in progress.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Body;
use scrimp_core::{
    KeyRef,
    extensions::{CacheInfo, CacheState, Since},
};

use super::{fetch::Fetch, told::Telling, write::Write};
use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    entry::{Caller, Entry, Refreshing, Store, book, is_collapsed, strip_tags},
    lookup::Miss,
    policy::{
        facts::{Answer, RequestFacts},
        refusal::Refusal,
        storable::{self, Asking, CredentialUse, Permissions},
    },
    request::LookupRequest,
    shared::Shared,
};

/// An upstream call in progress, and the handling of its response.
pub(crate) struct Exchange<St> {
    pub(super) shared: Arc<Shared<St>>,
    pub(super) call: UpstreamCall,
    /// The facts that tags are told from, if the caller asks for them.
    telling: Option<Box<Telling>>,
}

/// Kind of an upstream call.
pub(super) enum UpstreamCall {
    /// The cache passes the request on.
    Pass {
        refusal: Option<Refusal>,
        explain: bool,
    },
    /// The request may change stored responses.
    Unsafe(Box<Write>),
    /// The last response was not storable, so this one is not expected to be stored.
    Watched(WatchedCall),
    /// The response may be stored.
    Fetch(Box<Fetch>),
}

/// A call whose response is not expected to be stored, as the last one was not. It keeps only the
/// data for its label.
pub(super) struct WatchedCall {
    asking: Asking,
    /// Hash of the request's key.
    hash: u64,
    credentials: CredentialUse,
    /// The rule for the request keeps event streams.
    keeps_events: bool,
}

// === impl Exchange ===

impl<St: Store> Exchange<St> {
    fn new(shared: &Arc<Shared<St>>, call: UpstreamCall) -> Self {
        Self {
            shared: Arc::clone(shared),
            call,
            telling: None,
        }
    }

    /// Makes a call in which the cache takes no part: for this reason, or because of its method.
    pub(crate) fn pass<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        refusal: Option<Refusal>,
    ) -> Self {
        let explain = shared.config.explains(request.extensions());
        Self {
            telling: Telling::of_passed(&shared.config, request),
            ..Self::new(shared, UpstreamCall::Pass { refusal, explain })
        }
    }

    pub(crate) fn unsafe_method<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        facts: &RequestFacts,
        host: Option<HeaderValue>,
    ) -> Self {
        let write = Write::new(shared, request, facts, host);
        Self::new(shared, UpstreamCall::Unsafe(Box::new(write)))
    }

    /// Makes a call for a missing or unusable response. The request becomes conditional if that
    /// can save a body.
    pub(crate) fn for_miss<B>(
        shared: &Arc<Shared<St>>,
        request: &mut Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        miss: Miss,
    ) -> Self {
        if let Some(watched) = WatchedCall::new(shared, asked, key.hash_value(), &miss) {
            return Self::new(shared, UpstreamCall::Watched(watched));
        }
        let mut asked = asked.clone();
        if asked.background {
            let selection = miss.stored.as_ref().map(|entry| &*entry.selection);
            asked.strip(&shared.config, request.headers_mut(), selection);
        }
        let telling = asked
            .tells_tags
            .then(|| Telling::new(&shared.config, request, asked.rule));
        let fetch = Fetch::new(shared, request, asked, key, miss);
        Self {
            telling,
            ..Self::new(shared, UpstreamCall::Fetch(fetch))
        }
    }

    /// Makes a call, and its request, that updates a stored response.
    pub(crate) fn for_refresh<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        stored: (&Arc<Entry>, Refreshing),
    ) -> (Request<()>, Self) {
        let (request, fetch) = Fetch::refresh(shared, request, asked, key, stored);
        (request, Self::new(shared, UpstreamCall::Fetch(fetch)))
    }

    /// Notes that no caller waits for the response any more.
    pub(super) fn run_behind(&mut self) {
        if let UpstreamCall::Fetch(fetch) = &mut self.call {
            fetch.run_behind();
        }
    }

    fn fetch(&self) -> Option<&Fetch> {
        match &self.call {
            UpstreamCall::Fetch(fetch) => Some(fetch),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => None,
        }
    }

    /// Counts a call that the cache takes part in, and that begins.
    pub(super) fn count(&self) {
        if let UpstreamCall::Fetch(_) | UpstreamCall::Watched(_) = &self.call {
            self.shared.counters.calls.increment();
        }
    }

    /// Prepares the request of a call that begins: announces to inner layers which requests are
    /// private, and how old a response may be.
    pub(crate) fn announce<B>(&self, request: &mut Request<B>) {
        self.count();
        self.shared.config.private_if.announce(request);
        if !Since::is_heard() {
            return;
        }
        let since = match &self.call {
            UpstreamCall::Fetch(fetch) => fetch.since(),
            // What is not stored may be shared all the same, and must not be older than this.
            UpstreamCall::Pass { .. } | UpstreamCall::Watched(_) => self.shared.epochs.since(),
            UpstreamCall::Unsafe(_) => return,
        };
        request.extensions_mut().insert(since);
    }

    /// Returns how long to wait before a stale response is served instead.
    pub(crate) fn soft_timeout(&self) -> Option<Duration> {
        self.fetch()?.soft_timeout(&self.shared.config)
    }

    /// Returns the stale response, if one may still be served.
    pub(super) fn stand_in_for_slow<B>(&self) -> Option<Response<CacheBody<B>>> {
        self.fetch()?.stand_in_for_slow(&self.shared)
    }

    /// Returns whether the upstream chooses among several stored responses.
    pub(crate) fn has_offer(&self) -> bool {
        self.fetch().is_some_and(Fetch::has_offer)
    }

    /// Withdraws the offer, if the response is a 304 that names none of it. This costs a second
    /// call.
    pub(super) fn withdraw_offer<B>(&mut self, response: &mut Response<B>) -> bool {
        match &mut self.call {
            UpstreamCall::Fetch(fetch) => fetch.withdraw_offer(&self.shared.config, response),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => false,
        }
    }

    /// Handles the upstream's response, or its failure.
    pub(crate) fn finish<B, E>(
        self,
        mut result: Result<Response<B>, E>,
    ) -> Result<Response<CacheBody<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let shared = &self.shared;
        let counting = match &self.call {
            UpstreamCall::Fetch(_) | UpstreamCall::Watched(_) => {
                let status = result.as_ref().ok().map(Response::status);
                shared.counters.failed.count(status)
            }
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) => None,
        };
        let counted =
            |response: Response<CacheBody<B>>| response.map(|body| body.counting(counting));
        if let Some(telling) = &self.telling
            && let Ok(response) = &mut result
        {
            telling.tell(&shared.config, response);
        }
        let (refusal, explain) = match self.call {
            UpstreamCall::Fetch(fetch) => return fetch.finish(shared, result).map(counted),
            UpstreamCall::Watched(watched) => {
                return result.map(|response| counted(watched.finish(shared, response)));
            }
            UpstreamCall::Pass { refusal, explain } => (refusal, explain),
            UpstreamCall::Unsafe(write) => {
                let explain = write.explain();
                if let Ok(response) = &result
                    && let Some(fetch) = write.finish(shared, response)
                {
                    return fetch.finish(shared, result);
                }
                (None, explain)
            }
        };
        let mut response = result?;
        let report = match refusal {
            Some(refusal) => refused(shared, Forward::Bypass, refusal),
            None => Report::forwarded(Forward::Method),
        };
        shared.counters.bypassed.increment();
        let who = Caller {
            tenant: "",
            route: "(pass)",
            tags: None,
        };
        book(&shared.config, &mut response, who, None);
        label(shared, response.headers_mut(), report);
        if explain {
            let info = CacheInfo::new(CacheState::Bypass);
            response.extensions_mut().insert(info);
        }
        Ok(response.map(CacheBody::passing))
    }
}

// === impl WatchedCall ===

impl WatchedCall {
    /// Makes a watched call. `None` if the response may be stored, or needs more than a label.
    fn new<St>(shared: &Shared<St>, asked: &LookupRequest, hash: u64, miss: &Miss) -> Option<Self> {
        let config = &shared.config;
        // A caller that asks for a verdict relies on it: a wrong guess would cost more than a
        // call.
        let idle = !asked.background
            && !asked.explain
            && config.ledger.is_none()
            && config.fallback.is_none()
            && !config.private_if.is_set();
        let unknown = miss.reason == Forward::UriMiss;
        (unknown && idle && shared.predictor.takes(hash)).then(|| Self {
            asking: Asking::from(&asked.facts),
            hash,
            credentials: asked.credentials,
            keeps_events: config
                .rules
                .get(asked.rule)
                .is_some_and(|rule| rule.keep_events),
        })
    }

    /// Labels the response, and learns from it.
    fn finish<St, B>(
        self,
        shared: &Shared<St>,
        mut response: Response<B>,
    ) -> Response<CacheBody<B>> {
        let report = match self.refusal(shared, &response) {
            Some(refusal) => refused(shared, Forward::UriMiss, refusal),
            None => {
                shared.predictor.forget(self.hash);
                Report::forwarded(Forward::UriMiss)
            }
        };
        label_miss(shared, &mut response, report);
        response.map(CacheBody::passing)
    }

    /// Returns why the response would not have been stored this time either.
    fn refusal<St, B>(&self, shared: &Shared<St>, response: &Response<B>) -> Option<Refusal> {
        let config = &shared.config;
        let permissions = Permissions {
            set_cookie: !config.strict_cookies,
            events: self.keeps_events,
            credentials: self.credentials,
            ..Permissions::default()
        };
        let answer = Answer::read(response.headers());
        let (control, _) = storable::control(&config.targets, &answer, permissions);
        let (mode, status) = (config.mode, response.status());
        let (asking, pieces) = (self.asking, answer.pieces());
        let pieces = pieces.as_ref();
        storable::check(mode, asking, status, &answer, &control, pieces, permissions).err()
    }
}

/// Counts a response that is not stored, and returns the report with the reason.
pub(super) fn refused<St>(shared: &Shared<St>, forward: Forward, refusal: Refusal) -> Report {
    shared.counters.not_stored.count(refusal);
    Report::forwarded(forward).detail(refusal.word())
}

/// Appends a line to Cache-Status: the cache nearest to the client is last (RFC 9211 §2).
pub(super) fn label<St>(shared: &Shared<St>, headers: &mut HeaderMap, report: Report) {
    // A map that is full goes on as it is.
    let _ = headers.try_append(
        header::CACHE_STATUS,
        report.value(&shared.config.name, None),
    );
}

/// Labels a response to a miss, and counts it.
pub(super) fn label_miss<St, B>(shared: &Shared<St>, response: &mut Response<B>, report: Report) {
    let collapsed = is_collapsed(response);
    match collapsed {
        true => shared.counters.joined.increment(),
        false => shared.counters.misses.increment(),
    }
    let report = Report {
        collapsed,
        ..report
    };
    strip_tags(&shared.config, response.headers_mut());
    label(shared, response.headers_mut(), report);
}
