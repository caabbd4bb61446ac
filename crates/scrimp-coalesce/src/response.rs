//! Responses to a caller: a shared one, or a problem document of the layer itself.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, Request, Response, StatusCode,
    header::{AGE, CACHE_STATUS},
};
use scrimp_core::{
    Account, AccountName, Money, Problem,
    extensions::{
        CalledModel, Charge, CostTags, Directive, Explain, OtherCharges, Refused, Settlement,
        Shared, Since, Tenant,
    },
};
use scrimp_http::{age, cache_control::RequestControl, method::is_safe};

use crate::shared::{
    Common,
    answer::Answer,
    body::{CoalesceBody, ErasedBody},
};

/// Properties of a caller that its response depends on.
pub(crate) struct Asker {
    /// The call was made for this caller's request.
    pub(crate) leads: bool,
    pub(crate) safe: bool,
    /// The position of a cache outside, if there is one. The cache reports collapsed requests
    /// and keeps one stored response.
    pub(crate) since: Option<Since>,
    /// The caller asks for the layers' verdicts.
    explains: bool,
    tenant: Option<Tenant>,
    tags: Option<CostTags>,
}

/// Relation of a response to the request that gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collapsed {
    /// The response was made for this request.
    Led,
    /// The response was made for a concurrent request.
    Joined,
    /// The response was made for an earlier request.
    Reused,
}

/// Reason why a request gets no response of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooManyWaiters,
    TooManyKeys,
    WaitedTooLong,
    /// The call panicked, and no attempts are left.
    Lost,
    /// The first bytes of the body were dropped before this caller read them.
    FellBehind,
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
            tags: extensions.get().cloned(),
        }
    }

    /// Reports whether the response may go into the window: no directive or range was requested.
    pub(crate) fn keeps<B>(request: &Request<B>) -> bool {
        request.extensions().get::<Directive>().is_none()
            && !request.headers().contains_key(http::header::RANGE)
    }

    /// Reports whether the request accepts a response from the window.
    pub(crate) fn takes_recent<B>(request: &Request<B>) -> bool {
        Self::keeps(request) && !RequestControl::read(request.headers()).wants_fresh()
    }

    /// Returns one caller's copy of a shared response.
    pub(crate) fn deliver<B>(
        &self,
        common: &Common,
        answer: &Arc<Answer>,
        body: ErasedBody,
        how: Collapsed,
    ) -> Response<CoalesceBody<B>> {
        let head = &answer.head;
        let mut response = Response::new(CoalesceBody::erased(body));
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
            // Only the request that made the call pays for it.
            charge.0 = Money::zero(charge.0.currency());
            extensions.remove::<OtherCharges>();
            extensions.remove::<Settlement>();
        }
        if self.since.is_some() || self.explains {
            extensions.insert(Shared::new(Arc::clone(answer) as _, how != Collapsed::Led));
        }
        response
    }

    /// Returns the head's fields, with a member of Cache-Status if the response was made for
    /// another request and there is no cache outside that reports it.
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

    /// Books a call that reached the upstream, at the cost that its response reports, when it is
    /// known.
    pub(crate) fn book_made<B>(&self, common: &Common, response: Option<&mut Response<B>>) {
        let price = common.config.price;
        match (
            self.account(common, response.as_deref().map(Response::extensions)),
            response,
        ) {
            (None, _) => {}
            (Some(account), Some(response)) => account.call(response.extensions_mut(), price),
            (Some(account), None) => account.made(price),
        }
    }

    /// Books an avoided call, at the cost of the call that was made, when it is known.
    pub(crate) fn book_avoided(&self, common: &Common, made: Option<&Extensions>) {
        let price = common.config.price;
        match (self.account(common, made), made) {
            (None, _) => {}
            (Some(account), Some(made)) => {
                Settlement::when_known(made, price, move |cost| account.avoided(cost));
            }
            (Some(account), None) => account.avoided(price),
        }
    }

    fn account(&self, common: &Common, made: Option<&Extensions>) -> Option<Account> {
        let ledger = common.config.ledger.as_ref()?;
        if made.is_some_and(Refused::without_call) {
            return None;
        }
        let price = common.config.price;
        let cost = made.map_or(price, |made| Settlement::cost(made, price));
        let tenant = self.tenant.as_ref().map_or("", |tenant| &tenant.0);
        let name = AccountName::new("coalesce", tenant, "*", cost.currency());
        let name = match &self.tags {
            Some(tags) => name.tags(tags),
            None => name,
        };
        Some(ledger.open(match made.and_then(Extensions::get) {
            Some(CalledModel(model)) => name.model(model),
            None => name,
        }))
    }
}

// === impl Refusal ===

impl Refusal {
    /// Returns the problem document.
    pub(crate) fn response(self) -> Response<Bytes> {
        let status = match self {
            Self::Lost => StatusCode::BAD_GATEWAY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let (name, error, detail) = match self {
            Self::TooManyWaiters => (
                "too-many-waiters",
                "connection_limit_reached",
                "Too many requests wait for the same call.",
            ),
            Self::TooManyKeys => (
                "too-many-keys",
                "connection_limit_reached",
                "Too many different calls are in flight.",
            ),
            Self::WaitedTooLong => (
                "waited-too-long",
                "http_response_timeout",
                "The call that the request waited for took too long.",
            ),
            Self::Lost => (
                "lost",
                "proxy_internal_error",
                "The call that the request waited for ended without a response.",
            ),
            Self::FellBehind => (
                "fell-behind",
                "proxy_internal_error",
                "The shared body had gone by before this caller read it.",
            ),
        };
        let problem = Problem::new("coalesce", name, status)
            .error(error)
            .detail(detail);
        match self {
            // The request that made the call may be the one that is refused.
            Self::Lost | Self::FellBehind => problem.response(),
            _ => problem.uncalled().response(),
        }
    }
}

/// Adds the time since a response was stored to its Age (RFC 9111 §5.1).
pub(crate) fn add_age(fields: &mut HeaderMap, kept: Duration) {
    let age = age::age(fields).unwrap_or_default().saturating_add(kept);
    fields.insert(AGE, age.as_secs().into());
}
