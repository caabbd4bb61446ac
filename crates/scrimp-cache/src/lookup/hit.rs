//! A stored response that is used, and the answer made from it.

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use scrimp_core::extensions::CacheState;

use super::answer::from_entry;
use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{self, Report, ttl_seconds},
    entry::{Entry, Variants},
    policy::{
        facts::{MethodClass, RequestFacts},
        judge::Freshness,
    },
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
        let counters = &shared.counters;
        match freshness.is_fresh() {
            true => counters.hits.increment(),
            false => {
                counters.others.increment();
                counters.stale.increment();
            }
        }
        let upstream = entry.upstream_status.as_ref();
        let cache_status = Report::hit(ttl_seconds(freshness)).value(&shared.config.name, upstream);
        let mut extensions = match asked.explain {
            true => explain(std::mem::take(request.extensions_mut()), entry, freshness),
            false => Extensions::new(),
        };
        if let Some(booking) = &entry.booking {
            booking.account.avoided_by(&mut extensions, booking.charge);
        }
        if is_whole(&asked.facts, entry) {
            return Answer::Stored {
                found: self,
                cache_status,
                extensions,
            };
        }
        let request = (request.headers(), &asked.facts);
        let mut response = from_entry(entry, request, freshness, cache_status);
        response.extensions_mut().extend(extensions);
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
                response.extensions_mut().extend(extensions);
                response
            }
        }
    }
}

/// Reports whether the answer is the whole stored response.
#[inline]
fn is_whole(facts: &RequestFacts, entry: &Entry) -> bool {
    facts.method == MethodClass::Get
        && !(facts.conditional && entry.status.is_success())
        && !(facts.range && entry.status == StatusCode::OK)
}

/// Returns the whole of a stored response. `wrap` makes the body in its final place, as this is
/// the path of every hit.
#[inline]
pub(super) fn whole<B>(
    entry: &Entry,
    age: Duration,
    cache_status: HeaderValue,
    wrap: impl FnOnce(StoredBody) -> B,
) -> Response<B> {
    let body = StoredBody::of(entry);
    let mut response = Response::new(wrap(body));
    *response.status_mut() = entry.status;
    *response.version_mut() = entry.version;
    *response.headers_mut() = entry.headers.clone();
    if let Some(extras) = &entry.extras
        && let Some(kept) = &extras.extensions
    {
        response.extensions_mut().clone_from(&kept.values);
    }
    stamp(response.headers_mut(), cache_status::age(age), cache_status);
    response
}

/// Fills in the fields that differ from answer to answer. Their slots are the first two fields,
/// which saves a look-up by name.
#[inline]
fn stamp(headers: &mut HeaderMap, age: HeaderValue, status: HeaderValue) {
    let mut fields = headers.iter_mut();
    match (fields.next(), fields.next()) {
        (Some((first, age_slot)), Some((second, status_slot)))
            if first == header::AGE && second == header::CACHE_STATUS =>
        {
            *age_slot = age;
            *status_slot = status;
        }
        _ => {
            headers.insert(header::AGE, age);
            headers.insert(header::CACHE_STATUS, status);
        }
    }
}
