//! Three providers of one API on one socket, each with names of its own for its models. One of them is down
//! for the first calls.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use scrimp::core::BoxError;
use serde_json::{Value, json};

/// Calls that a provider fails at first.
const DOWN: u64 = 3;

/// Serves the API. Returns its URL, and counts the calls.
pub(crate) async fn serve(calls: Arc<AtomicU64>) -> Result<String, BoxError> {
    let app = Router::new()
        .route("/{provider}/v1/chat/completions", post(chat))
        .route("/{provider}/v1/embeddings", post(embeddings))
        .with_state(calls);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn chat(
    State(calls): State<Arc<AtomicU64>>,
    Path(provider): Path<String>,
    Json(asked): Json<Value>,
) -> Response {
    let call = calls.fetch_add(1, Relaxed);
    if provider == "cheap" && call < DOWN {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if asked["model"] != format!("{provider}-chat") {
        return (StatusCode::BAD_REQUEST, "not a model of this provider").into_response();
    }
    let question = asked["messages"][0]["content"].as_str().unwrap_or_default();
    let (input, output) = (question.len() as u64 * 40, 120);
    let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let answer = |kind: &str, said: Value, reason: Value| json!({ "object": kind, "choices": [{ "index": 0, "delta": said, "message": said, "finish_reason": reason }] });
    let text = json!({ "role": "assistant", "content": "It depends." });
    // A question for a tool: its answer is a step of one conversation.
    let asks_tool = question.ends_with('?') && question.contains("weather");
    let (said, reason) = match asks_tool {
        true => (
            json!({ "tool_calls": [{ "index": 0, "id": "call_1" }] }),
            "tool_calls",
        ),
        false => (text, "stop"),
    };
    if asked["stream"] != true {
        let mut whole = answer("chat.completion", said, reason.into());
        whole["usage"] = usage;
        return Json(whole).into_response();
    }
    let mut last = answer("chat.completion.chunk", json!({}), reason.into());
    last["usage"] = usage;
    let first = answer("chat.completion.chunk", said, Value::Null);
    let body = format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n");
    ([("content-type", "text/event-stream")], body).into_response()
}

async fn embeddings(
    State(calls): State<Arc<AtomicU64>>,
    Path(provider): Path<String>,
    Json(asked): Json<Value>,
) -> Response {
    calls.fetch_add(1, Relaxed);
    if asked["model"] != format!("{provider}-embedding") {
        return (StatusCode::BAD_REQUEST, "not a model of this provider").into_response();
    }
    let count = asked["input"].as_array().map_or(1, Vec::len);
    let vector =
        |index| json!({ "object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125] });
    let data: Vec<_> = (0..count).map(vector).collect();
    let usage = json!({ "prompt_tokens": count * 8, "total_tokens": count * 8 });
    Json(json!({ "object": "list", "data": data, "usage": usage })).into_response()
}
