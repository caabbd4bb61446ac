//! A stored response that is used, and the answer made from it.

use std::sync::Arc;

use http::{Extensions, HeaderValue, Request, Response, StatusCode};
use scrimp_core::{Problem, extensions::CacheState};

use super::answer::{from_entry, is_whole, whole};
use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{Forward, Report, ttl_seconds},
    entry::{CACHE_STATUS, Entry, Variants},
    policy::judge::Freshness,
    request::LookupRequest,
    shared::Shared,
};

/// A stored response that may be used now.
pub(crate) struct Found {
    variants: Arc<Variants>,
    place: usize,
    freshness: Freshness,
}

/// The answer to a request.
pub(crate) enum Answer {
    /// A whole stored response, sent as it is.
    ///
    /// The response is built at its destination, as it is too large to be moved at each step.
    Stored {
        found: Found,
        cache_status: HeaderValue,
        extensions: Extensions,
    },
    Made(Box<Response<StoredBody>>),
}

// === impl Found ===

impl Found {
    pub(super) fn new(variants: Arc<Variants>, place: usize, freshness: Freshness) -> Self {
        Self {
            variants,
            place,
            freshness,
        }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        let entry = self.variants.at(self.place);
        entry.expect("a place found among these variants, which do not change")
    }

    /// Answers a request from the store, and counts it. It may take the request's extensions.
    #[inline]
    pub(crate) fn answer<St, B>(
        self,
        shared: &Shared<St>,
        request: &mut Request<B>,
        asked: &LookupRequest,
    ) -> Answer {
        let (entry, freshness) = (self.entry(), self.freshness);
        let (fresh, stale) = (&shared.counters.hits, &shared.counters.stale);
        if freshness.is_fresh() { fresh } else { stale }.increment();
        if let Some(booking) = &entry.booking {
            booking.account.avoided(booking.charge);
        }
        let upstream = entry.upstream_status.as_ref();
        let cache_status = shared.config.name.hit(ttl_seconds(freshness), upstream);
        let extensions = match asked.explain {
            true => explain(std::mem::take(request.extensions_mut()), entry, freshness),
            false => Extensions::new(),
        };
        if is_whole(&asked.facts, entry) {
            return Answer::Stored {
                found: self,
                cache_status,
                extensions,
            };
        }
        let request = (request.headers(), &asked.facts);
        let mut response = from_entry(entry, request, freshness, cache_status);
        *response.extensions_mut() = extensions;
        Answer::Made(Box::new(response))
    }
}

/// Puts the verdict into the request's own map, which is allocated already.
fn explain(mut extensions: Extensions, entry: &Entry, freshness: Freshness) -> Extensions {
    let state = match freshness.is_fresh() {
        true => CacheState::Hit,
        false => CacheState::Stale,
    };
    extensions.clear();
    extensions.insert(entry.info(state, freshness));
    extensions
}

// === impl Answer ===

impl Answer {
    /// Answers `only-if-cached` if nothing usable is stored (RFC 9111 §5.2.1.7).
    pub(crate) fn refusal<St>(shared: &Shared<St>, reason: Forward) -> Self {
        shared.counters.unanswered.increment();
        let problem = Problem::new("cache", "only-if-cached", StatusCode::GATEWAY_TIMEOUT).detail(
            "No stored response can answer the request, which must not reach the upstream.",
        );
        let mut response = problem.response().map(|body| StoredBody::new(body, None));
        let report = Report::forwarded(reason).detail("only-if-cached");
        let value = report.value(&shared.config.name, None);
        response.headers_mut().insert(CACHE_STATUS, value);
        Self::Made(Box::new(response))
    }

    #[inline]
    pub(crate) fn into_response<B>(self) -> Response<CacheBody<B>> {
        match self {
            Self::Made(response) => response.map(CacheBody::stored),
            Self::Stored {
                found,
                cache_status,
                extensions,
            } => {
                let age = found.freshness.age;
                let mut response = whole(found.entry(), age, cache_status, CacheBody::stored);
                *response.extensions_mut() = extensions;
                response
            }
        }
    }
}
