//! From a request to what is done with it.

use std::{sync::Arc, time::Duration};

use http::{Extensions, Request, Response, StatusCode};
use http_body::Body;
use scrimp_core::{
    BodyDigest, KeyBuf, KeyRef,
    extensions::{CacheState, Directive, Explain},
};

use crate::{
    answer::{self, Answer, Asked, Hit},
    body::StoredBody,
    cache_status::{Forward, Report, ttl_seconds},
    config::Shared,
    exchange::{Exchange, Plan},
    fetch::Fetch,
    invalidate::epoch::Epoch,
    key, offer,
    policy::{
        conditional,
        facts::{MethodClass, RequestFacts},
        judge::{self, Standing, Verdict},
    },
    rule::Cookies,
    store::{CACHE_STATUS, Entry, Store, Variants},
    watch::Watch,
};

/// A request that the cache may answer.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) facts: RequestFacts,
    /// All the credentials it has are in its key.
    pub(crate) keyed_authorization: bool,
    pub(crate) directive: Option<Directive>,
    pub(crate) soft_timeout: Option<Duration>,
    /// The key holds a digest of the request's body, which cannot be sent again.
    pub(crate) body_key: bool,
    /// What the key leaves out of the query.
    #[cfg(feature = "no-vary-search")]
    pub(crate) variance: Option<crate::variance::Variance>,
    /// No rule chooses the parameters that count.
    #[cfg(feature = "no-vary-search")]
    pub(crate) whole_query: bool,
    pub(crate) explain: bool,
}

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

/// Reads a request: may the cache answer it at all? If so its key is written to `key`.
#[inline]
pub(crate) fn plan<St, B: Body>(
    shared: &Shared<St>,
    request: &Request<B>,
    key: &mut KeyBuf,
) -> Plan {
    let config = &shared.config;
    let (mut facts, host) =
        RequestFacts::read_with_host(request.method(), request.headers(), &config.credentials);
    let bypass = |detail| Plan::Pass(Report::forwarded(Forward::Bypass).detail(detail));
    let digest = match facts.method {
        MethodClass::Get | MethodClass::Head => None,
        _ => request.extensions().get::<BodyDigest>(),
    };
    if facts.method == MethodClass::Unsafe && digest.is_none() {
        return Plan::Unsafe(facts);
    }
    if facts.method == MethodClass::Safe && digest.is_none() {
        return Plan::Pass(Report::forwarded(Forward::Method));
    }
    let rules = config.rules.plan(request, config.default_cookies());
    if digest.is_some() && !rules.body_key {
        return match facts.method {
            MethodClass::Unsafe => Plan::Unsafe(facts),
            _ => Plan::Pass(Report::forwarded(Forward::Method)),
        };
    }
    if rules.bypass {
        return bypass("rule");
    }
    if rules.ignore_client_control {
        facts.control.drop_demands();
    }
    if facts.cookie && rules.cookies == Cookies::Bypass {
        return bypass("cookie");
    }
    if facts.precondition {
        return bypass("precondition");
    }
    if facts.ambiguous_host || key::has_userinfo(request.uri()) {
        return bypass("host");
    }
    if facts.overridden {
        return bypass("override");
    }
    // A GET with a body means whatever its upstream makes of it; the key would not hold it.
    if digest.is_none() && !request.body().is_end_stream() {
        return bypass("body");
    }
    let keyed_authorization = facts.authorization
        && config
            .credentials
            .are_all_in(request.headers(), rules.key_fields());
    let extensions = request.extensions();
    key::write(key, request, host, &facts, rules.key);
    #[cfg(feature = "no-vary-search")]
    let variance = vary_search(shared, request, &facts, rules.key, key);
    if let Some(digest) = digest {
        key::add_body(key, request, digest);
        // From here on it is a question like any other.
        facts.method = MethodClass::Get;
        facts.range = false;
        facts.conditional = false;
    }
    Plan::Lookup(Wanted {
        soft_timeout: rules.soft_timeout,
        body_key: digest.is_some(),
        #[cfg(feature = "no-vary-search")]
        variance,
        #[cfg(feature = "no-vary-search")]
        whole_query: rules
            .key
            .is_none_or(|spec| spec.query == crate::rule::QueryKey::All),
        facts,
        keyed_authorization,
        directive: extensions.get::<Directive>().copied(),
        explain: config.explain || extensions.get::<Explain>().is_some(),
    })
}

/// Keys a request by what its path has shown of No-Vary-Search, unless a rule chooses the
/// parameters.
#[cfg(feature = "no-vary-search")]
fn vary_search<St, B>(
    shared: &Shared<St>,
    request: &Request<B>,
    facts: &RequestFacts,
    spec: Option<&crate::rule::KeySpec>,
    key: &mut KeyBuf,
) -> Option<crate::variance::Variance> {
    if spec.is_some_and(|spec| spec.query != crate::rule::QueryKey::All) {
        return None;
    }
    let path = crate::invalidate::search_tag(request.uri(), request.headers());
    let variance = shared.variances.get(path)?;
    *key = key::build_by_search(request, facts, spec, &variance);
    Some(variance)
}

/// An exchange the cache only watches.
pub(crate) fn pass<St: Store, B>(
    shared: &Arc<Shared<St>>,
    request: &Request<B>,
    plan: &Plan,
) -> Exchange<St> {
    let explain = shared.config.explain || request.extensions().get::<Explain>().is_some();
    match plan {
        Plan::Pass(report) => Exchange::pass(shared, *report, explain),
        Plan::Unsafe(facts) | Plan::Lookup(Wanted { facts, .. }) => {
            Exchange::unsafe_method(shared, request, facts, explain)
        }
    }
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
    let Some((place, entry)) = variants.place(request.headers()) else {
        return vary_miss(shared, request, wanted, key, &variants);
    };
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
    // §3.5 on the way out: what was stored for one holder of credentials was allowed in
    // only by its own directives, so it may be reused with or without them.
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
    let Some(entry) = variants.at(place) else {
        return Answer::from(gateway_timeout(shared, Forward::UriMiss));
    };
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
