//! Stale responses, and the operator's own, in place of failures.

use std::sync::Arc;

use http::{Response, StatusCode};
use scrimp_core::extensions::CacheState;

use super::Fetch;
use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{Report, ttl_seconds},
    entry::{Entry, Store},
    invalidation::epoch::Epoch,
    lookup::from_entry,
    policy::judge::{self, Freshness},
    shared::Shared,
    upstream::exchange::label,
};

/// The failure that a stale response replaces.
#[derive(Clone, Copy)]
pub(super) enum Failure {
    /// No response came.
    Unreachable,
    /// No response has come yet.
    Slow,
    /// No response came before the caller's deadline.
    Late,
    /// An error response came.
    Status(StatusCode),
}

impl Fetch {
    /// Returns a stale response in place of a failure, if that is allowed.
    pub(super) fn stand_in<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
        failure: Failure,
    ) -> Option<Response<CacheBody<B>>> {
        let entry = self.stored.as_ref()?;
        if shared.epochs.check(&entry.validity) >= Epoch::Doubtful {
            return None;
        }
        let freshness = Freshness::new(&entry.policy, shared.config.clock.instant());
        // A caller without patience does not show that the upstream is down.
        let unreachable = matches!(failure, Failure::Unreachable | Failure::Slow);
        if !judge::may_stand_in(
            &self.call.asked().facts.control,
            &entry.policy,
            freshness,
            unreachable,
        ) {
            return None;
        }
        let report = Report {
            forward_status: match failure {
                Failure::Status(status) => Some(status),
                Failure::Unreachable | Failure::Slow | Failure::Late => None,
            },
            ttl: Some(ttl_seconds(freshness)),
            ..Report::forwarded(self.reason)
        };
        let report = report.detail(match failure {
            Failure::Unreachable => "unreachable",
            Failure::Slow => "soft-timeout",
            Failure::Late => "deadline",
            Failure::Status(_) => "stale-if-error",
        });
        Some(self.answer(shared, entry, freshness, report, CacheState::Stale))
    }

    /// Returns the operator's response to a failure that no stored response can replace.
    pub(super) fn fall_back<St: Store, B>(
        &self,
        shared: &Shared<St>,
        failed: Option<StatusCode>,
    ) -> Option<Response<CacheBody<B>>> {
        let fallback = shared.config.fallback.as_ref()?;
        let mut response = (fallback.0)(self.call.request(), failed)?;
        let report = Report {
            forward_status: failed,
            ..Report::forwarded(self.reason)
        };
        label(shared, response.headers_mut(), report.detail("fallback"));
        Some(response.map(|body| CacheBody::stored(StoredBody::new(body))))
    }

    /// Returns the stored response, because the upstream takes too long.
    pub(in crate::upstream) fn stand_in_for_slow<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
    ) -> Option<Response<CacheBody<B>>> {
        self.stand_in(shared, Failure::Slow)
    }

    /// Returns the stored response, because the caller's deadline has passed.
    pub(in crate::upstream) fn stand_in_for_late<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
    ) -> Option<Response<CacheBody<B>>> {
        self.stand_in(shared, Failure::Late)
    }

    /// Answers the client from a stored response.
    pub(super) fn answer<St: Store, B>(
        &self,
        shared: &Shared<St>,
        entry: &Entry,
        freshness: Freshness,
        report: Report,
        state: CacheState,
    ) -> Response<CacheBody<B>> {
        let asked = self.call.asked();
        let request = (self.call.request().headers(), &asked.facts);
        let status = report.value(&shared.config.name, entry.upstream_status());
        let mut response = from_entry(entry, request, freshness, status);
        if state == CacheState::Revalidated {
            shared.counters.revalidated.increment();
        } else {
            shared.counters.stale.increment();
        }
        if asked.explain {
            let info = entry.info(state, freshness);
            response.extensions_mut().insert(info);
        }
        if asked.tells_tags {
            response.extensions_mut().insert(entry.told());
        }
        response.map(CacheBody::stored)
    }
}
