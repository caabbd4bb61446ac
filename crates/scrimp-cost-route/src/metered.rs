//! Metrics, through the `metrics` facade. Without that feature nothing is recorded.

use scrimp_core::Money;

use crate::engine::Outcome;

/// Counts a call that has ended.
#[cfg(feature = "metrics")]
pub(crate) fn call(provider: &str, outcome: Outcome, cost: Option<Money>) {
    let outcome = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed { .. } => "failed",
        Outcome::Cancelled => "cancelled",
    };
    let name = provider.to_owned();
    metrics::counter!("scrimp_route_calls_total", "provider" => name.clone(), "outcome" => outcome)
        .increment(1);
    if let Some(cost) = cost {
        let currency = cost.currency().code().to_owned();
        metrics::histogram!("scrimp_route_cost", "provider" => name, "currency" => currency)
            .record(cost.as_f64());
    }
}

/// Records what was spent under a cap that is one account.
#[cfg(feature = "metrics")]
pub(crate) fn spent(cap: &str, spent: Money, limit: Money) {
    let currency = limit.currency().code().to_owned();
    let labels = [("cap", cap.to_owned()), ("currency", currency)];
    metrics::gauge!("scrimp_route_budget_spent", &labels).set(spent.as_f64());
    metrics::gauge!("scrimp_route_budget_limit", &labels).set(limit.as_f64());
}

/// Counts a call that a cap did not let through.
#[cfg(feature = "metrics")]
pub(crate) fn refused(cap: &str) {
    metrics::counter!("scrimp_route_budget_refusals_total", "cap" => cap.to_owned()).increment(1);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn call(_: &str, _: Outcome, _: Option<Money>) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn spent(_: &str, _: Money, _: Money) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn refused(_: &str) {}
