//! Servers on loopback for the tests.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Json, Router, extract::Request, http::header, response::IntoResponse};
use serde_json::{Value, json};

/// Serves an application on a free port. Returns its URL without a path.
pub async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// Serves a value that may be stored for a minute, and counts the calls.
pub async fn counted(value: Value) -> (String, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&calls);
    let answer = move |_: Request| {
        count.fetch_add(1, Relaxed);
        // Long enough for requests of the same moment to meet.
        async move {
            tokio::task::yield_now().await;
            ([(header::CACHE_CONTROL, "max-age=60")], Json(value)).into_response()
        }
    };
    (serve(Router::new().fallback(answer)).await, calls)
}

/// Returns an answer of a chat model.
#[must_use]
pub fn completion() -> Value {
    json!({
        "id": "1", "object": "chat.completion", "created": 0, "model": "small",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": "hello", "refusal": null},
        }],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
}
