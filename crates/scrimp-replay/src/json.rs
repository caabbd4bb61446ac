//! The report as JSON.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    ahead::PrefetchReport,
    curve::Curve,
    layers::Layers,
    line::format_time,
    nodes::FleetReport,
    report::{BadLine, Coalesced, Report, ratio},
    stampede::StampedeReport,
    suggestion::Suggestion,
    timeline::Timeline,
};

#[derive(Serialize)]
struct ReportJson<'a> {
    inputs: &'a [String],
    lines: u64,
    bad_lines: u64,
    bad_line_examples: &'a [BadLine],
    other_lines: u64,
    left_out: u64,
    warnings: &'a [String],
    first: String,
    last: String,
    requests: u64,
    upstream_calls_without: u64,
    upstream_calls_with: u64,
    hits: u64,
    hit_rate: f64,
    ceiling_hits: u64,
    ceiling_hit_rate: f64,
    keys: u64,
    currency: String,
    price: f64,
    cost_without: f64,
    cost_with: f64,
    saved: f64,
    ledger_saved: f64,
    ttl: String,
    rules: &'a [String],
    max_bytes: u64,
    peak_bytes: u64,
    entries: u64,
    evicted: u64,
    not_stored: BTreeMap<&'static str, u64>,
    latency_seconds: f64,
    latency_logged: bool,
    timed: u64,
    coalesced: Option<Coalesced>,
    layers: Option<&'a Layers>,
    elapsed_seconds: f64,
    timeline: TimelineJson,
    stampede: Option<&'a StampedeReport>,
    fleet: Option<&'a FleetReport>,
    prefetch: Option<&'a PrefetchReport>,
    routes: Vec<RouteJson<'a>>,
    curve: Option<&'a Curve>,
    suggestions: &'a [Suggestion],
}

#[derive(Serialize)]
struct TimelineJson {
    start: i64,
    slice_seconds: i64,
    requests: Vec<u64>,
    upstream_calls: Vec<u64>,
    spent: Vec<f64>,
}

#[derive(Serialize)]
struct RouteJson<'a> {
    route: &'a str,
    requests: u64,
    upstream_calls: u64,
    saved: f64,
    hit_rate: f64,
}

// === impl Report ===

impl Report {
    /// Returns the report as one JSON object.
    ///
    /// | field | meaning |
    /// |---|---|
    /// | `inputs` | names of the logs |
    /// | `lines` | lines that are not blank |
    /// | `bad_lines` | lines that could not be read |
    /// | `bad_line_examples` | the first ten: `input`, `line` (from 1), `reason` |
    /// | `other_lines` | lines of events that are no requests, as applications log them |
    /// | `left_out` | requests left out by method or status |
    /// | `warnings` | damage to whole files, and facts that no line states, as text |
    /// | `first`, `last` | times of the first and the last request, RFC 3339 |
    /// | `requests` | requests replayed |
    /// | `upstream_calls_without` | upstream calls without the cache: all requests |
    /// | `upstream_calls_with` | upstream calls with it |
    /// | `hits` | the difference |
    /// | `hit_rate` | hits per request, 0 to 1 |
    /// | `ceiling_hits` | hits of an infinite cache in which nothing expires |
    /// | `ceiling_hit_rate` | the same per request, 0 to 1 |
    /// | `keys` | different keys among the requests that a cache may answer |
    /// | `currency` | ISO 4217 code of all amounts |
    /// | `price` | price of a call; amounts are decimal numbers of the currency's units |
    /// | `cost_without`, `cost_with`, `saved` | costs and savings |
    /// | `ledger_saved` | savings in the layers' own ledger; the same, unless there are other providers or batches |
    /// | `ttl` | as given: a time, `infinite` or `none` |
    /// | `rules` | as given |
    /// | `max_bytes` | limit of the cache's memory |
    /// | `peak_bytes` | highest memory use of the cache |
    /// | `entries` | stored responses at the end |
    /// | `evicted` | stored responses that were evicted |
    /// | `not_stored` | responses that the cache did not store, by reason: the `detail` of Cache-Status |
    /// | `latency_seconds` | time that the upstream took for a response |
    /// | `latency_logged` | the log stated that time, and `latency_seconds` counts where it does not |
    /// | `timed` | requests whose latency the log states |
    /// | `coalesced` | if calls were shared: `joined` a call in flight, `reused` a finished response; otherwise `null` |
    /// | `layers` | `null` for the cache and shared calls alone; otherwise `shares`, `batch` and `providers` |
    /// | `layers.shares` | in the order of the layers: `layer` (`stampede`, `cache`, `coalesce`, `batch`, `route`), `calls` that it avoided and the money `saved`, below zero if it added calls or cost; they add up to `hits` and `saved` |
    /// | `layers.batch` | `null` or `window_seconds`, the `most` in a batch, `batches`, `items` in them, and the requests sent `alone` |
    /// | `layers.providers` | providers: `name`, `calls`, `spent` |
    /// | `elapsed_seconds` | time for reading and replaying |
    /// | `timeline` | `start` (Unix seconds), `slice_seconds`, `requests`, `upstream_calls` and the money `spent` on them: a list each, one number per slice |
    /// | `stampede` | `null` unless requested: `upstream_seconds`, `refreshes`, and `without` and `with` protection each `blocked` requests, `waited_seconds` in total, `upstream_calls`, `doubled` calls while one for the same URL was in flight, and their largest `burst` |
    /// | `fleet` | `null` unless requested: `nodes`, `spread` (`round-robin` or `client`), `clients_known` (requests whose client the log states), `node_bytes`, and `without` and `with` a shared tier (`null` if there is none) each the `upstream_calls`, the requests answered by a node's memory (`node_hits`), by the shared tier (`shared_hits`) and by another's call (`shared_calls`), and the money `saved` |
    /// | `fleet.with` | also of the tier: `max_bytes`, `peak_bytes`, `evicted`, `reads`, `writes`, `latency_seconds` of a read, the time that requests `waited_seconds` for reads, and the money that it `added` to the savings |
    /// | `prefetch` | `null` unless requested: `clients_known`, `latency_seconds` of a call on average, `lead_seconds`, `min_confidence`, `budget_per_hour` (or `null`), and `without` and, in a list, `with` prefetches the `upstream_calls`, the requests that waited (`waits`), the time that they `waited_seconds` and, per slice of `timeline`, in a list of that name |
    /// | `prefetch.with` | also for each value of waiting: `value_per_second`, `prefetches` that called the upstream, of which `useful`, `late`, `wasted` and `failed`, `shut_offs`, the waiting that was spared (`spared_seconds`) and its value (`spared`), the price of the calls that were added (`spent`), and the difference (`net`) |
    /// | `routes` | those with the highest savings: `route`, `requests`, `upstream_calls`, `saved`, `hit_rate` |
    /// | `curve` | `null` if no stored response could have answered a request; otherwise the hit rate by memory: `points` with `max_bytes` and `hit_rate`, the smallest first, the `unlimited` hit rate, the index of the `knee` among the points or `null`, the part of the keys `sampled`, 0 to 1, and the `requests` that were tried |
    /// | `suggestions` | settings that would raise the hit rate, the best first: the `change` in words, its `flags`, the hit rates `before` and `after` it, and the number of first `requests` on which it was tried |
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("maps with text for keys and finite numbers")
    }

    fn routes_json(&self) -> Vec<RouteJson<'_>> {
        let routes = self.routes.iter().map(|route| RouteJson {
            route: &route.route,
            requests: route.requests,
            upstream_calls: route.upstream_calls,
            saved: (self.price * route.saved()).as_f64(),
            hit_rate: ratio(route.saved(), route.requests),
        });
        routes.collect()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (reading, price) = (&self.reading, self.price);
        let report = ReportJson {
            inputs: &reading.inputs,
            lines: reading.lines,
            bad_lines: reading.bad_lines,
            bad_line_examples: &reading.bad_line_examples,
            other_lines: reading.other_lines,
            left_out: reading.left_out,
            warnings: &reading.warnings,
            first: format_time(self.span.0),
            last: format_time(self.span.1),
            requests: self.requests,
            upstream_calls_without: self.requests,
            upstream_calls_with: self.upstream_calls,
            hits: self.hits(),
            hit_rate: self.hit_rate(),
            ceiling_hits: self.ceiling_hits,
            ceiling_hit_rate: self.ceiling(),
            keys: self.keys,
            currency: price.currency().code().to_owned(),
            price: price.as_f64(),
            cost_without: self.cost_without().as_f64(),
            cost_with: self.cost_with().as_f64(),
            saved: self.saved().as_f64(),
            ledger_saved: self.ledger_saved.get(price.currency()).as_f64(),
            ttl: self.ttl.to_string(),
            rules: &self.rules,
            max_bytes: self.max_bytes,
            peak_bytes: self.peak_bytes,
            entries: self.entries,
            evicted: self.evicted,
            not_stored: self.reasons().collect(),
            latency_seconds: self.latency.as_secs_f64(),
            latency_logged: self.logged_latency,
            timed: reading.timed,
            coalesced: self.coalesced,
            layers: self.layers.as_ref(),
            elapsed_seconds: self.elapsed.as_secs_f64(),
            timeline: TimelineJson::of(&self.timeline),
            stampede: self.stampede.as_ref(),
            fleet: self.fleet.as_ref(),
            prefetch: self.prefetch.as_ref(),
            routes: self.routes_json(),
            curve: self.curve.as_ref(),
            suggestions: &self.suggestions,
        };
        report.serialize(serializer)
    }
}

// === impl TimelineJson ===

impl TimelineJson {
    fn of(timeline: &Timeline) -> Self {
        let slices = timeline.slices.iter();
        Self {
            start: timeline.start,
            slice_seconds: timeline.seconds,
            requests: slices.clone().map(|slice| slice.requests).collect(),
            upstream_calls: slices.clone().map(|slice| slice.upstream_calls).collect(),
            spent: slices.map(|slice| slice.spent.as_f64()).collect(),
        }
    }
}
