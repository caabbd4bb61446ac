//! Handing an answer over to the one who asked.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, Request, Response,
    header::{AGE, CACHE_STATUS},
};
use scrimp_core::{
    Money,
    extensions::{Charge, Directive, Explain, OtherCharges, Shared, Since, Tenant},
};
use scrimp_http::{age, cache_control::RequestControl, method::is_safe};

use crate::{
    body::CoalesceBody, shared::answer::Answer, shared::body::SharedBody, shared::common::Common,
};

/// Who asked, as far as it matters for the answer.
pub(crate) struct Asker {
    /// It is its own request's call.
    pub(crate) leads: bool,
    pub(crate) safe: bool,
    /// The position of a cache outside, if there is one. It reports what has been collapsed,
    /// and keeps one copy.
    pub(crate) since: Option<Since>,
    /// The request asks for verdicts.
    explains: bool,
    tenant: Option<Tenant>,
}

/// How an answer comes to be a caller's.
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
            explains: extensions.get::<Explain>().is_some(),
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
        Self::keeps(request) && !RequestControl::read(request.headers()).wants_fresh()
    }

    /// One response of a shared answer.
    pub(crate) fn deliver<B>(
        &self,
        common: &Common,
        answer: &Arc<Answer>,
        body: SharedBody,
        how: Collapsed,
    ) -> Response<CoalesceBody<B>> {
        let head = &answer.head;
        let mut response = Response::new(CoalesceBody::shared(body));
        *response.status_mut() = head.status;
        *response.version_mut() = head.version;
        *response.headers_mut() = self.fields(common, answer, how);
        let extensions = response.extensions_mut();
        if !head.extensions.is_empty() {
            extensions.clone_from(&head.extensions);
        }
        if how != Collapsed::Led
            && let Some(charge) = extensions.get_mut::<Charge>()
        {
            // The call is paid for by the one who made it.
            charge.0 = Money::zero(charge.0.currency());
            extensions.remove::<OtherCharges>();
        }
        if self.since.is_some() || self.explains {
            extensions.insert(Shared::new(Arc::clone(answer) as _, how != Collapsed::Led));
        }
        response
    }

    /// The head's fields, with a member of Cache-Status where there is something to say and no
    /// cache outside to say it.
    fn fields(&self, common: &Common, answer: &Answer, how: Collapsed) -> HeaderMap {
        let own = &answer.head.headers;
        match (how, &common.config.status) {
            (Collapsed::Joined, Some(status)) if self.since.is_none() => {
                answer.joined(&status.collapsed)
            }
            (Collapsed::Reused, Some(status)) if self.since.is_none() => {
                let mut fields = own.clone();
                fields.append(CACHE_STATUS, status.reused.clone());
                fields
            }
            _ => own.clone(),
        }
    }

    /// Books a call that reached the upstream.
    pub(crate) fn book_made<B>(&self, common: &Common, response: Option<&Response<B>>) {
        if let Some(ledger) = &common.config.ledger {
            let extensions = response.map(Response::extensions);
            let charge = extensions.and_then(|extensions| extensions.get::<Charge>());
            let cost = charge.map_or(common.config.price, |charge| charge.0);
            let tenant = self.tenant.as_ref().map_or("", |tenant| &tenant.0);
            let account = ledger.account("coalesce", tenant, "*", cost.currency());
            account.made(cost);
            if let Some(OtherCharges(others)) = extensions.and_then(|own| own.get()) {
                others.iter().for_each(|amount| account.paid(amount));
            }
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

/// Says how old an answer is by now, on top of what was said of it (RFC 9111 §5.1).
pub(crate) fn add_age(fields: &mut HeaderMap, kept: Duration) {
    let age = age::age(fields).unwrap_or_default().saturating_add(kept);
    fields.insert(AGE, age.as_secs().into());
}
