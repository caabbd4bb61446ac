//! The choice of a stored response for a request, and the answer.

mod answer;
mod hit;
mod late;

use std::sync::Arc;

use http::Request;
use scrimp_core::{KeyRef, extensions::Directive};

use crate::{
    cache_status::Forward,
    entry::{Entry, Refreshing, Store, Variants},
    invalidation::epoch::Epoch,
    policy::judge::{Freshness, Verdict, judge, may_stand_in},
    request::LookupRequest,
    shared::Shared,
};

pub(crate) use answer::from_entry;
pub(crate) use hit::{Answer, Found};
pub(crate) use late::LateLookup;

/// Decision on a request, once the stored responses are known.
pub(crate) enum Decision {
    /// The store answers the request.
    Answer(Found),
    /// The store answers the request, and the response is refreshed in the background.
    AnswerAndRefresh(Found, Refreshing),
    /// The request goes to the upstream.
    Call(Miss),
    /// The request may only be answered from the store, which is not possible.
    Refuse(Forward),
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
}

// === impl Miss ===

impl Miss {
    pub(crate) fn new(reason: Forward) -> Self {
        Self {
            reason,
            stored: None,
            variants: None,
            refreshing: None,
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
    found: Option<Arc<Variants>>,
) -> Decision {
    let decision = match found {
        None => Decision::Call(Miss::new(Forward::UriMiss)),
        Some(variants) => choose(shared, request, asked, key, variants),
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
) -> Decision {
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
        shared.store.remove(key, Some(entry));
        return Decision::Call(Miss::new(Forward::UriMiss));
    }
    let control = &asked.facts.control;
    let freshness = Freshness::new(&entry.policy, shared.config.clock.instant());
    let verdict = match asked.directive {
        Some(Directive::RefreshNow) => Verdict::Validate,
        _ => judge(control, &entry.policy, freshness, epoch == Epoch::Stale),
    };
    let reason = match verdict {
        Verdict::Fresh | Verdict::Stale => {
            return Decision::Answer(Found::new(variants, place, freshness));
        }
        Verdict::StaleWhileRevalidate if !asked.body_key => {
            // The upstream refuses a refresh. Without this caller's credentials, it will again.
            let in_vain = entry.was_refused() && asked.has_credentials(shared.config.mode);
            let refreshing = (!in_vain).then(|| entry.begin_refresh()).flatten();
            let found = Found::new(variants, place, freshness);
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
        return Decision::Answer(Found::new(variants, place, freshness));
    }
    Decision::Call(miss)
}
