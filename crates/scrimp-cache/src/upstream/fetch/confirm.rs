//! Responses that update a stored one (RFC 9111 §4.3.4, §4.3.5).

use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode, header};
use scrimp_core::extensions::CacheState;

use super::{Fetch, put};
use crate::{
    body::CacheBody,
    cache_status::{Report, ttl_seconds},
    entry::{Entry, PendingEntry, Previous, Store},
    invalidation::epoch::Epoch,
    policy::{judge::Freshness, merge, refusal::Refusal, storable::blames_request},
    shared::Shared,
};

impl Fetch {
    /// Handles a confirmation of the stored response (RFC 9111 §4.3.4).
    pub(super) fn confirmed<St: Store, B, C>(
        self: Box<Self>,
        shared: &Arc<Shared<St>>,
        stored: &Arc<Entry>,
        response: &Response<C>,
    ) -> Response<CacheBody<B>> {
        if self.is_comparison()
            && let Some(monitor) = &shared.monitor
        {
            monitor.note(None);
        }
        let renewed = match self.private {
            // The fields of one visitor's response update nothing.
            true => Err(Refusal::PrivateIf),
            false => self.renew(shared, stored, response.headers(), true),
        };
        let refusal = renewed.as_ref().err().copied();
        let entry = match renewed {
            Ok(entry) => {
                let entry = Arc::new(entry);
                put(shared, self.call.place(), Arc::clone(&entry), None);
                entry
            }
            Err(refusal) => {
                shared.counters.not_stored.count(refusal);
                if !self.private {
                    shared.store.remove(self.call.key().as_ref(), Some(stored));
                }
                Arc::clone(stored)
            }
        };
        let freshness = Freshness::new(&entry.policy, shared.config.clock.instant());
        let report = Report {
            forward_status: Some(StatusCode::NOT_MODIFIED),
            ttl: Some(ttl_seconds(freshness)),
            stored: refusal.is_none(),
            detail: refusal.map(Refusal::word),
            ..Report::forwarded(self.reason)
        };
        self.answer(shared, &entry, freshness, report, CacheState::Revalidated)
    }

    /// Returns the stored response, updated with the fields of a new one. If a validator `identified` it, it is
    /// known not to have changed.
    ///
    /// A 304 whose strong validator differs from the one sent contradicts itself: only one
    /// condition was sent, and only that can be true. The stored response counts as confirmed and
    /// keeps its own validator.
    pub(super) fn renew<St: Store>(
        &self,
        shared: &Shared<St>,
        stored: &Arc<Entry>,
        fresh: &HeaderMap,
        identified: bool,
    ) -> Result<Entry, Refusal> {
        let mut head = Response::new(());
        *head.status_mut() = stored.status;
        *head.version_mut() = stored.version;
        *head.headers_mut() = stored.headers();
        *head.extensions_mut() = stored.extensions().cloned().unwrap_or_default();
        merge::update(head.headers_mut(), fresh);
        head.headers_mut().remove(header::CACHE_STATUS);
        for line in fresh.get_all(header::CACHE_STATUS) {
            head.headers_mut()
                .append(header::CACHE_STATUS, line.clone());
        }
        let (config, call) = (&shared.config, &self.call);
        let seen = identified.then(|| call.observation(stored, false));
        let pending = PendingEntry::new(config, &shared.variances, call, &head, seen)?;
        let whole = (stored.body.clone(), stored.trailers().cloned());
        pending.finish(config, call, &Previous::Confirmed(stored), whole)
    }

    /// Handles a response to HEAD. It is never stored itself. It updates the stored response to
    /// GET, or shows that it is outdated (RFC 9111 §4.3.5).
    pub(super) fn head<St: Store, B>(
        mut self: Box<Self>,
        shared: &Arc<Shared<St>>,
        response: Response<B>,
    ) -> Response<CacheBody<B>> {
        let mut updated = false;
        let status = response.status();
        let spoils = self.spoils(shared, status);
        if spoils {
            self.refuse(status);
        }
        if let Some(stored) = &self.stored
            && !self.private
        {
            let length = stored.body.len() as u64;
            if status == stored.status
                && merge::head_agrees(&stored.headers(), response.headers(), length)
            {
                // Fields alone must not make an invalidated response fresh, nor give an old body a
                // new version: that takes a validator.
                let identified = merge::head_identifies(response.headers());
                if (identified || shared.epochs.check(&stored.validity) == Epoch::Valid)
                    && let Ok(entry) = self.renew(shared, stored, response.headers(), identified)
                    && (identified
                        || entry.validity.carried().versions()
                            == stored.validity.carried().versions())
                {
                    put(shared, self.call.place(), Arc::new(entry), None);
                    updated = true;
                }
            } else if !spoils && !status.is_server_error() && !blames_request(status) {
                shared.store.remove(self.call.key().as_ref(), Some(stored));
            }
        }
        let report = Report {
            stored: updated,
            ..Report::forwarded(self.reason)
        };
        self.pass(shared, response, report)
    }
}
