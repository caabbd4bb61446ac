//! Stale responses, and an operator's own, in place of failures.

use std::sync::Arc;

use http::{Response, StatusCode};
use scrimp_core::extensions::CacheState;

use super::fetch::Fetch;
use crate::{
    body::{CacheBody, StoredBody},
    cache_status::{Report, ttl_seconds},
    entry::{Entry, Store},
    invalidation::epoch::Epoch,
    lookup::answer::{self, Asked},
    policy::judge::{self, Standing},
    shared::Shared,
    upstream::exchange::label,
};

/// What a stale response stands in for.
#[derive(Clone, Copy)]
pub(super) enum Failure {
    /// No response came.
    Unreachable,
    /// None has come yet.
    Slow,
    /// An error response came.
    Status(StatusCode),
}

impl Fetch {
    /// A stale response in place of a failure, where that is allowed.
    pub(super) fn stand_in<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
        failure: Failure,
    ) -> Option<Response<CacheBody<B>>> {
        let entry = self.stored.as_ref()?;
        if shared.epochs.check(&entry.birth) == Epoch::Gone {
            return None;
        }
        let standing = Standing::new(&entry.policy, shared.config.clock.instant());
        let unreachable = !matches!(failure, Failure::Status(_));
        if !judge::may_stand_in(&self.facts.control, &entry.policy, standing, unreachable) {
            return None;
        }
        let report = Report {
            forward_status: match failure {
                Failure::Status(status) => Some(status),
                Failure::Unreachable | Failure::Slow => None,
            },
            ttl: Some(ttl_seconds(standing.ttl(), standing.staleness())),
            ..Report::forwarded(self.reason)
        };
        let report = report.detail(match failure {
            Failure::Unreachable => "unreachable",
            Failure::Slow => "soft-timeout",
            Failure::Status(_) => "stale-if-error",
        });
        Some(self.answer(shared, entry, standing, report, CacheState::Stale))
    }

    /// The operator's answer in place of a failure that nothing stored can stand in for.
    pub(super) fn fall_back<St: Store, B>(
        &self,
        shared: &Shared<St>,
        failed: Option<StatusCode>,
    ) -> Option<Response<CacheBody<B>>> {
        let fallback = shared.config.fallback.as_ref()?;
        let mut response = (fallback.0)(&self.request, failed)?;
        let report = Report {
            forward_status: failed,
            ..Report::forwarded(self.reason)
        };
        label(shared, response.headers_mut(), report.detail("fallback"));
        Some(response.map(|body| CacheBody::stored(StoredBody::new(body, None))))
    }

    /// The stored response, because the upstream takes too long.
    pub(crate) fn stand_in_for_slow<St: Store, B>(
        &self,
        shared: &Arc<Shared<St>>,
    ) -> Option<Response<CacheBody<B>>> {
        self.stand_in(shared, Failure::Slow)
    }

    /// Answers the client from a stored response.
    pub(super) fn answer<St: Store, B>(
        &self,
        shared: &Shared<St>,
        entry: &Entry,
        standing: Standing,
        report: Report,
        state: CacheState,
    ) -> Response<CacheBody<B>> {
        let asked = Asked {
            headers: self.request.headers(),
            facts: &self.facts,
        };
        let status = report.value(&shared.config.name, entry.upstream_status.as_ref());
        let mut response = answer::build(entry, &asked, standing, status);
        if state == CacheState::Revalidated {
            shared.counters.revalidated.add();
        } else {
            shared.counters.stale.add();
        }
        if self.explain {
            let info = answer::info(Some(entry), standing, state);
            response.extensions_mut().insert(info);
        }
        response.map(CacheBody::stored)
    }
}
