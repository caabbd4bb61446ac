//! The API: rates, by two providers on one socket.

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed};

use axum::{Json, Router};
use scrimp::core::BoxError;
use serde_json::{Value, json};

/// Serves a rate, or the rates in a batch. Returns its URL, and counts the calls.
pub(crate) async fn serve(calls: Arc<AtomicU64>) -> Result<String, BoxError> {
    let app = Router::new().fallback(async move |batch: Option<Json<Value>>| {
        calls.fetch_add(1, Relaxed);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await; // duration of a call
        let asked = batch.iter().filter_map(|it| it["requests"].as_array());
        let answer = |ask: &Value| json!({"id": ask["id"], "status": 200, "body": 1.07});
        Json(json!({ "responses": asked.flatten().map(answer).collect::<Vec<_>>() }))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
