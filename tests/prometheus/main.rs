//! A real Prometheus, as packaged by Debian, scrapes a stack of all layers under load.

mod stack;

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use axum::{Router, body::Body, response::Response, routing::get};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp_gateway::Metrics;
use scrimp_tests::{Daemon, Server};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::stack::Shop;

/// Scrapes under load before the queries. A rate needs two.
const SCRAPES: u32 = 4;

/// Returns the text that Prometheus reads.
async fn text(metrics: &Metrics) -> String {
    let response: Response<Body> = metrics.response();
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_to_say_about_the_metrics() {
    let shop = Shop::new();
    shop.round().await;
    let text = text(&shop.metrics).await;
    assert!(
        text.contains("scrimp_cache_answers_total{name=\"shop\",source=\"hit\"}"),
        "{text}"
    );
    let mut promtool = Command::new(Daemon::find("promtool", "prometheus"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    let process = promtool
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut process = process.expect("promtool to start");
    let mut stdin = process.stdin.take().expect("its input");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = process.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_of_the_dashboard_is_empty_under_load() {
    let shop = Arc::new(Shop::new());
    let (seen, metrics) = (Arc::new(Semaphore::new(0)), shop.metrics.clone());
    let scraped = Arc::clone(&seen);
    let endpoint = get(async move || {
        scraped.add_permits(1);
        metrics.response::<Body>()
    });
    let server = Server::start(Router::new().route("/metrics", endpoint)).await;
    shop.round().await;
    let prometheus = Daemon::prometheus(server.address);
    let visitors = Arc::clone(&shop);
    let load = tokio::spawn(async move {
        loop {
            visitors.round().await;
        }
    });
    // The last scrape may still be under way: it is one more than needed.
    let _permits = seen.acquire_many(SCRAPES + 1).await.expect("scrapes");
    let mut empty = Vec::new();
    for (title, query) in queries() {
        let answer = ask(&prometheus, &query).await;
        if !has_number(&answer) {
            empty.push(format!("{title}: {query}: {answer}"));
        }
    }
    load.abort();
    assert!(empty.is_empty(), "{empty:#?}");
}

/// Returns the queries of the dashboard, with its variables filled in, and their panels' titles.
fn queries() -> Vec<(String, String)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana/scrimp.json");
    let text = fs::read_to_string(file).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut queries = Vec::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            let query = query
                .replace("$__rate_interval", "1m")
                .replace("$name", ".*");
            assert!(!query.contains('$'), "{query}");
            queries.push((title.to_owned(), query));
        }
    }
    assert!(queries.len() > 50, "{}", queries.len());
    queries
}

/// Asks a query through the HTTP API.
async fn ask(prometheus: &Daemon, query: &str) -> Value {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let request = http::Request::post(prometheus.url("/api/v1/query"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::<Bytes>::from(format!("query={encoded}")))
        .expect("a request");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.expect("an answer");
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    serde_json::from_slice(&body).expect("JSON")
}

/// Reports whether a result has a number, which NaN is not.
fn has_number(answer: &Value) -> bool {
    let series = answer["data"]["result"].as_array();
    series.into_iter().flatten().any(|series| {
        let value = series["value"][1].as_str().unwrap_or_default();
        value.parse::<f64>().is_ok_and(f64::is_finite)
    })
}
