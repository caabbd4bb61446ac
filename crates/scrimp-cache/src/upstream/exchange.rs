//! A call to the upstream under way.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{
    KeyRef,
    extensions::{CacheInfo, CacheState, Since},
};

use super::{fetch::Fetch, label::label, watched::WatchedCall, write::Write};
use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    entry::{Entry, Refreshing, Store, book},
    lookup::Miss,
    policy::facts::RequestFacts,
    request::LookupRequest,
    shared::Shared,
};

/// A call to the upstream under way, and what is to be done with its answer.
pub(crate) struct Exchange<St> {
    shared: Arc<Shared<St>>,
    call: UpstreamCall,
}

/// Kind of an upstream call.
enum UpstreamCall {
    /// The cache stays out of it.
    Pass { report: Report, explain: bool },
    /// It may change what is stored.
    Unsafe(Box<Write>),
    /// Its answer is not going to be stored, going by the last one.
    Watched(WatchedCall),
    /// Its answer may be stored.
    Fetch(Box<Fetch>),
}

// === impl Exchange ===

impl<St: Store> Exchange<St> {
    fn new(shared: &Arc<Shared<St>>, call: UpstreamCall) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, call }
    }

    pub(crate) fn pass<B>(shared: &Arc<Shared<St>>, request: &Request<B>, report: Report) -> Self {
        let explain = shared.config.explains(request.extensions());
        Self::new(shared, UpstreamCall::Pass { report, explain })
    }

    pub(crate) fn unsafe_method<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        facts: &RequestFacts,
    ) -> Self {
        let write = Write::new(shared, request, facts);
        Self::new(shared, UpstreamCall::Unsafe(Box::new(write)))
    }

    /// A call for what is not stored, or may not be used. The request is made conditional where
    /// that can save a body.
    pub(crate) fn for_miss<B>(
        shared: &Arc<Shared<St>>,
        request: &mut Request<B>,
        asked: &LookupRequest,
        key: KeyRef<'_>,
        miss: Miss,
    ) -> Self {
        let watched = WatchedCall::new(shared, asked, key.hash_value(), &miss);
        let call = match watched {
            Some(watched) => UpstreamCall::Watched(watched),
            None => UpstreamCall::Fetch(Fetch::new(shared, request, asked.clone(), key, miss)),
        };
        Self::new(shared, call)
    }

    /// A call, and its request, that brings a stored response up to date.
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

    fn fetch(&self) -> Option<&Fetch> {
        match &self.call {
            UpstreamCall::Fetch(fetch) => Some(fetch),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => None,
        }
    }

    /// Tells layers further in how old an answer may be.
    pub(crate) fn announce<B>(&self, request: &mut Request<B>) {
        if let Some(fetch) = self.fetch()
            && Since::is_heard()
        {
            request.extensions_mut().insert(fetch.since());
        }
    }

    /// Returns how long to wait before a stale response is served instead.
    pub(crate) fn soft_timeout(&self) -> Option<Duration> {
        self.fetch()?.soft_timeout(&self.shared.config)
    }

    /// Returns the stale response, if there still is one that may be served.
    pub(super) fn stand_in_for_slow<B>(&self) -> Option<Response<CacheBody<B>>> {
        self.fetch()?.stand_in_for_slow(&self.shared)
    }

    /// Returns whether the upstream is asked which of several stored responses is the answer.
    pub(crate) fn has_offer(&self) -> bool {
        self.fetch().is_some_and(Fetch::has_offer)
    }

    /// Makes it a fetch like any other, at the price of a call that was for nothing, if the
    /// answer is a 304 and none of what was offered.
    pub(super) fn withdraw_offer<B>(&mut self, response: &Response<B>) -> bool {
        match &mut self.call {
            UpstreamCall::Fetch(fetch) => fetch.withdraw_offer(&self.shared.config, response),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => false,
        }
    }

    /// Takes the upstream's answer, or its failure.
    pub(crate) fn finish<B, E>(
        self,
        result: Result<Response<B>, E>,
    ) -> Result<Response<CacheBody<B>>, E>
    where
        B: Body<Data = Bytes>,
    {
        let shared = &self.shared;
        let (report, explain) = match self.call {
            UpstreamCall::Fetch(fetch) => return fetch.finish(shared, result),
            UpstreamCall::Watched(watched) => {
                return result.map(|response| watched.finish(shared, response));
            }
            UpstreamCall::Pass { report, explain } => (report, explain),
            UpstreamCall::Unsafe(write) => {
                let explain = write.explain();
                if let Ok(response) = &result
                    && let Some(fetch) = write.finish(shared, response)
                {
                    return fetch.finish(shared, result);
                }
                (Report::forwarded(Forward::Method), explain)
            }
        };
        let mut response = result?;
        shared.counters.bypassed.increment();
        book(&shared.config, &response, "", "(pass)");
        label(shared, response.headers_mut(), report);
        if explain {
            let info = CacheInfo::new(CacheState::Bypass);
            response.extensions_mut().insert(info);
        }
        Ok(response.map(CacheBody::passing))
    }
}
