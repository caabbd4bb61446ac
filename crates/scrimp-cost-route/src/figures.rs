//! Figures of a layer, as JSON.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Empty;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower_service::Service;

use crate::{
    Budget, RouteBody,
    config::Shared,
    engine::{Ask, Barred, Health, Terms},
    state::State,
};

/// Service that answers any request with the figures of a layer, as JSON: the amounts spent,
/// and the estimates of each provider.
///
/// The figures contain tenants' names: restrict access to the service.
#[derive(Clone)]
pub struct Figures {
    pub(crate) shared: Arc<Shared>,
}

// === impl Figures ===

impl Figures {
    /// Returns the figures.
    #[must_use]
    pub fn json(&self) -> Value {
        let config = &self.shared.config;
        json!({
            "providers": providers(&self.shared.state, self.shared.now()),
            "quotas": quotas(&self.shared.state, self.shared.now()),
            "stats": self.shared.stats(),
            "prompt_breaks": self.shared.breaks.places(),
            "budgets": config.budget.as_ref().map(Budget::report),
            "retries_left": config.retries.left(),
        })
    }
}

/// Returns the terms of each provider, as an average request sees them.
pub(crate) fn terms(state: &State, now: Instant) -> Vec<Terms> {
    state
        .router
        .terms(now, &Ask::default(), &Barred::default(), |_| None)
}

fn providers(state: &Mutex<State>, now: Instant) -> Vec<Value> {
    let state = state.lock();
    let pairs = state.entries.iter().zip(terms(&state, now));
    pairs
        .map(|(entry, terms)| {
            let health = match terms.health {
                Health::Up => "up",
                Health::Out { .. } => "out",
                Health::HalfOpen => "half-open",
                Health::Ramp { .. } => "ramp",
            };
            json!({
                "name": &*entry.provider.name,
                "health": health,
                "in_flight": terms.in_flight,
                "latency_seconds": terms.estimate.latency.as_secs_f64(),
                "first_byte_seconds": terms.estimate.first_byte.as_secs_f64(),
                "reliability": terms.estimate.reliability,
                "quality": terms.estimate.quality,
                "succeeded": entry.tally.succeeded,
                "failed": entry.tally.failed,
                "cancelled": entry.tally.cancelled,
                "spent": &entry.tally.spent,
            })
        })
        .collect()
}

/// Returns what is known of each quota.
fn quotas(state: &Mutex<State>, now: Instant) -> Vec<Value> {
    let state = state.lock();
    let figures = state.quotas.figures(now).into_iter();
    figures
        .filter_map(|quota| {
            Some(json!({
                "account": &**state.account(quota.account)?,
                "model": quota.model,
                "unit": quota.unit.name(),
                "limit": quota.limit.is_finite().then_some(quota.limit),
                "left": quota.left.is_finite().then_some(quota.left),
            }))
        })
        .collect()
}

impl<B> Service<Request<B>> for Figures {
    type Response = Response<RouteBody<Empty<Bytes>>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(RouteBody::own(Bytes::from(self.json().to_string())));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        ready(Ok(response))
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}
