//! Figures that a recorder of the `metrics` facade gets.

mod common;

use std::collections::BTreeMap;

use common::{Rig, cents, ok, provider, status};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scrimp_core::{RetryBudget, metrics::MetricsReporter};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Scope};

/// Returns every figure as text, by its name and labels.
fn figures(snapshotter: &Snapshotter) -> BTreeMap<String, String> {
    let told = snapshotter.snapshot().into_vec().into_iter();
    told.map(|(key, _, _, value)| {
        let key = key.key();
        let labels: BTreeMap<_, _> = key
            .labels()
            .map(|label| (label.key(), label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(values) => format!("{values:?}"),
        };
        (format!("{} {labels:?}", key.name()), value)
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn calls_costs_and_budgets_are_told_to_the_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let caps = [
        Cap::new("all", cents(12), Period::Day),
        Cap::new("each", cents(100), Period::Day).tenants(Scope::Each),
    ];
    let layer = CostRouteLayer::builder([provider("down", 1), provider("up", 5)])
        .retry_budget(RetryBudget::new(1.0, 100).unwrap())
        .budget(Budget::new(caps))
        .build()
        .unwrap();
    let reporter = MetricsReporter::with_recorder(recorder);
    reporter.add("llm", layer.clone());
    let rig = Rig::new(&layer, |host| match host {
        "down" => status(500),
        _ => ok("fine"),
    });
    // Each of three requests earns a retry, and two are spent. The cap refuses the third request's failover, so its caller gets the failure.
    for expected in [200, 200, 500] {
        assert_eq!(rig.get().await.status, expected);
    }
    reporter.publish();
    let told = figures(&snapshotter);
    let seconds = told
        .keys()
        .filter(|name| name.starts_with("scrimp_route_call_seconds"));
    assert_eq!(seconds.count(), 2, "one for each provider: {told:?}");
    let lines: Vec<_> = told
        .iter()
        .filter(|(name, value)| {
            !name.contains("provider_") && !name.contains("_seconds") && *value != "0"
        })
        .map(|(name, value)| {
            format!("{name} {value}")
                .replace(r#", "name": "llm""#, "")
                .replace(r#""name": "llm", "#, "")
        })
        .collect();
    assert_eq!(
        lines,
        [
            r#"scrimp_route_budget_limit {"cap": "all", "currency": "USD"} 0.12"#,
            r#"scrimp_route_budget_limit {"cap": "each", "currency": "USD"} 1"#,
            r#"scrimp_route_budget_refusals_total {"cap": "all"} 1"#,
            r#"scrimp_route_budget_spent {"cap": "all", "currency": "USD"} 0.1"#,
            r#"scrimp_route_budget_spent {"cap": "each", "currency": "USD"} 0.1"#,
            r#"scrimp_route_calls_total {"outcome": "failed", "provider": "down"} 3"#,
            r#"scrimp_route_calls_total {"outcome": "succeeded", "provider": "up"} 2"#,
            r#"scrimp_route_failovers_total {"name": "llm"} 2"#,
            r#"scrimp_route_requests_total {"name": "llm"} 3"#,
            r#"scrimp_route_retries_left {"name": "llm"} 101"#,
            r#"scrimp_route_spent_micros_total {"currency": "USD", "provider": "up"} 100000"#,
        ]
    );
}
