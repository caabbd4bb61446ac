//! From a request to what the cache is asked.

use std::{sync::Arc, time::Duration};

use http::Request;
use http_body::Body;
use scrimp_core::{
    BodyDigest, KeyBuf,
    extensions::{Directive, Explain},
};

use scrimp_http::{body::Presence, target::has_userinfo};

use crate::{
    cache_status::{Forward, Report},
    entry::Store,
    policy::{
        Mode,
        facts::{MethodClass, RequestFacts},
    },
    request::{key, target::Shown},
    rule::Cookies,
    shared::Shared,
    upstream::exchange::Exchange,
};

/// What the cache has to do with a request, as far as the request alone tells.
pub(crate) enum Plan {
    /// Nothing.
    Pass(Report),
    /// It may change what is stored.
    Unsafe(RequestFacts),
    /// It may be answered from store.
    Lookup(Wanted),
}

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
    pub(crate) variance: Option<crate::request::search::Variance>,
    /// No rule chooses the parameters that count.
    #[cfg(feature = "no-vary-search")]
    pub(crate) whole_query: bool,
    pub(crate) explain: bool,
}

// === impl Wanted ===

impl Wanted {
    /// Returns whether the answer is one caller's: in a shared cache, for a request with
    /// credentials that are not all in its key.
    pub(crate) fn is_personal(&self, mode: Mode) -> bool {
        self.facts.authorization && !self.keyed_authorization && mode == Mode::Shared
    }
}

/// Reads a request: may the cache answer it at all? If so its key is written to `key`.
#[inline]
pub(crate) fn read<St, B: Body>(
    shared: &Shared<St>,
    request: &Request<B>,
    shown: &Shown,
    key: &mut KeyBuf,
) -> Plan {
    let config = &shared.config;
    let (mut facts, host) =
        RequestFacts::read_with_host(request.method(), request.headers(), &config.telling);
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
    if facts.ambiguous_host || has_userinfo(request.uri()) {
        return bypass("host");
    }
    if facts.overridden {
        return bypass("override");
    }
    // A GET with a body means whatever its upstream makes of it; the key would not hold it.
    if digest.is_none() && Presence::of(request) != Presence::Absent {
        return bypass("body");
    }
    let keyed_authorization = facts.authorization
        && config
            .telling
            .credentials
            .are_all_in(request.headers(), rules.key_fields());
    let extensions = request.extensions();
    key::write(key, request, host, &facts, rules.key);
    key::add_rewritten(key, shown);
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
) -> Option<crate::request::search::Variance> {
    if spec.is_some_and(|spec| spec.query != crate::rule::QueryKey::All) {
        return None;
    }
    let path = crate::invalidation::search_tag(request.uri(), request.headers());
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
