//! Metrics: the page that lists them, what the code describes, and the dashboard agree.

use std::{collections::BTreeMap, fs};

use scrimp::{
    audit::AuditLog,
    batch::{BatchLayer, GroupLayer, RestJson},
    cache::{CacheLayer, MemoryStore, Tiered},
    cdn::{CdnLayer, CdnPurger},
    coalesce::CoalesceLayer,
    core::{
        Ledger,
        metrics::{Metered, Metric, MetricKind},
    },
    cost_route::CostRouteLayer,
    disk::DiskStore,
    jobs::BatchJobsLayer,
    limit::LimitLayer,
    object::BucketStore,
    prefetch::{Precompute, PrefetchLayer},
    redis::{RedisAllowance, RedisClient, RedisLog, RedisRate, RedisStore},
    shadow::ShadowLayer,
    stampede::StampedeLayer,
    warm::Spared,
};
use serde_json::Value;

use crate::sources::{below, root};

/// Name of a source, and its metrics.
type Source = (&'static str, &'static [Metric]);

fn source<M: Metered>() -> Source {
    let name = std::any::type_name::<M>();
    let name = name.split('<').next().unwrap_or(name);
    (name.rsplit("::").next().unwrap_or(name), M::metrics())
}

/// Returns every source of metrics.
fn sources() -> Vec<Source> {
    vec![
        source::<CacheLayer<MemoryStore>>(),
        source::<Tiered<MemoryStore, MemoryStore>>(),
        source::<CoalesceLayer>(),
        source::<StampedeLayer>(),
        source::<BatchLayer<RestJson>>(),
        source::<GroupLayer<u64>>(),
        source::<CostRouteLayer>(),
        source::<LimitLayer>(),
        source::<PrefetchLayer>(),
        source::<Precompute>(),
        source::<ShadowLayer>(),
        source::<RedisClient>(),
        source::<RedisStore>(),
        source::<RedisLog>(),
        source::<RedisRate>(),
        source::<RedisAllowance>(),
        source::<DiskStore>(),
        source::<BucketStore>(),
        source::<CdnLayer>(),
        source::<CdnPurger>(),
        source::<Spared>(),
        source::<AuditLog>(),
        source::<BatchJobsLayer>(),
        source::<Ledger>(),
    ]
}

/// Returns a line of the page for a metric.
fn line(metric: &Metric) -> String {
    let kind = format!("{:?}", metric.kind()).to_lowercase();
    let labels = metric
        .label_names()
        .iter()
        .map(|label| format!("`{label}`"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    format!(
        "| `{}` | {kind} | {labels} | {} |",
        metric.name(),
        metric.help()
    )
}

#[test]
fn the_page_lists_what_the_code_describes() {
    let page = fs::read_to_string(root().join("docs/metrics.md")).expect("the page");
    let mut lines = page.lines().filter(|line| line.starts_with("| `scrimp_"));
    for (name, metrics) in sources() {
        assert!(page.contains(&format!("\n`{name}`\n")), "{name}");
        for metric in metrics {
            assert_eq!(lines.next(), Some(&*line(metric)), "{name}");
        }
    }
    assert_eq!(lines.next(), None, "the code does not describe it");
}

#[test]
fn every_source_in_the_code_is_tested_here() {
    let files = below("crates");
    let declared = files
        .iter()
        .flat_map(|file| &file.lines)
        .filter(|(_, line)| line.contains("Metered for "))
        .count();
    assert_eq!(declared, sources().len());
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    let mut all = BTreeMap::new();
    for metric in sources().iter().flat_map(|(_, metrics)| *metrics) {
        let name = metric.name();
        assert_eq!(all.insert(name, metric), None, "{name} is there twice");
        assert!(name.starts_with("scrimp_"), "{name}");
        let is_counter = metric.kind() == MetricKind::Counter;
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        let is_time = name.ends_with("_seconds");
        assert!(
            is_time || !metric.help().starts_with("Time that"),
            "{name}: its unit"
        );
        assert!(metric.help().ends_with('.'), "{name}: {}", metric.help());
    }
    assert!(all.len() > 150, "{}", all.len());
}

/// Returns the queries of the dashboard, with their panels' titles.
fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/grafana/scrimp.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut queries = Vec::new();
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let [title, query] = [&panel["title"], &target["expr"]].map(Value::as_str);
            queries.push((
                title.expect("a title").to_owned(),
                query.expect("a query").to_owned(),
            ));
        }
    }
    queries
}

/// Returns the metrics that a query names, each with the labels that are told apart.
fn named(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("scrimp_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_query_of_the_dashboard_names_metrics_that_exist() {
    let sources = sources();
    let all = || sources.iter().flat_map(|(_, metrics)| *metrics);
    let queries = queries();
    assert!(queries.len() > 50, "{}", queries.len());
    for (title, query) in queries {
        let names = named(&query);
        assert!(!names.is_empty(), "{title}: {query}");
        for name in names {
            let found = all().any(|metric| match metric.kind() {
                MetricKind::Histogram => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|end| name.strip_suffix(end) == Some(metric.name())),
                _ => name == metric.name(),
            });
            assert!(found, "{title}: {name}");
        }
        for group in query.split(" by (").skip(1) {
            let labels = group.split(')').next().expect("labels");
            for label in labels
                .split(", ")
                .filter(|label| !["le", "name"].contains(label))
            {
                let names = named(&query);
                let has = |metric: &Metric| {
                    names.iter().any(|name| name.starts_with(metric.name()))
                        && metric.label_names().contains(&label)
                };
                assert!(all().any(has), "{title}: {label}: {query}");
            }
        }
    }
}

#[test]
fn every_source_that_a_gateway_can_have_is_on_the_dashboard() {
    let names: Vec<String> = queries()
        .iter()
        .flat_map(|(_, query)| named(query))
        .collect();
    for (source, metrics) in &sources()[..9] {
        let own = |name: &String| metrics.iter().any(|metric| name.starts_with(metric.name()));
        assert!(source == &"GroupLayer" || names.iter().any(own), "{source}");
    }
}
