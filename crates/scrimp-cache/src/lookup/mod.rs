//! The choice of a stored response for a request, and the answer made from it.

mod answer;
mod late;

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderValue, Request, Response, StatusCode};
use scrimp_core::{
    KeyRef,
    extensions::{CacheState, Directive},
};

use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{self, Forward, Report, ttl_seconds},
    entry::{Entry, Lookup, Refreshing, Store, Variants},
    invalidation::epoch::Epoch,
    monitor::Monitor,
    policy::{
        facts::{MethodClass, RequestFacts},
        judge::{Freshness, Verdict, judge, may_stand_in},
    },
    request::LookupRequest,
    shared::Shared,
};

pub(crate) use answer::from_entry;
pub(crate) use late::LateLookup;

/// Decision on a request, once the stored responses are known.
pub(crate) enum Decision<G> {
    /// The store answers the request.
    Answer(Found),
    /// The store answers the request, and the response is refreshed in the background.
    AnswerAndRefresh(Found, Refreshing),
    /// The request goes to the upstream.
    Call(Miss),
    /// The request may only be answered from the store, which is not possible.
    Refuse(Forward),
    /// The store looks for a response behind one that an invalidation has hit. It is boxed, as few
    /// stores have several tiers.
    Wait(Box<G>),
}

/// Reason for an upstream call, and the stored responses it can use.
#[derive(Debug)]
pub(crate) struct Miss {
    pub(crate) reason: Forward,
    /// The stored response for the request, stale or to be validated.
    pub(crate) stored: Option<Arc<Entry>>,
    /// The stored responses, if none of them matches the request.
    pub(crate) variants: Option<Arc<Variants>>,
    /// Refresh guard, taken if a soft time-out may end the wait for the call.
    pub(crate) refreshing: Option<Refreshing>,
    /// Flag that the store, or a part of it, does not answer.
    pub(crate) degraded: bool,
}

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

// === impl Miss ===

impl Miss {
    pub(crate) fn new(reason: Forward) -> Self {
        Self {
            reason,
            stored: None,
            variants: None,
            refreshing: None,
            degraded: false,
        }
    }
}

/// Stored responses that a look-up has found.
pub(crate) struct Looked {
    pub(crate) found: Option<Arc<Variants>>,
    /// The store has looked behind a response that was hit.
    pub(crate) is_last: bool,
    /// The store did not answer.
    pub(crate) failed: bool,
}

// === impl Looked ===

impl Looked {
    #[inline]
    pub(crate) fn at_once(found: Option<Arc<Variants>>) -> Self {
        Self {
            found,
            is_last: false,
            failed: false,
        }
    }
}

/// Decides what to do with a request, once the stored responses are known.
#[inline]
pub(crate) fn decide<St: Store, B>(
    shared: &Shared<St>,
    request: &Request<B>,
    asked: &LookupRequest,
    key: KeyRef<'_>,
    looked: Looked,
) -> Decision<St::Get> {
    let decision = match looked.found {
        None => Decision::Call(Miss::new(Forward::UriMiss)),
        Some(variants) => choose(shared, request, asked, key, variants, looked.is_last),
    };
    match decision {
        Decision::Call(miss) if asked.only_if_cached() => Decision::Refuse(match miss.reason {
            Forward::Request => Forward::Stale,
            reason => reason,
        }),
        decision => decision,
    }
}

#[inline]
fn choose<St: Store, B>(
    shared: &Shared<St>,
    request: &Request<B>,
    asked: &LookupRequest,
    key: KeyRef<'_>,
    variants: Arc<Variants>,
    is_last: bool,
) -> Decision<St::Get> {
    let Some((place, entry)) = variants.place(request) else {
        return Decision::Call(Miss {
            variants: Some(variants),
            ..Miss::new(Forward::VaryMiss)
        });
    };
    // A refresh in the background is sent without the credentials of its caller.
    let shares = asked.background || asked.shares(&shared.config, entry.status, &entry.selection);
    if !shares && !entry.policy.for_credentials {
        // It was stored for callers that must not share it with this one (RFC 9111 §3.5).
        return Decision::Call(Miss::new(Forward::UriMiss));
    }
    let epoch = shared.epochs.check(&entry.validity);
    if epoch == Epoch::Gone {
        return behind(shared, request, asked, key, entry, is_last);
    }
    let control = &asked.facts.control;
    let freshness = Freshness::new(&entry.policy, shared.config.clock.instant());
    let verdict = match asked.directive {
        Some(Directive::RefreshNow) => Verdict::Validate,
        _ if epoch == Epoch::Doubtful => Verdict::Validate,
        _ => judge(control, &entry.policy, freshness, epoch == Epoch::Stale),
    };
    let reason = match verdict {
        Verdict::Fresh => {
            let found = Found::new(variants, place, freshness);
            return match &shared.monitor {
                None => Decision::Answer(found),
                Some(monitor) => monitored(shared, monitor, asked, found),
            };
        }
        Verdict::Stale => {
            return Decision::Answer(Found::new(variants, place, freshness.ended()));
        }
        Verdict::StaleWhileRevalidate if !asked.body_key => {
            // The upstream refuses a refresh. Without this caller's credentials, it will again.
            let in_vain = entry.was_refused() && asked.has_credentials(shared.config.mode);
            let refreshing = (!in_vain).then(|| entry.begin_refresh()).flatten();
            let found = Found::new(variants, place, freshness.ended());
            return match refreshing {
                Some(refreshing) => Decision::AnswerAndRefresh(found, refreshing),
                None => Decision::Answer(found),
            };
        }
        Verdict::Expired => Forward::Stale,
        _ if entry.policy.always_validate => Forward::Stale,
        Verdict::Validate | Verdict::StaleWhileRevalidate => Forward::Request,
    };
    let mut miss = Miss {
        stored: Some(Arc::clone(entry)),
        ..Miss::new(reason)
    };
    let rule = shared.config.rules.get(asked.rule);
    let hurries = rule.is_some_and(|rule| rule.soft_timeout.is_some());
    // The upstream refused a call that was too slow to be waited for. So this one is waited for.
    let refused = entry.was_refused();
    if verdict != Verdict::Expired || !hurries || refused || asked.only_if_cached() {
        return Decision::Call(miss);
    }
    miss.refreshing = entry.begin_refresh();
    if miss.refreshing.is_none() && may_stand_in(control, &entry.policy, freshness, true) {
        // A call is in progress already, and no request waits for a slow call twice.
        return Decision::Answer(Found::new(variants, place, freshness.ended()));
    }
    Decision::Call(miss)
}

/// Decides whether a fresh response is compared with the upstream, as a refresh in the background.
#[cold]
fn monitored<St: Store, G>(
    shared: &Shared<St>,
    monitor: &Monitor,
    asked: &LookupRequest,
    found: Found,
) -> Decision<G> {
    let entry = found.entry();
    // A refusal says nothing about the response, and neither would the next one.
    if asked.body_key || entry.was_refused() || !monitor.samples() {
        return Decision::Answer(found);
    }
    let Some(mut refreshing) = entry.begin_refresh() else {
        return Decision::Answer(found);
    };
    let config = &shared.config;
    match monitor.reserve(entry.cost_of_call(config.price), config.clock.instant()) {
        None => Decision::Answer(found),
        Some(reserved) => {
            refreshing.compares(reserved);
            Decision::AnswerAndRefresh(found, refreshing)
        }
    }
}

/// Decides what to do after an invalidation has hit a response.
#[cold]
fn behind<St: Store, B>(
    shared: &Shared<St>,
    request: &Request<B>,
    asked: &LookupRequest,
    key: KeyRef<'_>,
    hit: &Arc<Entry>,
    is_last: bool,
) -> Decision<St::Get> {
    let lookup = (!is_last).then(|| shared.store.get_behind(key, hit));
    match lookup.flatten() {
        None => {
            shared.store.remove(key, Some(hit));
            Decision::Call(Miss::new(Forward::UriMiss))
        }
        Some(Lookup::Now(None)) => Decision::Call(Miss::new(Forward::UriMiss)),
        Some(Lookup::Now(Some(variants))) => choose(shared, request, asked, key, variants, true),
        Some(Lookup::Later(get)) => Decision::Wait(Box::new(get)),
    }
}

// === impl Found ===

impl Found {
    fn new(variants: Arc<Variants>, place: usize, freshness: Freshness) -> Self {
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
            // Its caller wants the response to be there, not to have it: nothing is spared.
            _ if asked.is_prefetch() => counters.prefetches.increment(),
            true => counters.hits.increment(),
            false => {
                counters.others.increment();
                counters.stale.increment();
            }
        }
        let extras = entry.extras.as_deref();
        let upstream = extras.and_then(|extras| extras.upstream_status.as_ref());
        let cache_status = Report::hit(ttl_seconds(freshness)).value(&shared.config.name, upstream);
        let booking = entry.booking.as_ref().filter(|_| !asked.is_prefetch());
        let tags = booking.and_then(|_| request.extensions().get().cloned());
        let mut extensions = match asked.explain {
            true => explain(std::mem::take(request.extensions_mut()), entry, freshness),
            false => Extensions::new(),
        };
        if asked.tells_tags {
            extensions.insert(entry.told());
        }
        if let Some(booking) = booking {
            booking.hit(tags.as_ref(), &mut extensions);
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
                let age = found.freshness.age();
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
fn whole<B>(
    entry: &Entry,
    age: Duration,
    cache_status: HeaderValue,
    wrap: impl FnOnce(StoredBody) -> B,
) -> Response<B> {
    let body = StoredBody::of(entry);
    let mut response = Response::new(wrap(body));
    *response.status_mut() = entry.status;
    *response.version_mut() = entry.version;
    *response.headers_mut() = entry.headers.sent(cache_status::age(age), cache_status);
    if let Some(extras) = &entry.extras
        && let Some(kept) = &extras.extensions
    {
        response.extensions_mut().clone_from(&kept.values);
    }
    response
}
