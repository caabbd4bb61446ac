//! An upstream call in progress.

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

/// An upstream call in progress, and the handling of its response.
pub(crate) struct Exchange<St> {
    shared: Arc<Shared<St>>,
    call: UpstreamCall,
}

/// Kind of an upstream call.
enum UpstreamCall {
    /// The cache passes the request on.
    Pass { report: Report, explain: bool },
    /// The request may change stored responses.
    Unsafe(Box<Write>),
    /// The last response was not storable, so this one is not expected to be stored.
    Watched(WatchedCall),
    /// The response may be stored.
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

    /// Makes a call for a missing or unusable response. The request becomes conditional if that
    /// can save a body.
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

    fn fetch(&self) -> Option<&Fetch> {
        match &self.call {
            UpstreamCall::Fetch(fetch) => Some(fetch),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => None,
        }
    }

    /// Announces to inner layers how old a response may be.
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
    pub(super) fn withdraw_offer<B>(&mut self, response: &Response<B>) -> bool {
        match &mut self.call {
            UpstreamCall::Fetch(fetch) => fetch.withdraw_offer(&self.shared.config, response),
            UpstreamCall::Pass { .. } | UpstreamCall::Unsafe(_) | UpstreamCall::Watched(_) => false,
        }
    }

    /// Handles the upstream's response, or its failure.
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
