//! Reads the layers.

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

use scrimp_core::Money;
use scrimp_cost_route::BudgetStatus;
use serde_json::Value;

use crate::stack::{Built, Stack};

use super::{Reloads, series::Series};

/// Most accounts of budgets that are listed.
const LISTED: usize = 200;

/// Returns all figures of a stack.
pub(super) fn collect(stack: &Stack, reloads: &Reloads, sequence: u64) -> Series {
    let mut series = Series::default();
    let reload = |name| ("scrimp_serve_reloads_total", name);
    let help = "Reloads of the configuration, by outcome.";
    series.counter(
        reload(help),
        &[("outcome", "done")],
        reloads.done.load(Relaxed),
    );
    series.counter(
        reload(help),
        &[("outcome", "refused")],
        reloads.failed.load(Relaxed),
    );
    let named = (
        "scrimp_serve_snapshot_sequence",
        "Number of this snapshot of the figures.",
    );
    series.counter(named, &[], sequence);
    requests(&mut series, stack);
    money(&mut series, stack);
    cache(&mut series, stack);
    sharing(&mut series, stack);
    let targets = &stack.config.routes;
    for (index, route) in stack.routes.iter().enumerate() {
        batch(&mut series, route);
        // Routes to the same providers share a layer, whose figures count once: for the first of them.
        let before = &targets[..index];
        if before
            .iter()
            .all(|other| other.target != targets[index].target)
        {
            providers(&mut series, route);
        }
    }
    for (upstream, limit) in stack.parts.limits() {
        let stats = limit.stats();
        let labels = [("upstream", upstream)];
        let waiting = (
            "scrimp_serve_limit_waiting",
            "Requests that wait for their turn.",
        );
        series.gauge(waiting, &labels, stats.waiting);
        let refused = (
            "scrimp_serve_limit_refused_total",
            "Requests that a rate limit refused.",
        );
        series.counter(refused, &labels, stats.refused);
    }
    budgets(&mut series, stack);
    series
}

fn requests(series: &mut Series, stack: &Stack) {
    let unrouted = stack.parts.unrouted();
    let routes = stack
        .routes
        .iter()
        .map(|route| (route.name.as_str(), &route.counts));
    let routes: Vec<_> = routes.chain([("", &unrouted)]).collect();
    let named = (
        "scrimp_serve_requests_total",
        "Requests answered, by route and class of status. An empty route: none took it.",
    );
    for (route, counts) in &routes {
        for (class, count) in counts.classes() {
            if count > 0 || class == "2xx" {
                series.counter(named, &[("route", route), ("status", class)], count);
            }
        }
    }
    let named = ("scrimp_serve_in_flight", "Requests under way.");
    for (route, counts) in &routes {
        if !route.is_empty() {
            series.gauge(named, &[("route", route)], counts.in_flight());
        }
    }
    let all = routes
        .iter()
        .map(|(_, counts)| counts.in_flight())
        .sum::<u64>();
    series.gauge(
        (
            "scrimp_serve_in_flight_all",
            "Requests under way, of all routes.",
        ),
        &[],
        all,
    );
}

fn money(series: &mut Series, stack: &Stack) {
    let mut layers: BTreeMap<(&str, String), (Money, u64)> = BTreeMap::new();
    for line in stack.parts.ledger.lines() {
        let currency = line.saved.currency();
        let key = (line.layer, currency.code().to_owned());
        let sum = layers.entry(key).or_insert((Money::zero(currency), 0));
        sum.0 = sum.0.checked_add(line.saved).unwrap_or(sum.0);
        sum.1 += line.calls_avoided;
    }
    let saved = (
        "scrimp_serve_saved",
        "Money that calls would have cost which a layer has avoided.",
    );
    let avoided = (
        "scrimp_serve_calls_avoided_total",
        "Calls that a layer has avoided.",
    );
    for ((layer, currency), (amount, calls)) in &layers {
        let labels = [("layer", *layer), ("currency", currency.as_str())];
        series.gauge(saved, &labels, plain(*amount));
        series.counter(avoided, &labels, calls);
    }
    let totals = stack.parts.ledger.totals();
    let all = ("scrimp_serve_saved_all", "Money saved by all layers.");
    let spent = ("scrimp_serve_spent_all", "Money that calls have cost.");
    for (named, sums) in [(all, &totals.saved), (spent, &totals.spent)] {
        if sums.is_zero() {
            series.gauge(named, &[("currency", "USD")], 0);
        }
        for amount in sums.iter() {
            series.gauge(
                named,
                &[("currency", amount.currency().code())],
                plain(amount),
            );
        }
    }
    let made = (
        "scrimp_serve_paid_calls_total",
        "Calls that reached an upstream.",
    );
    series.counter(made, &[], totals.calls_made);
}

/// Writes an amount without its currency.
fn plain(amount: Money) -> String {
    let (sign, pico) = match amount.pico() {
        pico if pico < 0 => ("-", pico.unsigned_abs()),
        pico => ("", pico.unsigned_abs()),
    };
    let unit = 1_000_000_000_000;
    let text = format!("{sign}{}.{:012}", pico / unit, pico % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn cache(series: &mut Series, stack: &Stack) {
    let stats = stack.parts.cache.stats();
    let named = (
        "scrimp_serve_cache_requests_total",
        "Requests of the cache, by the way they were answered.",
    );
    let results = [
        ("hit", stats.hits),
        ("stale", stats.stale),
        ("revalidated", stats.revalidated),
        ("miss", stats.misses),
        ("bypass", stats.bypassed),
        ("refused", stats.refused),
    ];
    for (result, count) in results {
        series.counter(named, &[("result", result)], count);
    }
    let answered = stats.hits + stats.stale + stats.revalidated + stats.misses;
    let stored = stats.hits + stats.stale + stats.revalidated;
    let rate = match answered {
        0 => 0.0,
        answered => stored as f64 / answered as f64,
    };
    let hit_rate = (
        "scrimp_serve_cache_hit_rate",
        "Share of requests that a stored response answered, of those that one could.",
    );
    series.gauge(hit_rate, &[], format!("{rate:.4}"));
    let not_stored = (
        "scrimp_serve_cache_not_stored_total",
        "Responses that were not stored, by reason.",
    );
    for (reason, count) in stats.not_stored.iter() {
        if count > 0 {
            series.counter(not_stored, &[("reason", reason)], count);
        }
    }
    let stored = (
        "scrimp_serve_cache_stored_total",
        "Responses put into the store.",
    );
    series.counter(stored, &[], stats.stored);
    let refreshes = (
        "scrimp_serve_cache_refreshes_total",
        "Refreshes in the background.",
    );
    series.counter(refreshes, &[], stats.refreshes);
    let failures = (
        "scrimp_serve_cache_store_failures_total",
        "Look-ups and writes of the store that failed.",
    );
    series.counter(failures, &[], stats.store_failures);
    let degraded = (
        "scrimp_serve_cache_degraded_total",
        "Requests while a part of the store did not answer.",
    );
    series.counter(degraded, &[], stats.degraded);
    let entries = ("scrimp_serve_cache_entries", "Keys in the store.");
    series.gauge(entries, &[], stats.store.entries);
    let bytes = ("scrimp_serve_cache_bytes", "Bytes in the store.");
    series.gauge(bytes, &[], stats.store.bytes);
    let evicted = (
        "scrimp_serve_cache_evicted_total",
        "Keys removed to make room.",
    );
    series.counter(evicted, &[], stats.store.evicted);
    if let Some(tiers) = stack.parts.cache.tiers() {
        let named = (
            "scrimp_serve_tier_lookups_total",
            "Look-ups, by the tier that answered.",
        );
        for (tier, count) in [
            ("memory", tiers.upper),
            ("below", tiers.lower),
            ("none", tiers.missing),
        ] {
            series.counter(named, &[("tier", tier)], count);
        }
    }
}

fn sharing(series: &mut Series, stack: &Stack) {
    let stats = stack.parts.coalesce.stats();
    let named = (
        "scrimp_serve_coalesce_requests_total",
        "Requests that may share a call, by their part in it.",
    );
    for (part, count) in [
        ("led", stats.led),
        ("joined", stats.joined),
        ("alone", stats.bypassed),
    ] {
        series.counter(named, &[("part", part)], count);
    }
    let in_flight = ("scrimp_serve_coalesce_in_flight", "Keys in flight.");
    series.gauge(in_flight, &[], stats.in_flight);
    let stats = stack.parts.stampede.stats();
    let named = (
        "scrimp_serve_stampede_total",
        "Refreshes and fills of the stampede layer.",
    );
    for (event, count) in [
        ("refresh", stats.refreshes),
        ("fill", stats.fills),
        ("waited", stats.waited),
    ] {
        series.counter(named, &[("event", event)], count);
    }
}

fn batch(series: &mut Series, route: &Built) {
    let Some(read) = &route.batch else { return };
    let stats = read();
    let labels = [("route", route.name.as_str())];
    let batches = ("scrimp_serve_batches_total", "Batches sent.");
    series.counter(batches, &labels, stats.batches);
    let items = ("scrimp_serve_batch_items_total", "Requests in batches.");
    series.counter(items, &labels, stats.items);
}

fn providers(series: &mut Series, route: &Built) {
    let Some(routed) = &route.routed else { return };
    let figures = routed.figures().json();
    let providers = figures["providers"].as_array();
    for provider in providers.into_iter().flatten() {
        let name = provider["name"].as_str().unwrap_or_default();
        let labels = [("route", route.name.as_str()), ("provider", name)];
        let number = |key: &str| provider[key].as_f64().unwrap_or_default();
        let price = route.providers.iter().find(|(other, _)| other == name);
        let price = price.map_or("", |(_, price)| price.as_str());
        let health = provider["health"].as_str().unwrap_or_default();
        let [of_route, of_provider] = labels;
        let info = (
            "scrimp_serve_provider_info",
            "Terms of a provider: its price, and the state of its breaker.",
        );
        let terms = [of_route, of_provider, ("price", price), ("health", health)];
        series.gauge(info, &terms, 1);
        let latency = (
            "scrimp_serve_provider_latency_seconds",
            "Expected time of an answer.",
        );
        series.gauge(
            latency,
            &labels,
            format!("{:.4}", number("latency_seconds")),
        );
        let errors = (
            "scrimp_serve_provider_error_rate",
            "Expected share of calls that fail.",
        );
        series.gauge(
            errors,
            &labels,
            format!("{:.4}", 1.0 - number("reliability")),
        );
        let in_flight = ("scrimp_serve_provider_in_flight", "Calls under way.");
        series.gauge(
            in_flight,
            &labels,
            provider["in_flight"].as_u64().unwrap_or_default(),
        );
    }
    let stats = &figures["stats"];
    let named = (
        "scrimp_serve_provider_calls_total",
        "Calls of providers, by outcome.",
    );
    for outcome in ["succeeded", "failed", "cancelled"] {
        let labels = [("route", route.name.as_str()), ("outcome", outcome)];
        series.counter(named, &labels, stats[outcome].as_u64().unwrap_or_default());
    }
    let named = (
        "scrimp_serve_provider_refused_total",
        "Requests that were not sent to a provider, by reason.",
    );
    let refused = stats["refused"].as_object();
    for (reason, count) in refused.into_iter().flatten() {
        if let Some(count) = Value::as_u64(count).filter(|count| *count > 0) {
            let labels = [("route", route.name.as_str()), ("reason", reason.as_str())];
            series.counter(named, &labels, count);
        }
    }
}

fn budgets(series: &mut Series, stack: &Stack) {
    let mut accounts = stack.parts.budget.report();
    let known = (
        "scrimp_serve_budget_accounts",
        "Accounts of all budgets; those with the least left are listed.",
    );
    series.gauge(known, &[], accounts.len());
    // Callers may be many, and a list of all of them is of no use.
    if accounts.len() > LISTED {
        let left = |status: &BudgetStatus| status.rest.as_f64() / status.limit.as_f64().max(1e-12);
        accounts.sort_by(|a, b| left(a).total_cmp(&left(b)));
        accounts.truncate(LISTED);
    }
    for status in accounts {
        let account = [&status.tenant, &status.provider, &status.route];
        let account = account
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        let currency = status.limit.currency();
        let labels = [
            ("budget", status.cap.as_str()),
            ("account", account.as_str()),
            ("currency", currency.code()),
        ];
        let limit = ("scrimp_serve_budget_limit", "Limit of a budget.");
        series.gauge(limit, &labels, plain(status.limit));
        let spent = (
            "scrimp_serve_budget_spent",
            "Money spent in the present period.",
        );
        series.gauge(spent, &labels, plain(status.spent));
        let reserved = (
            "scrimp_serve_budget_reserved",
            "Money set aside for calls under way.",
        );
        series.gauge(reserved, &labels, plain(status.reserved));
        let rest = ("scrimp_serve_budget_rest", "Money that is left.");
        series.gauge(rest, &labels, plain(status.rest));
    }
}
