//! Handing an answer over to the one who asked.

use std::sync::Arc;

use http::{HeaderName, Request, Response};
use scrimp_core::{
    Money,
    extensions::{Charge, Directive, Shared, Since, Tenant},
};

use crate::{body::CoalesceBody, config::Common, judge::wants_fresh, key::is_safe, reader::Reader};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Who asked, as far as it matters for the answer.
pub(crate) struct Asker {
    /// It is its own request's call.
    pub(crate) leads: bool,
    pub(crate) safe: bool,
    /// The position of a cache outside, if there is one. It reports what has been collapsed,
    /// and keeps one copy.
    pub(crate) since: Option<Since>,
    tenant: Option<Tenant>,
}

/// How an answer comes to be somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collapsed {
    /// It was made for this one.
    Led,
    /// It was made for another, who asked at the same time.
    Joined,
    /// It was made for another, a while ago.
    Reused,
}

// === impl Asker ===

impl Asker {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let extensions = request.extensions();
        Self {
            leads: false,
            safe: is_safe(request.method()),
            since: extensions.get().copied(),
            tenant: extensions.get::<Tenant>().cloned(),
        }
    }

    /// Whether the answer may be put into the window: not if it was asked for in a special way.
    pub(crate) fn keeps<B>(request: &Request<B>) -> bool {
        request.extensions().get::<Directive>().is_none()
            && !request.headers().contains_key(http::header::RANGE)
    }

    /// Whether an answer from the window will do.
    pub(crate) fn takes_recent<B>(request: &Request<B>) -> bool {
        Self::keeps(request) && !wants_fresh(request.headers())
    }

    /// One response of a shared answer.
    pub(crate) fn deliver<B>(
        &self,
        common: &Arc<Common>,
        reader: Reader,
        how: Collapsed,
    ) -> Response<CoalesceBody<B>> {
        let stream = Arc::clone(reader.stream());
        let mut response = Response::from_parts(stream.head.clone(), CoalesceBody::shared(reader));
        if how != Collapsed::Led {
            self.label(common, &mut response, how);
        }
        if self.since.is_some() || how != Collapsed::Led {
            let shared = Shared::new(stream, how != Collapsed::Led);
            response.extensions_mut().insert(shared);
        }
        response
    }

    fn label<B>(&self, common: &Arc<Common>, response: &mut Response<B>, how: Collapsed) {
        // The call is paid for by the one who made it.
        if let Some(charge) = response.extensions_mut().get_mut::<Charge>() {
            charge.0 = Money::from_pico(0, charge.0.currency());
        }
        if let Some(status) = &common.config.status
            && self.since.is_none()
        {
            let value = match how {
                Collapsed::Reused => status.reused.clone(),
                Collapsed::Led | Collapsed::Joined => status.collapsed.clone(),
            };
            response.headers_mut().append(CACHE_STATUS, value);
        }
    }

    /// Books a call that reached the upstream.
    pub(crate) fn book_made<B>(&self, common: &Common, response: Option<&Response<B>>) {
        if let Some(ledger) = &common.config.ledger {
            let charge = response.and_then(|response| response.extensions().get::<Charge>());
            let cost = charge.map_or(common.config.price, |charge| charge.0);
            let tenant = self.tenant.as_ref().map_or("", |tenant| &tenant.0);
            ledger
                .account("coalesce", tenant, "*", cost.currency())
                .made(cost);
        }
    }

    /// Books one that did not have to be made, at the price that was paid for the other.
    pub(crate) fn book_avoided(&self, common: &Common, charge: Option<Charge>) {
        if let Some(ledger) = &common.config.ledger {
            let cost = charge.map_or(common.config.price, |charge| charge.0);
            let tenant = self.tenant.as_ref().map_or("", |tenant| &tenant.0);
            ledger
                .account("coalesce", tenant, "*", cost.currency())
                .avoided(cost);
        }
    }
}
