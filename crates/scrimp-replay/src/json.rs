//! The report as JSON.

use serde_json::{Value, json};

use crate::{
    layers::Layers,
    line::format_time,
    report::{Report, ratio},
    stampede::{StampedeReport, Waiting},
};

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
    /// | `left_out` | requests left out by method or status |
    /// | `warnings` | damage to whole files, as text |
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
    /// | `latency_seconds` | time that the upstream took for a response |
    /// | `coalesced` | if calls were shared: `joined` a call in flight, `reused` a finished response; otherwise `null` |
    /// | `layers` | `null` for the cache and shared calls alone; otherwise `shares`, `batch` and `providers` |
    /// | `layers.shares` | in the order of the layers: `layer` (`stampede`, `cache`, `coalesce`, `batch`, `route`), `calls` that it avoided and the money `saved`, below zero if it added calls or cost; they add up to `hits` and `saved` |
    /// | `layers.batch` | `null` or `window_seconds`, the `most` in a batch, `batches`, `items` in them, and the requests sent `alone` |
    /// | `layers.providers` | providers: `name`, `calls`, `spent` |
    /// | `elapsed_seconds` | time for reading and replaying |
    /// | `timeline` | `start` (Unix seconds), `slice_seconds`, `requests` and `upstream_calls`: a list each, one number per slice |
    /// | `stampede` | `null` unless requested: `upstream_seconds`, `refreshes`, and `without` and `with` protection each `blocked` requests, `waited_seconds` in total, `upstream_calls`, `doubled` calls while one for the same URL was in flight, and their largest `burst` |
    /// | `routes` | those with the highest savings: `route`, `requests`, `upstream_calls`, `saved`, `hit_rate` |
    #[must_use]
    pub fn to_json(&self) -> Value {
        let reading = &self.reading;
        let examples = reading.bad_line_examples.iter();
        let examples = examples.map(|bad| {
            json!({
                "input": bad.input, "line": bad.line, "reason": bad.reason,
            })
        });
        json!({
            "inputs": reading.inputs,
            "lines": reading.lines,
            "bad_lines": reading.bad_lines,
            "bad_line_examples": examples.collect::<Vec<_>>(),
            "left_out": reading.left_out,
            "warnings": reading.warnings,
            "first": format_time(self.span.0),
            "last": format_time(self.span.1),
            "requests": self.requests,
            "upstream_calls_without": self.requests,
            "upstream_calls_with": self.upstream_calls,
            "hits": self.hits(),
            "hit_rate": self.hit_rate(),
            "ceiling_hits": self.ceiling_hits,
            "ceiling_hit_rate": self.ceiling(),
            "keys": self.keys,
            "currency": self.price.currency().code(),
            "price": self.price.as_f64(),
            "cost_without": self.cost_without().as_f64(),
            "cost_with": self.cost_with().as_f64(),
            "saved": self.saved().as_f64(),
            "ledger_saved": self.ledger_saved.get(self.price.currency()).as_f64(),
            "ttl": self.ttl.to_string(),
            "rules": self.rules,
            "max_bytes": self.max_bytes,
            "peak_bytes": self.peak_bytes,
            "entries": self.entries,
            "evicted": self.evicted,
            "latency_seconds": self.latency.as_secs_f64(),
            "coalesced": self.coalesced.map(|shared| {
                json!({ "joined": shared.joined, "reused": shared.reused })
            }),
            "layers": self.layers.as_ref().map(layers_json),
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "timeline": self.timeline_json(),
            "stampede": self.stampede.as_ref().map(stampede_json),
            "routes": self.routes_json(),
        })
    }

    fn timeline_json(&self) -> Value {
        let slices = self.timeline.slices.iter();
        json!({
            "start": self.timeline.start,
            "slice_seconds": self.timeline.seconds,
            "requests": slices.clone().map(|slice| slice.requests).collect::<Vec<_>>(),
            "upstream_calls": slices.map(|slice| slice.upstream_calls).collect::<Vec<_>>(),
        })
    }

    fn routes_json(&self) -> Value {
        let routes = self.routes.iter().map(|route| {
            json!({
                "route": route.route,
                "requests": route.requests,
                "upstream_calls": route.upstream_calls,
                "saved": (self.price * route.saved()).as_f64(),
                "hit_rate": ratio(route.saved(), route.requests),
            })
        });
        routes.collect()
    }
}

fn layers_json(layers: &Layers) -> Value {
    let shares = layers.shares.iter().map(|share| {
        json!({ "layer": share.layer, "calls": share.calls, "saved": share.saved.as_f64() })
    });
    let providers = layers.providers.iter().map(
        |used| json!({ "name": used.name, "calls": used.calls, "spent": used.spent.as_f64() }),
    );
    json!({
        "shares": shares.collect::<Vec<_>>(),
        "batch": layers.batch.map(|batch| {
            json!({
                "window_seconds": batch.window.as_secs_f64(),
                "most": batch.most,
                "batches": batch.batches,
                "items": batch.items,
                "alone": batch.alone,
            })
        }),
        "providers": providers.collect::<Vec<_>>(),
    })
}

fn stampede_json(stampede: &StampedeReport) -> Value {
    let side = |waiting: &Waiting| {
        json!({
            "blocked": waiting.blocked,
            "waited_seconds": waiting.waited.as_secs_f64(),
            "upstream_calls": waiting.upstream_calls,
            "doubled": waiting.doubled,
            "burst": waiting.burst,
        })
    };
    json!({
        "upstream_seconds": stampede.takes.as_secs_f64(),
        "refreshes": stampede.refreshes,
        "without": side(&stampede.without),
        "with": side(&stampede.with),
    })
}
