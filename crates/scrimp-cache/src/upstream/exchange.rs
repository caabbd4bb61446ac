//! A call to the upstream, and what its answer means for what is stored.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use scrimp_core::{
    Money,
    extensions::{self, CacheInfo, CacheState, Charge, OtherCharges, Since},
};

use crate::{
    body::CacheBody,
    cache_status::{Forward, Report},
    entry::{CACHE_STATUS, Store},
    policy::facts::RequestFacts,
    shared::Shared,
    upstream::{fetch::Fetch, offer, watch::Watch, write::Write},
};

/// A call to the upstream under way.
pub(crate) struct Exchange<St> {
    shared: Arc<Shared<St>>,
    duty: Duty,
    explain: bool,
}

/// What is to be done with the answer.
enum Duty {
    Pass(Report),
    Unsafe(Box<Write>),
    Watch(Watch),
    Fetch(Box<Fetch>),
}

// === impl Exchange ===

impl<St: Store> Exchange<St> {
    pub(crate) fn pass(shared: &Arc<Shared<St>>, report: Report, explain: bool) -> Self {
        Self::new(shared, Duty::Pass(report), explain)
    }

    pub(crate) fn fetch(shared: &Arc<Shared<St>>, fetch: Box<Fetch>) -> Self {
        let explain = fetch.explain;
        Self::new(shared, Duty::Fetch(fetch), explain)
    }

    pub(crate) fn watch(shared: &Arc<Shared<St>>, watch: Watch) -> Self {
        Self::new(shared, Duty::Watch(watch), false)
    }

    pub(crate) fn unsafe_method<B>(
        shared: &Arc<Shared<St>>,
        request: &Request<B>,
        facts: &RequestFacts,
        explain: bool,
    ) -> Self {
        let write = Write::new(shared, request, facts, explain);
        Self::new(shared, Duty::Unsafe(Box::new(write)), explain)
    }

    fn new(shared: &Arc<Shared<St>>, duty: Duty, explain: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            duty,
            explain,
        }
    }

    /// Tells layers further in how old an answer may be.
    pub(crate) fn announce<B>(&self, request: &mut Request<B>) {
        if let Duty::Fetch(fetch) = &self.duty
            && Since::is_heard()
        {
            request.extensions_mut().insert(fetch.born.since());
        }
    }

    /// How long to wait before a stale response is served instead.
    pub(crate) fn soft_timeout(&self) -> Option<Duration> {
        match &self.duty {
            Duty::Fetch(fetch) => fetch.soft_timeout,
            Duty::Pass(_) | Duty::Unsafe(_) | Duty::Watch(_) => None,
        }
    }

    /// The stale response, if there still is one that may be served.
    pub(crate) fn stand_in_for_slow<B>(&self) -> Option<Response<CacheBody<B>>> {
        match &self.duty {
            Duty::Fetch(fetch) => fetch.stand_in_for_slow(&self.shared),
            Duty::Pass(_) | Duty::Unsafe(_) | Duty::Watch(_) => None,
        }
    }

    /// Whether the upstream is asked which of several stored responses is the answer.
    pub(crate) fn has_offer(&self) -> bool {
        matches!(&self.duty, Duty::Fetch(fetch) if !fetch.offered.is_empty())
    }

    /// Whether a 304 is none of what was offered.
    pub(crate) fn names_nothing<B>(&self, response: &Response<B>) -> bool {
        let Duty::Fetch(fetch) = &self.duty else {
            return false;
        };
        offer::named(&fetch.offered, response.headers()).is_none()
    }

    /// Makes it a fetch like any other, at the price of a call that was for nothing.
    pub(crate) fn withdraw_offer<B>(&mut self, response: &Response<B>) {
        if let Duty::Fetch(fetch) = &mut self.duty {
            fetch.book(&self.shared, response);
            fetch.offered.clear();
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
        let report = match self.duty {
            Duty::Fetch(fetch) => return fetch.finish(&self.shared, result),
            Duty::Watch(watch) => {
                return result.map(|response| watch.finish(&self.shared, response));
            }
            Duty::Pass(report) => report,
            Duty::Unsafe(write) => {
                if let Ok(response) = &result
                    && let Some(fetch) = write.finish(&self.shared, response)
                {
                    return fetch.finish(&self.shared, result);
                }
                Report::forwarded(Forward::Method)
            }
        };
        let mut response = result?;
        self.shared.counters.bypassed.add();
        book(&self.shared, &response, "", "(pass)");
        label(&self.shared, response.headers_mut(), report);
        if self.explain {
            let info = CacheInfo::new(CacheState::Bypass);
            response.extensions_mut().insert(info);
        }
        Ok(response.map(CacheBody::passing))
    }
}

/// Appends a line to Cache-Status: the cache nearest to the client comes last (RFC 9211 §2).
pub(crate) fn label<St>(shared: &Shared<St>, headers: &mut HeaderMap, report: Report) {
    headers.append(CACHE_STATUS, report.value(&shared.config.name, None));
}

/// Whether a response came from a call that was made for another request.
pub(crate) fn is_collapsed<B>(response: &Response<B>) -> bool {
    let shared = response.extensions().get::<extensions::Shared>();
    shared.is_some_and(extensions::Shared::collapsed)
}

/// Books a call that reached the upstream, unless it was another request's.
pub(crate) fn book<St, B>(shared: &Shared<St>, response: &Response<B>, tenant: &str, route: &str) {
    if let Some(ledger) = &shared.config.ledger
        && !is_collapsed(response)
    {
        let charge = charge(shared, response);
        let account = ledger.account("cache", tenant, route, charge.currency());
        account.made(charge);
        if let Some(OtherCharges(others)) = response.extensions().get() {
            others.iter().for_each(|amount| account.paid(amount));
        }
    }
}

/// What a call cost: what the upstream says, or the price it was set to.
pub(crate) fn charge<St, B>(shared: &Shared<St>, response: &Response<B>) -> Money {
    response
        .extensions()
        .get::<Charge>()
        .map_or(shared.config.price, |charge| charge.0)
}
