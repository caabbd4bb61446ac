//! A provider in memory, in the form of Anthropic's Message Batches.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::{service_fn, util::BoxCloneSyncService};

/// Share of requests that fail inside of a batch, and are not billed.
const FAILED: f64 = 0.01;

#[derive(Clone)]
pub(crate) struct Provider(Arc<Mutex<State>>);

struct State {
    random: fastrand::Rng,
    batches: Vec<Batch>,
    in_jobs: u64,
    on_their_own: u64,
}

struct Batch {
    ids: Vec<String>,
    ends: Instant,
    /// One line of results each, once it has ended.
    results: Option<String>,
}

type Client = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

impl Provider {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            batches: Vec::new(),
            in_jobs: 0,
            on_their_own: 0,
        })))
    }

    /// Returns the numbers of requests that were paid in batches, and on their own.
    pub(crate) fn paid(&self) -> (u64, u64) {
        let state = self.0.lock();
        (state.in_jobs, state.on_their_own)
    }

    pub(crate) fn client(&self) -> Client {
        let provider = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
            let provider = provider.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                if head.uri.path() == "/v1/messages" {
                    sleep(Duration::from_secs(3)).await;
                }
                let answer = provider
                    .0
                    .lock()
                    .answer(&head.method, head.uri.path(), &body);
                let (status, text) = answer
                    .map_or((StatusCode::NOT_FOUND, String::new()), |text| {
                        (StatusCode::OK, text)
                    });
                let mut response = Response::new(Full::from(text));
                *response.status_mut() = status;
                Ok(response)
            }
        }))
    }
}

impl State {
    fn answer(&mut self, method: &Method, path: &str, body: &Bytes) -> Option<String> {
        if path == "/v1/messages" {
            self.on_their_own += 1;
            return Some(message().to_string());
        }
        let name = path.strip_prefix("/v1/messages/batches")?;
        if method == Method::POST {
            return self.create(body);
        }
        let (id, wants) = name
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((name.trim_start_matches('/'), ""));
        let at: usize = id.strip_prefix("msgbatch_")?.parse().ok()?;
        if method == Method::DELETE {
            let batch = self.batches.get_mut(at)?;
            (batch.ids, batch.results) = (Vec::new(), Some(String::new()));
            return Some(json!({"id": id, "type": "message_batch_deleted"}).to_string());
        }
        self.end(at)?;
        match wants {
            "results" => self.batches[at].results.clone(),
            _ => Some(self.shown(at).to_string()),
        }
    }

    /// Creates a batch. Most end within an hour, and a few take much longer.
    fn create(&mut self, body: &Bytes) -> Option<String> {
        let asked: Value = serde_json::from_slice(body).ok()?;
        let ids = asked["requests"].as_array()?.iter();
        let ids = ids.filter_map(|one| one["custom_id"].as_str().map(str::to_owned));
        let hours = match self.random.f64() {
            usual if usual < 0.95 => usual,
            _ => 1.0 + 4.0 * self.random.f64(),
        };
        self.batches.push(Batch {
            ids: ids.collect(),
            ends: Instant::now() + Duration::from_secs(3_600).mul_f64(hours),
            results: None,
        });
        Some(self.shown(self.batches.len() - 1).to_string())
    }

    /// Writes the results of a batch whose time has come.
    fn end(&mut self, at: usize) -> Option<()> {
        let batch = self.batches.get_mut(at)?;
        if batch.ends > Instant::now() || batch.results.is_some() {
            return Some(());
        }
        let mut lines = String::new();
        for id in &batch.ids {
            let result = match self.random.f64() < FAILED {
                true => {
                    json!({"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}})
                }
                false => {
                    self.in_jobs += 1;
                    json!({"type": "succeeded", "message": message()})
                }
            };
            lines.push_str(&json!({"custom_id": id, "result": result}).to_string());
            lines.push('\n');
        }
        batch.results = Some(lines);
        Some(())
    }

    fn shown(&self, at: usize) -> Value {
        let batch = &self.batches[at];
        let ended = batch.results.is_some();
        json!({
            "id": format!("msgbatch_{at}"), "type": "message_batch",
            "processing_status": if ended { "ended" } else { "in_progress" },
            "request_counts": {"processing": batch.ids.len()},
            "results_url": ended.then_some("https://api.anthropic.com/"),
        })
    }
}

fn message() -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "a score of 7"}]})
}
