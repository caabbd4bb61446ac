//! A dashboard of twenty widgets over a metrics API that charges per call: before, then with
//! batches, and with a freshness lifetime for each kind of widget.
//!
//! Time is virtual, so that a day takes a moment.
//!
//! ```sh
//! cargo run --release --example dashboard
//! ```

mod metrics;

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    response::Response,
    routing::get,
};
use futures_util::future::join_all;
use http::Request;
use scrimp::{
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    core::{BoxError, Money},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use metrics::Metrics;

/// A client of the metrics API.
type Client = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// Cost and time of a load of the dashboard.
#[derive(Debug, PartialEq, Eq)]
struct Load {
    calls: u64,
    cost: Money,
    time: Duration,
    widgets: usize,
}

/// Kinds of widgets, the number of each, and their freshness lifetimes. All others are fresh for a
/// minute.
const KINDS: [(&str, usize, &str); 5] = [
    ("real_time", 4, "10s"),
    ("hourly", 4, "5m"),
    ("daily", 4, "1h"),
    ("historical", 4, "24h"),
    ("**", 4, "1m"),
];

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let metrics = Metrics::default();
    let before = load_in_turn(&metrics).await?;
    show("one call after the other", &before);

    let app = dashboard(client(&metrics)?);
    show("batched", &load(&app, &metrics).await?);
    show("again at once", &load(&app, &metrics).await?);
    for (what, later) in [
        ("after 11 s", 11),
        ("after 1 min", 61),
        ("after 6 min", 360),
        ("after 2 h", 7_200),
    ] {
        tokio::time::sleep(Duration::from_secs(later)).await;
        show(what, &load(&app, &metrics).await?);
    }
    Ok(())
}

fn show(what: &str, load: &Load) {
    let Load {
        calls,
        cost,
        time,
        widgets,
    } = load;
    let cost = cost.to_string();
    println!("{what:<26}{widgets} widgets  {calls:>2} calls  {cost:>6}  {time:?}");
}

fn widgets() -> impl Iterator<Item = String> {
    let numbered = |kind: &'static str, count| {
        let kind = if kind == "**" { "other" } else { kind };
        (0..count).map(move |n| format!("/api/metrics/{kind}/{n}"))
    };
    KINDS
        .into_iter()
        .flat_map(move |(kind, count, _)| numbered(kind, count))
}

/// Makes the client: each kind of widget has its own lifetime, and the missing ones are fetched in
/// one batch.
fn client(metrics: &Metrics) -> Result<Client, BoxError> {
    let mut cache = CacheLayer::builder(MemoryStore::new(16 << 20));
    for (kind, _, ttl) in KINDS {
        let rule = format!("path=/api/metrics/{kind}/* ttl={ttl}");
        cache = cache.rule(rule.as_str());
    }
    let cache = cache.build()?;
    let batch = BatchLayer::builder(RestJson::new("/api/batch").base("/api")).build()?;
    let stack = ServiceBuilder::new()
        .layer(cache)
        .layer(batch)
        .service(metrics.api());
    Ok(BoxCloneSyncService::new(
        ServiceExt::<Request<Body>>::map_response(stack, |response| response.map(Body::new)),
    ))
}

/// Makes the dashboard: one page that requests all of its widgets at once.
fn dashboard(client: Client) -> Router {
    let page = move || async move {
        let widgets = widgets().map(|path| widget(client.clone(), path));
        Json(join_all(widgets).await)
    };
    Router::new().route("/dashboard", get(page))
}

async fn widget(client: Client, path: String) -> Value {
    let answer = async {
        let response = client
            .oneshot(Request::get(&path).body(Body::empty())?)
            .await?;
        let body = to_bytes(response.into_body(), 1 << 20).await?;
        Ok::<Value, BoxError>(serde_json::from_slice(&body)?)
    };
    // A widget that fails is one empty widget.
    answer
        .await
        .unwrap_or_else(|error| json!({"widget": path, "error": error.to_string()}))
}

async fn load(app: &Router, metrics: &Metrics) -> Result<Load, BoxError> {
    let (start, calls, cost) = (Instant::now(), metrics.calls(), metrics.cost());
    let response = app
        .clone()
        .oneshot(Request::get("/dashboard").body(Body::empty())?)
        .await?;
    let body = to_bytes(response.into_body(), 1 << 20).await?;
    let widgets: Vec<Value> = serde_json::from_slice(&body)?;
    Ok(Load {
        calls: metrics.calls() - calls,
        cost: metrics.cost_since(cost),
        time: start.elapsed(),
        widgets: widgets
            .iter()
            .filter(|widget| widget.get("value").is_some())
            .count(),
    })
}

/// Loads the dashboard as before: without layers, one widget after the other.
async fn load_in_turn(metrics: &Metrics) -> Result<Load, BoxError> {
    let start = Instant::now();
    let client = BoxCloneSyncService::new(metrics.api());
    let mut widgets_there = 0;
    for path in widgets() {
        let answer = widget(client.clone(), path).await;
        widgets_there += usize::from(answer.get("value").is_some());
    }
    Ok(Load {
        calls: metrics.calls(),
        cost: metrics.cost(),
        time: start.elapsed(),
        widgets: widgets_there,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn twenty_calls_are_one_and_only_what_is_too_old_is_fetched_again() {
        let metrics = Metrics::default();
        let before = load_in_turn(&metrics).await.unwrap();
        assert_eq!((before.calls, before.time), (20, Duration::from_secs(2)));
        assert_eq!(before.cost.to_string(), "$0.20");
        let app = dashboard(client(&metrics).unwrap());
        let calls = async |later| {
            tokio::time::sleep(Duration::from_secs(later)).await;
            let load = load(&app, &metrics).await.unwrap();
            assert_eq!(load.widgets, 20);
            // Faster than one after the other, and within 800 ms.
            assert!(load.time <= Duration::from_millis(500), "{load:?}");
            (load.calls, load.cost.to_string(), metrics.last())
        };
        let came = |calls, cost: &str, last| (calls, cost.to_owned(), last);
        assert_eq!(calls(0).await, came(1, "$0.05", 20));
        assert_eq!(calls(0).await, came(0, "$0.00", 20));
        assert_eq!(calls(11).await, came(1, "$0.01", 4));
        assert_eq!(calls(61).await, came(1, "$0.02", 8));
        assert_eq!(calls(360).await, came(1, "$0.03", 12));
        assert_eq!(calls(7_200).await, came(1, "$0.04", 16));
    }
}
