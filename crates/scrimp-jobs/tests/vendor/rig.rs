//! A layer over a vendor, in virtual time.

use std::{
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_core::{BoxError, Clock, extensions::Deadline};
use scrimp_jobs::{
    AnthropicJobs, BatchJobs, BatchJobsLayer, BatchJobsLayerBuilder, GeminiJobs, JobAccount,
    JobCodec, JobQueue, MistralJobs, OpenAiJobs, SqliteQueue,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{Form, Vendor};

pub const BASE: &str = "https://api.example.com";
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);

pub type Client = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

pub fn codec(form: Form, base: &str, keys: bool) -> Box<dyn JobCodec> {
    match form {
        Form::OpenAi => Box::new(OpenAiJobs::new(base).unwrap().idempotency_key(keys)),
        Form::Anthropic => Box::new(AnthropicJobs::new(base).unwrap()),
        Form::Gemini => Box::new(GeminiJobs::new(base).unwrap()),
        Form::Mistral => Box::new(MistralJobs::new(base).unwrap()),
    }
}

/// A client of the vendor, without a network.
pub fn client(vendor: &Vendor) -> Client {
    let vendor = vendor.clone();
    BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
        let vendor = vendor.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(vendor.answer(Request::from_parts(head, body)).await)
        }
    }))
}

pub struct Rig {
    pub vendor: Vendor,
    pub layer: BatchJobsLayer,
    pub folder: TempDir,
    pub clock: Clock,
}

impl Rig {
    pub fn new(form: Form) -> Self {
        Self::with(form, |builder| builder)
    }

    pub fn with(
        form: Form,
        set: impl FnOnce(BatchJobsLayerBuilder) -> BatchJobsLayerBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
        Self::over(form, folder, queue, set)
    }

    pub fn over(
        form: Form,
        folder: TempDir,
        queue: impl JobQueue,
        set: impl FnOnce(BatchJobsLayerBuilder) -> BatchJobsLayerBuilder,
    ) -> Self {
        let vendor = Vendor::new(form);
        let clock = Clock::anchored(UNIX_EPOCH + Duration::from_secs(1_764_547_200));
        let builder = builder(&vendor, queue, &clock);
        let layer = set(builder).build().unwrap();
        Self {
            vendor,
            layer,
            folder,
            clock,
        }
    }

    pub fn service(&self) -> BatchJobs<Own> {
        self.layer.layer(Own(self.vendor.clone()))
    }

    /// Asks, and waits for the answer. Returns its status, and whether a job gave it.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> (u16, Value) {
        let response = self.service().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub fn request(&self, n: u64, user: &str, due: Duration) -> Request<Full<Bytes>> {
        let mut request = request(self.vendor.form(), BASE, n, user).map(Full::new);
        request
            .extensions_mut()
            .insert(Deadline(Instant::now() + due));
        request
    }

    pub async fn answer(&self, n: u64, user: &str, due: Duration) -> (u16, Value) {
        self.ask(self.request(n, user, due)).await
    }
}

pub fn builder(vendor: &Vendor, queue: impl JobQueue, clock: &Clock) -> BatchJobsLayerBuilder {
    let codec = codec(vendor.form(), BASE, vendor.state().honours_keys);
    let account = JobAccount::new("nightly").bearer("sk-secret-of-the-account");
    BatchJobsLayer::builder(codec, queue, client(vendor))
        .account(account)
        .clock(clock.clone())
}

/// Makes a request of a vendor's form.
pub fn request(form: Form, base: &str, n: u64, user: &str) -> Request<Bytes> {
    let (path, body) = match form {
        Form::OpenAi | Form::Mistral => (
            "/v1/chat/completions",
            json!({"model": "small", "user": user, "n": n, "messages": []}),
        ),
        Form::Anthropic => (
            "/v1/messages",
            json!({"model": "small", "max_tokens": 9, "user": user, "n": n}),
        ),
        Form::Gemini => (
            "/v1beta/models/gemini-flash:generateContent",
            json!({"contents": [], "labels": {"user": user, "n": n}}),
        ),
    };
    Request::post(format!("{base}{path}"))
        .body(body.to_string().into())
        .unwrap()
}

/// The inner service: calls of their own.
#[derive(Clone)]
pub struct Own(pub Vendor);

impl<B> tower::Service<Request<B>> for Own
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let vendor = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(vendor.answer(Request::from_parts(head, body)).await)
        })
    }
}
