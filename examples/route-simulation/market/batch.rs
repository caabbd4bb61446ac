//! A provider's batch API, and the layer of batch jobs around the router.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp::{
    core::Clock,
    jobs::{AnthropicJobs, BatchJobsLayer, JobAccount, JobRequestBody, SqliteQueue},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{
    layer::{Client, PATH, router, upstream},
    servers::Servers,
};

/// Share of requests that fail within a job, and are not billed.
const FAILED: f64 = 0.01;
/// 1 January 2026.
const NEW_YEAR: u64 = 1_767_225_600;

/// Jobs of a provider, in the form of Anthropic's Message Batches.
struct Vendor {
    servers: Arc<Servers>,
    rng: fastrand::Rng,
    jobs: Vec<Job>,
}

struct Job {
    /// Each request's identifier, and its number.
    requests: Vec<(String, usize)>,
    ends: Instant,
    results: Option<String>,
}

/// Returns the layer of batch jobs, and the folder of its queue.
pub(super) fn layer(servers: &Arc<Servers>) -> (BatchJobsLayer, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let queue = SqliteQueue::open(folder.path().join("jobs.db")).expect("a new file");
    let codec = AnthropicJobs::new("http://batches").expect("a URI");
    let layer = BatchJobsLayer::builder(codec, queue, vendor(servers))
        .account(JobAccount::new("batches").field("x-api-key", "the key of batches"))
        .ignore_fields("x-request-number")
        .clock(Clock::anchored(UNIX_EPOCH + Duration::from_secs(NEW_YEAR)))
        .build()
        .expect("settings in their ranges");
    (layer, folder)
}

/// Returns a client of the layer of batch jobs around the router.
pub(super) fn client(servers: &Arc<Servers>, jobs: &BatchJobsLayer) -> Client {
    let router = router(servers, false).layer(upstream(servers));
    let plain = service_fn(move |request: Request<JobRequestBody<Full<Bytes>>>| {
        let router = router.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            router
                .oneshot(Request::from_parts(head, Full::from(body)))
                .await
        }
    });
    let client = jobs.layer(plain);
    Client::new(service_fn(move |request: Request<Full<Bytes>>| {
        let answer = client.clone().oneshot(request);
        async move {
            let response = answer.await?;
            let status = response.status();
            let whole = response.into_body().collect().await;
            Ok(if whole.is_ok() {
                status
            } else {
                StatusCode::BAD_GATEWAY
            })
        }
    }))
}

fn vendor(
    servers: &Arc<Servers>,
) -> BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible> {
    let vendor = Arc::new(Mutex::new(Vendor {
        servers: Arc::clone(servers),
        rng: fastrand::Rng::with_seed(servers.world.seed),
        jobs: Vec::new(),
    }));
    BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
        let vendor = Arc::clone(&vendor);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let answer = vendor.lock().answer(&head.method, head.uri.path(), &body);
            let mut response = Response::new(Full::default());
            match answer {
                Some(text) => *response.body_mut() = Full::from(text),
                None => *response.status_mut() = StatusCode::NOT_FOUND,
            }
            Ok(response)
        }
    }))
}

// === impl Vendor ===

impl Vendor {
    fn answer(&mut self, method: &Method, path: &str, body: &Bytes) -> Option<String> {
        let name = path.strip_prefix(PATH)?.strip_prefix("/batches")?;
        if method == Method::POST {
            return self.create(body);
        }
        let name = name.trim_start_matches('/');
        let (id, wanted) = name.split_once('/').unwrap_or((name, ""));
        let at: usize = id.strip_prefix("msgbatch_")?.parse().ok()?;
        self.end(at)?;
        match wanted {
            "results" => self.jobs[at].results.clone(),
            _ => Some(self.shown(at).to_string()),
        }
    }

    /// Creates a job. Most end within an hour, and one in twenty takes one to five.
    fn create(&mut self, body: &Bytes) -> Option<String> {
        let asked: Value = serde_json::from_slice(body).ok()?;
        let requests = asked["requests"].as_array()?.iter().map(|one| {
            let id = one["custom_id"].as_str()?;
            let number = one["params"]["metadata"]["user_id"].as_str()?;
            Some((id.to_owned(), number.parse().ok()?))
        });
        let hours = match self.rng.f64() {
            usual if usual < 0.95 => usual,
            _ => 1.0 + 4.0 * self.rng.f64(),
        };
        let requests = requests.collect::<Option<_>>()?;
        self.jobs.push(Job {
            requests,
            ends: Instant::now() + Duration::from_secs(3_600).mul_f64(hours),
            results: None,
        });
        Some(self.shown(self.jobs.len() - 1).to_string())
    }

    /// Writes the results of a job whose time has come.
    fn end(&mut self, at: usize) -> Option<()> {
        let job = self.jobs.get_mut(at)?;
        if job.ends > Instant::now() || job.results.is_some() {
            return Some(());
        }
        let world = &self.servers.world;
        let share = world.batch.unwrap_or(1.0);
        let mut lines = String::new();
        for (id, number) in &job.requests {
            let result = match self.rng.f64() < FAILED {
                true => {
                    json!({"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}})
                }
                false => {
                    let dollars = world.specs[0].dollars(&world.demands[*number], 0);
                    self.servers.pay(share * dollars.into_iter().sum::<f64>());
                    json!({"type": "succeeded", "message": {"type": "message", "role": "assistant",
                        "content": [{"type": "text", "text": "done"}]}})
                }
            };
            lines.push_str(&json!({"custom_id": id, "result": result}).to_string());
            lines.push('\n');
        }
        job.results = Some(lines);
        Some(())
    }

    fn shown(&self, at: usize) -> Value {
        let job = &self.jobs[at];
        let ended = job.results.is_some();
        json!({
            "id": format!("msgbatch_{at}"), "type": "message_batch",
            "processing_status": if ended { "ended" } else { "in_progress" },
            "request_counts": {"processing": job.requests.len()},
            "results_url": ended.then_some("http://batches/"),
        })
    }
}
