//! The choice of storing a response while it is passed on.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use scrimp_core::extensions::{self, CacheState};
use scrimp_http::{body::announced_length, coding::is_coded, status::is_passing, vary};

use super::{Fetch, put};
use crate::{
    body::CacheBody,
    cache_status::{Report, ttl_seconds},
    entry::{BodyCollector, Collected, Ends, PendingEntry, Previous, Store, lend},
    invalidation::epoch::Epoch,
    policy::{judge::Freshness, refusal::Refusal, storable::blames_request},
    shared::Shared,
    upstream::exchange::{label_miss, refused},
};

impl Fetch {
    pub(super) fn store_or_pass<St: Store, B>(
        mut self: Box<Self>,
        shared: &Arc<Shared<St>>,
        response: Response<B>,
    ) -> Response<CacheBody<B>>
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = response.into_parts();
        let mut head = Response::from_parts(parts, ());
        let spoils = self.spoils(shared, head.status());
        if spoils {
            self.refuse(head.status());
        }
        let accepted = match spoils {
            true => Err(Refusal::Status),
            false => self.accept(shared, &head, &body),
        };
        let (pending, announced) = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => {
                let response = head.map(|()| body);
                if self.refused_as_always(refusal, &response) {
                    let hash = self.call.key().as_ref().hash_value();
                    shared.predictor.note(hash);
                }
                if !spoils {
                    self.forget_replaced(shared, response.status());
                }
                let report = refused(shared, self.reason, refusal);
                return self.pass(shared, response, report);
            }
        };
        let report = Report {
            ttl: Some(ttl_seconds(pending.freshness())),
            stored: true,
            ..Report::forwarded(self.reason)
        };
        label_miss(shared, &mut head, report);
        if self.call.asked().explain {
            let info = pending.info(CacheState::Miss);
            head.extensions_mut().insert(info);
        }
        let answer = head.extensions().get::<extensions::Shared>().cloned();
        let collector = self.collector(shared, pending, announced, answer);
        head.map(|()| CacheBody::kept(body, collector))
    }

    /// Decides whether a response is collected to be stored. Also returns the announced length of its body.
    fn accept<St: Store, B: Body>(
        &self,
        shared: &Shared<St>,
        head: &Response<()>,
        body: &B,
    ) -> Result<(Box<PendingEntry>, Option<u64>), Refusal> {
        if self.private {
            return Err(Refusal::PrivateIf);
        }
        let pending = PendingEntry::new(&shared.config, &shared.variances, &self.call, head, None)?;
        let limit = shared.store.max_body().min(pending.max_body());
        let announced = announced_length(head.headers()).or_else(|| body.size_hint().exact());
        match announced {
            Some(length) if length > limit => Err(Refusal::TooLarge),
            _ => Ok((pending, announced)),
        }
    }

    /// Returns whether the next response will be refused for the same reason: due to this
    /// response, not its request, whichever request fields select it. A content coding decides
    /// on streams of events only, other fields may on any response. A failure does not predict the next
    /// response.
    fn refused_as_always<B>(&self, refusal: Refusal, response: &Response<B>) -> bool {
        let by_answer = match refusal {
            Refusal::NoStore => !self.call.asked().facts.control.no_store,
            Refusal::NoCache | Refusal::Private | Refusal::SetCookie | Refusal::NotCacheable => {
                true
            }
            // Events may be stored, but not those in a content coding.
            Refusal::EventStream => !is_coded(response.headers()),
            _ => false,
        };
        by_answer
            && !response.status().is_server_error()
            && self.stored.is_none()
            && selects_a_coding_only(response.headers())
    }

    /// Returns whether a response must not replace the stored one.
    pub(super) fn spoils<St: Store>(&self, shared: &Shared<St>, status: StatusCode) -> bool {
        self.stored.as_ref().is_some_and(|stored| {
            let epoch = shared.epochs.check(&stored.validity);
            match self.background {
                true => {
                    let stripped = self.call.asked().stripped;
                    epoch != Epoch::Gone && spoils_behind(stored.status, status, stripped)
                }
                false => {
                    epoch == Epoch::Valid
                        && spoils_fresh(stored.status, status)
                        && Freshness::new(&stored.policy, shared.config.clock.instant()).is_fresh()
                }
            }
        })
    }

    /// Notes that the upstream refuses a request that no caller waits for.
    pub(super) fn refuse(&mut self, status: StatusCode) {
        if self.background
            && !is_passing(status)
            && let Some(refreshing) = &mut self.refreshing
        {
            refreshing.refuse();
        }
    }

    /// Removes a stored response that an unstorable full response has replaced. An error does not
    /// replace it, nor does a response to one visitor.
    fn forget_replaced<St: Store>(&self, shared: &Shared<St>, status: StatusCode) {
        if let Some(stored) = &self.stored
            && !self.private
            && !status.is_server_error()
            && !blames_request(status)
            && status != StatusCode::PARTIAL_CONTENT
            && status != StatusCode::NOT_MODIFIED
        {
            shared.store.remove(self.call.key().as_ref(), Some(stored));
        }
    }

    fn collector<St: Store>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        mut pending: Box<PendingEntry>,
        announced: Option<u64>,
        answer: Option<extensions::Shared>,
    ) -> BodyCollector {
        let held = shared.store.budget().hold();
        let limit = shared.store.max_body().min(pending.max_body());
        let ends = Ends {
            announced,
            pieces: pending.pieces().cloned(),
        };
        let shared = Arc::clone(shared);
        // Of several readers of a shared response, one collects the body. The first to read it to
        // its end stores it, which may be another.
        let standby = answer.as_ref().filter(|answer| !answer.keep()).cloned();
        let keeper = answer.filter(|_| standby.is_none());
        let commit = move |collected: Result<Collected, Refusal>| {
            let Collected {
                body,
                trailers,
                held,
            } = match collected {
                Ok(collected) => collected,
                // Another reader of a shared response may still store it.
                Err(_) if keeper.is_some() => return,
                Err(refusal) => return shared.counters.not_stored.count(refusal),
            };
            if keeper.is_some_and(|answer| !answer.commit()) {
                return;
            }
            let Self {
                call,
                stored,
                refreshing,
                ..
            } = *self;
            if let (Some(monitor), Some(refreshing), Some(old)) =
                (&shared.monitor, &refreshing, &stored)
                && refreshing.is_comparison()
                && shared.epochs.check(&old.validity) == Epoch::Valid
            {
                let differs = old.body != body;
                monitor.note(differs.then(|| old.age_of_call(shared.config.clock.instant())));
            }
            // A change that an invalidation has announced is no risk of a lifetime.
            if let Some(old) = &stored
                && shared.epochs.check(&old.validity) == Epoch::Valid
            {
                let seen = call.observation(old, old.body != body);
                pending.learn(&shared.config, &call, seen);
            }
            let Some(body) = lend(body, shared.store.bodies()) else {
                shared.counters.rejected.increment();
                return;
            };
            let previous = Previous::Replaced(stored.as_deref());
            match pending.finish(&shared.config, &call, &previous, (body, trailers)) {
                Ok(entry) => put(&shared, call.into_place(), Arc::new(entry), Some(held)),
                Err(refusal) => {
                    shared.counters.not_stored.count(refusal);
                    tracing::debug!(reason = refusal.word(), "not stored after all");
                }
            }
            // The place for a refresh is only released now.
            drop(refreshing);
        };
        BodyCollector::new(standby, held, limit, ends, commit)
    }
}

/// Returns whether Vary names nothing but Accept-Encoding.
fn selects_a_coding_only(response: &HeaderMap) -> bool {
    let mut lines = response.get_all(header::VARY).iter();
    lines.all(|line| {
        let mut names = vary::line_fields(line);
        vary::is_accept_encoding(line) || names.all(|name| name == Some(header::ACCEPT_ENCODING))
    })
}

/// Returns whether a failure, or an error about this one request, would replace a response that is
/// still fresh. Any client can ask for a validation, and may be able to provoke a failure.
fn spoils_fresh(stored: StatusCode, status: StatusCode) -> bool {
    let failed = |status: StatusCode| status.is_server_error() || blames_request(status);
    failed(status) && !failed(stored)
}

/// Returns whether the response to a call that no caller waits for would replace a better one.
///
/// Any error may be about the one request that the call copies. If it was `stripped` of its
/// credentials, so may be a redirect: to a login page. A caller who waits for the upstream gets
/// what it says.
fn spoils_behind(stored: StatusCode, status: StatusCode, stripped: bool) -> bool {
    let failed = |status: StatusCode| status.is_client_error() || status.is_server_error();
    !failed(stored) && failed(status) || stripped && stored.is_success() && status.is_redirection()
}
