//! Responses of the layer's own: problem documents.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use scrimp_core::{
    Problem, SettingError,
    extensions::{Apart, RefusedTenants, Tenant},
};
use scrimp_http::date;

use crate::{budget::Refusal, engine::NoCandidate, price::since_epoch};

/// Reason for which a request gets no provider's answer.
#[derive(Debug)]
pub(crate) enum Refused {
    NoCandidate(NoCandidate),
    /// The request's own filters cannot be used.
    Filters(SettingError),
    TimedOut,
    BodyBroke,
    /// The URI is too long with the provider's path before it.
    UriTooLong,
    /// The request has no room for the provider's header fields.
    TooManyFields,
    /// The quotas of all providers are used up. There is room for the request after this time.
    Quota(Duration),
    Budget(Box<Refusal>),
    /// Some of the tenants that share the request have used up a cap, or all. There is at least one.
    Tenants(Vec<(Tenant, Box<Refusal>)>),
    /// The price is not known, and a cap counts the call.
    Unpriced,
    /// The requests that it carries are for different models or routes.
    Mixed,
}

// === impl Refused ===

impl Refused {
    /// Returns the problem document, after a call of a provider or without one.
    pub(crate) fn response(&self, now: SystemTime, is_called: bool) -> Response<Bytes> {
        let (status, name) = self.terms();
        let problem = Problem::new("cost-route", name, status)
            .error(self.error())
            .detail(self.detail());
        let problem = match is_called {
            true => problem,
            false => problem.uncalled(),
        };
        match self {
            Self::Budget(refusal) => describe(refusal, problem, now).response(),
            Self::Tenants(refused) => {
                let each = refused
                    .iter()
                    .map(|(tenant, refusal)| (tenant.clone(), used_up(refusal, now)));
                let each: RefusedTenants = each.collect();
                let mut response = problem.response();
                response.extensions_mut().insert(each);
                response
            }
            Self::Quota(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                problem.retry_after(Some(seconds)).response()
            }
            Self::Mixed => {
                let mut response = problem.response();
                response.extensions_mut().insert(Apart);
                response
            }
            _ => problem.response(),
        }
    }

    fn terms(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoCandidate(NoCandidate::NoneGoodEnough) => {
                (StatusCode::SERVICE_UNAVAILABLE, "none-good-enough")
            }
            Self::NoCandidate(NoCandidate::NoneLeft) => {
                (StatusCode::SERVICE_UNAVAILABLE, "none-left")
            }
            Self::NoCandidate(NoCandidate::NoExchangeRate(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "no-exchange-rate")
            }
            Self::Filters(_) => (StatusCode::INTERNAL_SERVER_ERROR, "filters"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed-out"),
            Self::BodyBroke => (StatusCode::BAD_REQUEST, "request-body"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri-too-long"),
            Self::TooManyFields => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "too-many-fields",
            ),
            Self::Quota(_) => (StatusCode::TOO_MANY_REQUESTS, "quota"),
            Self::Budget(refusal) => (refusal.status, "budget"),
            Self::Tenants(refused) => {
                let (_, first) = refused.first().expect("there is at least one");
                (first.status, "tenants")
            }
            Self::Unpriced => (StatusCode::PAYMENT_REQUIRED, "unpriced"),
            Self::Mixed => (StatusCode::SERVICE_UNAVAILABLE, "mixed"),
        }
    }

    /// Returns the error type of Proxy-Status (RFC 9209 §2.3).
    fn error(&self) -> &'static str {
        match self {
            Self::Mixed
            | Self::NoCandidate(NoCandidate::NoneGoodEnough | NoCandidate::NoneLeft) => {
                "destination_unavailable"
            }
            Self::NoCandidate(NoCandidate::NoExchangeRate(_)) | Self::Filters(_) => {
                "proxy_configuration_error"
            }
            Self::TimedOut => "http_response_timeout",
            Self::BodyBroke | Self::UriTooLong | Self::TooManyFields => "http_request_error",
            Self::Quota(_) | Self::Budget(_) | Self::Tenants(_) | Self::Unpriced => {
                "http_request_denied"
            }
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::NoCandidate(NoCandidate::NoneGoodEnough) => {
                "No provider passes the filters.".into()
            }
            Self::NoCandidate(NoCandidate::NoneLeft) => {
                "No provider has room for the request.".into()
            }
            Self::NoCandidate(NoCandidate::NoExchangeRate(missing)) => format!(
                "The request's limit on the price is in a currency that prices cannot be compared \
                 with: {missing}"
            )
            .into(),
            Self::Filters(error) => {
                format!("The request's own filters cannot be used: {error}").into()
            }
            Self::TimedOut => "The provider did not answer in time.".into(),
            Self::BodyBroke => "The request's body broke off.".into(),
            Self::UriTooLong => {
                "The request's URI is too long with the provider's path before it.".into()
            }
            Self::TooManyFields => {
                "The request has too many header fields to add the provider's.".into()
            }
            Self::Quota(_) => "The quotas of all providers are used up.".into(),
            Self::Budget(refusal) => of_cap(refusal).into(),
            Self::Tenants(refused) => format!(
                "Spending caps are used up for {} of the tenants that share the request. Their \
                 names, and why, are told to the sender only.",
                refused.len()
            )
            .into(),
            Self::Mixed => {
                "The requests that it carries are for different models or routes.".into()
            }
            Self::Unpriced => {
                "The price of the call is not known, so a spending cap could not hold.".into()
            }
        }
    }
}

fn of_cap(refusal: &Refusal) -> String {
    format!(
        "A spending cap is used up: cap {:?}: {} of {} spent or reserved",
        refusal.cap, refusal.used, refusal.limit
    )
}

/// Returns the refusal of one tenant, as it would be of a request of its own.
fn used_up(refusal: &Refusal, now: SystemTime) -> Problem {
    let problem = Problem::new("cost-route", "budget", refusal.status)
        .error("http_request_denied")
        .uncalled()
        .detail(of_cap(refusal));
    describe(refusal, problem, now)
}

/// Adds the cap that refused, its used part, and the time at which it resets.
fn describe(refusal: &Refusal, problem: Problem, now: SystemTime) -> Problem {
    let problem = problem
        .member("cap", &*refusal.cap)
        .member("limit", refusal.limit.to_string())
        .member("used", refusal.used.to_string());
    let Some(resets) = refusal.resets else {
        return problem;
    };
    let seconds = since_epoch(resets).saturating_sub(since_epoch(now));
    let problem = problem.retry_after(Some(seconds));
    // A date that HTTP cannot write is left out.
    match date::format(resets) {
        None => problem,
        Some(date) => problem.member("resets", date.to_str().expect("a date is ASCII")),
    }
}
