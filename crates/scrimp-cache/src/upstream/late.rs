//! Answers for a caller whose deadline has passed.

use std::sync::Arc;

use http::{Response, header};
use scrimp_core::Problem;

use super::exchange::{Exchange, UpstreamCall};
use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{Forward, Report},
    entry::Store,
    shared::Shared,
};

/// A request whose caller's [deadline](scrimp_core::extensions::Deadline) has passed.
pub(crate) enum Late<St> {
    /// Its call is given up, or was not made.
    Call(Exchange<St>),
    /// It still waited for the store, or for its own body.
    Early(Arc<Shared<St>>),
}

// === impl Late ===

impl<St: Store> Late<St> {
    /// Answers from the store, if a stored response may take the place of an error, or with 504.
    pub(crate) fn answer<B>(self) -> Response<CacheBody<B>> {
        let (shared, call) = match self {
            Self::Early(shared) => (shared, None),
            Self::Call(Exchange { shared, call, .. }) => (shared, Some(call)),
        };
        shared.counters.timed_out.increment();
        if let Some(UpstreamCall::Fetch(fetch)) = &call
            && let Some(stale) = fetch.stand_in_for_late(&shared)
        {
            return stale;
        }
        shared.counters.refused.increment();
        let problem = Problem::deadline("cache");
        let mut response = problem.response().map(StoredBody::new);
        if let Some(call) = &call {
            let report = Report::forwarded(reason(call)).detail("deadline");
            let value = report.value(&shared.config.name, None);
            response.headers_mut().insert(header::CACHE_STATUS, value);
        }
        response.map(CacheBody::stored)
    }
}

fn reason(call: &UpstreamCall) -> Forward {
    match call {
        UpstreamCall::Fetch(fetch) => fetch.reason(),
        UpstreamCall::Watched(_) => Forward::UriMiss,
        UpstreamCall::Pass {
            refusal: Some(_), ..
        } => Forward::Bypass,
        UpstreamCall::Pass { refusal: None, .. } | UpstreamCall::Unsafe(_) => Forward::Method,
    }
}
