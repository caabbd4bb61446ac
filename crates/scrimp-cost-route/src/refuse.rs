//! Answers of the layer's own: problems (RFC 9457).

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use scrimp_core::SettingError;
use scrimp_http::date;
use serde_json::{Map, Value, json};

use crate::{RouteBody, budget::Refusal, engine::NoCandidate, price::since_epoch};

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
    Budget(Box<Refusal>),
    /// The price is not known, and the budget is strict.
    Unpriced,
}

// === impl Refused ===

impl Refused {
    pub(crate) fn response<B: http_body::Body>(self, now: SystemTime) -> Response<RouteBody<B>> {
        let (status, reason, title) = self.terms();
        let mut problem = Map::new();
        problem.insert("type".into(), "about:blank".into());
        problem.insert("title".into(), title.into());
        problem.insert("status".into(), status.as_u16().into());
        problem.insert("reason".into(), reason.into());
        let mut retry_after = None;
        match &self {
            Self::NoCandidate(NoCandidate::NoExchangeRate(missing)) => {
                problem.insert("detail".into(), missing.to_string().into());
            }
            Self::Filters(error) => {
                problem.insert("detail".into(), error.to_string().into());
            }
            _ => {}
        }
        if let Self::Budget(refusal) = &self {
            retry_after = refusal
                .resets
                .map(|at| since_epoch(at).saturating_sub(since_epoch(now)));
            describe(refusal, &mut problem);
        }
        let body = Bytes::from(Value::Object(problem).to_string());
        let mut response = Response::new(RouteBody::own(body.clone()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn terms(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoCandidate(NoCandidate::NoneGoodEnough) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "none-good-enough",
                "no provider passes the filters",
            ),
            Self::NoCandidate(NoCandidate::NoneLeft) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "none-left",
                "no provider has room for the request",
            ),
            Self::NoCandidate(NoCandidate::NoExchangeRate(_)) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "no-exchange-rate",
                "the request's limit on the price is in a currency that prices cannot be \
                 compared with",
            ),
            Self::Filters(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "filters",
                "the request's own filters cannot be used",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "timed-out",
                "the provider did not answer in time",
            ),
            Self::BodyBroke => (
                StatusCode::BAD_REQUEST,
                "request-body",
                "the request's body broke off",
            ),
            Self::UriTooLong => (
                StatusCode::URI_TOO_LONG,
                "uri-too-long",
                "the request's URI is too long with the provider's path before it",
            ),
            Self::TooManyFields => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "too-many-fields",
                "the request has too many header fields to add the provider's",
            ),
            Self::Budget(refusal) => (refusal.status, "budget", "a spending cap is used up"),
            Self::Unpriced => (
                StatusCode::PAYMENT_REQUIRED,
                "unpriced",
                "what the call would cost is not known, and the budget is strict",
            ),
        }
    }
}

/// Adds which cap refused, how much of it is used, and when it starts anew.
fn describe(refusal: &Refusal, problem: &mut Map<String, Value>) {
    let detail = format!(
        "cap {:?}: {} of {} spent or reserved",
        refusal.cap, refusal.used, refusal.limit
    );
    problem.insert("detail".into(), detail.into());
    problem.insert("cap".into(), (*refusal.cap).into());
    problem.insert("limit".into(), refusal.limit.to_string().into());
    problem.insert("used".into(), refusal.used.to_string().into());
    // A date that HTTP cannot write is left out.
    let resets = refusal.resets.and_then(date::format);
    let resets = resets
        .as_ref()
        .map(|resets| resets.to_str().expect("a date is ASCII"));
    problem.insert("resets".into(), json!(resets));
}
