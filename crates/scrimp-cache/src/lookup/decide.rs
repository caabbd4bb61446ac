//! What is done with a request, by what is stored.

use std::sync::Arc;

use http::{Extensions, Request, Response, StatusCode};
use scrimp_core::{
    KeyRef,
    extensions::{CacheState, Directive},
};

use crate::{
    body::StoredBody,
    cache_status::{Forward, Report, ttl_seconds},
    entry::{CACHE_STATUS, Entry, Store, Variants},
    invalidation::epoch::Epoch,
    lookup::{
        answer::{self, Asked},
        hit::{Answer, Hit},
    },
    policy::{
        conditional,
        facts::MethodClass,
        judge::{self, Standing, Verdict},
    },
    request::read::Wanted,
    shared::Shared,
    upstream::{exchange::Exchange, fetch::Fetch, offer, watch::Watch},
};

/// What is done with a request, once it is known what is stored.
pub(crate) enum Step<St> {
    /// Answer it.
    Answer(Answer),
    /// Answer it, and bring what is stored up to date in the background.
    AnswerAndRefresh(Answer, Box<Refresh<St>>),
    /// Ask the upstream.
    Fetch(Exchange<St>),
}

/// A refresh in the background: the request to make, and what to do with its answer.
pub(crate) struct Refresh<St> {
    pub(crate) request: Request<()>,
    pub(crate) exchange: Exchange<St>,
}

/// Decides what to do, knowing what is stored. For a fetch the request is made conditional
/// where that can save a body.
#[inline]
pub(crate) fn decide<St: Store, B>(
    shared: &Arc<Shared<St>>,
    request: &mut Request<B>,
    wanted: &Wanted,
    key: KeyRef<'_>,
    found: Option<Arc<Variants>>,
) -> Step<St> {
    let Some(variants) = found else {
        return miss(shared, request, wanted, key, Forward::UriMiss);
    };
    let Some((place, entry)) = variants.place(request) else {
        return vary_miss(shared, request, wanted, key, &variants);
    };
    if wanted.is_personal(shared.config.mode) && !entry.policy.for_credentials {
        // What it was stored for were strangers to this caller (RFC 9111 §3.5).
        return miss(shared, request, wanted, key, Forward::UriMiss);
    }
    let epoch = shared.epochs.check(&entry.birth);
    if epoch == Epoch::Gone {
        shared.store.remove(key, Some(entry));
        return miss(shared, request, wanted, key, Forward::UriMiss);
    }
    let standing = Standing::new(&entry.policy, shared.config.clock.instant());
    let verdict = match wanted.directive {
        Some(Directive::RefreshNow) => Verdict::Validate,
        _ => judge::judge(
            &wanted.facts.control,
            &entry.policy,
            standing,
            epoch == Epoch::Stale,
        ),
    };
    match verdict {
        Verdict::Fresh | Verdict::Stale => {
            Step::Answer(hit(shared, request, wanted, (variants, place), standing))
        }
        Verdict::StaleWhileRevalidate if !wanted.body_key => {
            // First, as the answer may take the request's extensions with it.
            let refresh = refresh(shared, request, wanted, key, entry);
            let answer = hit(shared, request, wanted, (variants, place), standing);
            match refresh {
                Some(refresh) => Step::AnswerAndRefresh(answer, Box::new(refresh)),
                None => Step::Answer(answer),
            }
        }
        Verdict::Expired | Verdict::Validate | Verdict::StaleWhileRevalidate => {
            if only_if_cached(wanted) {
                return Step::Answer(gateway_timeout(shared, Forward::Stale).into());
            }
            let reason = match verdict {
                Verdict::Expired => Forward::Stale,
                _ if entry.policy.always_validate => Forward::Stale,
                _ => Forward::Request,
            };
            let soft_timeout = wanted.soft_timeout.filter(|_| verdict == Verdict::Expired);
            let refreshing = soft_timeout.and_then(|_| entry.begin_refresh());
            let control = &wanted.facts.control;
            if soft_timeout.is_some()
                && refreshing.is_none()
                && judge::may_stand_in(control, &entry.policy, standing, true)
            {
                // A call is under way already, and slow or not, nobody waits for it twice.
                let stored = (variants, place);
                return Step::Answer(hit(shared, request, wanted, stored, standing));
            }
            let mut fetch = Fetch::new(shared, request, wanted, key, reason);
            fetch.stored = Some(Arc::clone(entry));
            fetch.soft_timeout = soft_timeout.filter(|_| refreshing.is_some());
            fetch.refreshing = refreshing;
            fetch.validating = validate(request, entry);
            Step::Fetch(Exchange::fetch(shared, fetch))
        }
    }
}

fn only_if_cached(wanted: &Wanted) -> bool {
    wanted.facts.control.only_if_cached || wanted.directive == Some(Directive::OnlyIfCached)
}

fn miss<St: Store, B>(
    shared: &Arc<Shared<St>>,
    request: &Request<B>,
    wanted: &Wanted,
    key: KeyRef<'_>,
    reason: Forward,
) -> Step<St> {
    if only_if_cached(wanted) {
        return Step::Answer(gateway_timeout(shared, reason).into());
    }
    if reason == Forward::UriMiss
        && let Some(watch) = Watch::new(shared, wanted, key.hash_value(), reason)
    {
        return Step::Fetch(Exchange::watch(shared, watch));
    }
    Step::Fetch(Exchange::fetch(
        shared,
        Fetch::new(shared, request, wanted, key, reason),
    ))
}

/// Asks the upstream for an answer to a request that no stored variant matches, or which of
/// them is the answer.
fn vary_miss<St: Store, B>(
    shared: &Arc<Shared<St>>,
    request: &mut Request<B>,
    wanted: &Wanted,
    key: KeyRef<'_>,
    variants: &Variants,
) -> Step<St> {
    if only_if_cached(wanted) {
        return miss(shared, request, wanted, key, Forward::VaryMiss);
    }
    let mut fetch = Fetch::new(shared, request, wanted, key, Forward::VaryMiss);
    fetch.offered = offer::offer(shared, request, wanted, variants);
    Step::Fetch(Exchange::fetch(shared, fetch))
}

/// Makes a request conditional on the stored response. A HEAD stays as it is: what it
/// brings back updates the stored response by itself (RFC 9111 §4.3.5).
fn validate<B>(request: &mut Request<B>, entry: &Entry) -> bool {
    request.method() == http::Method::GET
        && conditional::validate(request.headers_mut(), &entry.headers, &entry.policy)
}

/// Answers from store, and counts it.
#[inline]
fn hit<St: Store, B>(
    shared: &Shared<St>,
    request: &mut Request<B>,
    wanted: &Wanted,
    (variants, place): (Arc<Variants>, usize),
    standing: Standing,
) -> Answer {
    let entry = variants
        .at(place)
        .expect("a place found among these variants");
    count(shared, entry, standing);
    let ttl = ttl_seconds(standing.ttl(), standing.staleness());
    let status = shared.config.name.hit(ttl, entry.upstream_status.as_ref());
    let extensions = match wanted.explain {
        true => {
            let state = match standing.is_fresh() {
                true => CacheState::Hit,
                false => CacheState::Stale,
            };
            let info = answer::info(Some(entry), standing, state);
            answer::explain(std::mem::take(request.extensions_mut()), info)
        }
        false => Extensions::new(),
    };
    if answer::is_whole(&wanted.facts, entry) {
        let hit = Hit::new((variants, place), standing.age, status, extensions);
        return Answer::Stored(hit);
    }
    let asked = Asked {
        headers: request.headers(),
        facts: &wanted.facts,
    };
    let mut response = answer::build(entry, &asked, standing, status);
    *response.extensions_mut() = extensions;
    Answer::from(response)
}

#[inline]
fn count<St>(shared: &Shared<St>, entry: &Entry, standing: Standing) {
    if standing.is_fresh() {
        shared.counters.hits.add();
    } else {
        shared.counters.stale.add();
    }
    if let Some(booking) = &entry.booking {
        booking.account.avoided(booking.charge);
    }
}

/// The refresh of a response that is served stale meanwhile; `None` if one is under way.
fn refresh<St: Store, B>(
    shared: &Arc<Shared<St>>,
    request: &Request<B>,
    wanted: &Wanted,
    key: KeyRef<'_>,
    entry: &Arc<Entry>,
) -> Option<Refresh<St>> {
    let refreshing = entry.begin_refresh()?;
    shared.counters.refreshes.add();
    let mut fetch = Fetch::new(shared, request, wanted, key, Forward::Stale);
    let extensions = request.extensions().clone();
    let mut request = fetch.request.clone();
    // Layers further in may tell tenants apart by them.
    *request.extensions_mut() = extensions;
    *request.method_mut() = http::Method::GET;
    // The client wanted a part or a comparison; the store wants the whole.
    request.headers_mut().remove(http::header::RANGE);
    request.headers_mut().remove(http::header::IF_RANGE);
    fetch.facts.method = MethodClass::Get;
    fetch.facts.range = false;
    fetch.facts.conditional = false;
    fetch.validating = validate(&mut request, entry);
    fetch.stored = Some(Arc::clone(entry));
    fetch.refreshing = Some(refreshing);
    Some(Refresh {
        request,
        exchange: Exchange::fetch(shared, fetch),
    })
}

/// The answer to `only-if-cached` where nothing usable is stored (RFC 9111 §5.2.1.7).
fn gateway_timeout<St>(shared: &Shared<St>, reason: Forward) -> Response<StoredBody> {
    shared.counters.unanswered.add();
    let mut response = Response::new(StoredBody::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    let report = Report::forwarded(reason).detail("only-if-cached");
    let value = report.value(&shared.config.name, None);
    response.headers_mut().insert(CACHE_STATUS, value);
    response
}
