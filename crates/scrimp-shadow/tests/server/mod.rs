//! A server that takes requests one by one and in batches, and visits to it.

use std::{
    io::Read,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use scrimp_core::BoxError;
use serde_json::{Value, json};
use tokio::{
    task::{JoinSet, LocalSet},
    time::{Instant, sleep, sleep_until},
};
use tower::{Service, ServiceExt};

/// A request, at a time.
pub(crate) struct Visit {
    at: Duration,
    path: String,
    /// True for a POST with a call in its body.
    rpc: bool,
}

/// Takes 20 to 220 ms for each request, and for a batch as long as for the slowest in it.
#[derive(Clone, Default)]
pub(crate) struct Server {
    calls: Arc<AtomicU64>,
}

fn random() -> impl FnMut() -> f64 {
    let mut state = 7_u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Makes visits at random, half of the time ten a second and half of it a hundred, to pages by Zipf's law.
pub(crate) fn rush(count: u32) -> Vec<Visit> {
    let (mut random, mut at) = (random(), 0.0_f64);
    let visits = (0..count).map(|number| {
        let rate = if number % 2_000 < 200 { 10.0 } else { 100.0 };
        at -= (1.0 - random()).ln() / rate;
        Visit {
            at: Duration::from_secs_f64(at),
            path: format!("/items/{}", 2_000_f64.powf(random()) as u32),
            rpc: false,
        }
    });
    visits.collect()
}

/// Returns the visits of a day of the log of a web server, if it is there.
pub(crate) fn day() -> Option<Vec<Visit>> {
    let log = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/traces/semicomplete-2015-05.log.gz");
    let mut text = String::new();
    let file = std::fs::File::open(log).ok()?;
    GzDecoder::new(file).read_to_string(&mut text).ok()?;
    let mut random = random();
    let mut visit = |line: &str| {
        // `… [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" …`
        let (day, rest) = line.split_once('[')?.1.split_once(':')?;
        let mut parts = rest.split([':', ' ']);
        let mut number = || parts.next()?.parse::<u32>().ok();
        let seconds = (number()? * 60 + number()?) * 60 + number()?;
        let path = rest.split_once("\"GET ")?.1.split(' ').next()?;
        let is_path = path.starts_with('/') && path.parse::<http::Uri>().is_ok();
        (day == "18/May/2015" && is_path).then(|| Visit {
            // The log has whole seconds.
            at: Duration::from_secs_f64(f64::from(seconds) + random()),
            path: path.to_owned(),
            rpc: false,
        })
    };
    let mut visits: Vec<_> = text.lines().filter_map(&mut visit).collect();
    visits.sort_by_key(|visit| visit.at);
    Some(visits)
}

// === impl Visit ===

impl Visit {
    pub(crate) fn rpc(self) -> Self {
        Self { rpc: true, ..self }
    }

    fn request(&self, number: usize) -> Request<Full<Bytes>> {
        let uri = |path: &str| format!("http://a.example{path}");
        let request = if self.rpc {
            let call =
                json!({"jsonrpc": "2.0", "id": number, "method": "get", "params": [self.path]});
            let request = Request::post(uri("/rpc")).header("content-type", "application/json");
            request.body(Full::from(call.to_string()))
        } else {
            Request::get(uri(&self.path)).body(Full::default())
        };
        request.expect("a path")
    }
}

/// Plays visits to a service, in virtual time, and reads each answer.
pub(crate) async fn play<S, B>(visits: &[Visit], service: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + 'static,
    S::Error: std::fmt::Debug,
    B: Body<Data = Bytes, Error: std::fmt::Debug> + 'static,
{
    let start = Instant::now();
    let visiting = async {
        let mut tasks = JoinSet::new();
        for (number, visit) in visits.iter().enumerate() {
            sleep_until(start + visit.at).await;
            let call = service.clone().oneshot(visit.request(number));
            let path = visit.path.clone();
            tasks.spawn_local(async move {
                let response = call.await.expect("an answer");
                assert_eq!(response.status(), 200);
                let body = response.into_body().collect().await.expect("a body");
                let text = body.to_bytes();
                let asked = String::from_utf8_lossy(&text).contains(&path);
                assert!(asked, "{path}: {text:?}");
            });
            while let Some(done) = tasks.try_join_next() {
                done.expect("an answer as it was asked for");
            }
        }
        tasks.join_all().await;
    };
    LocalSet::new().run_until(visiting).await;
}

// === impl Server ===

impl Server {
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }
}

/// Returns the time that a request takes.
fn takes(path: &str) -> Duration {
    let sum = path
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    Duration::from_millis(20 + sum % 200)
}

/// Answers one call of JSON-RPC.
fn call(call: &Value) -> (Value, Duration) {
    let path = call["params"][0].as_str().expect("a path");
    let answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": path});
    (answer, takes(path))
}

/// Answers one request of a batch of GETs.
fn item(item: &Value) -> (Value, Duration) {
    let path = item["url"].as_str().expect("a path");
    let answer = json!({"id": item["id"], "status": 200, "body": path});
    (answer, takes(path))
}

/// Answers all of them, in the time of the slowest.
fn each(all: &Value, one: impl Fn(&Value) -> (Value, Duration)) -> (Value, Duration) {
    let all = all.as_array().expect("a list").iter().map(one);
    let (answers, times): (Vec<_>, Vec<_>) = all.unzip();
    (answers.into(), times.into_iter().max().expect("one"))
}

fn answer(path: &str, body: &[u8]) -> (Value, Duration) {
    if body.is_empty() {
        return (json!(path), takes(path));
    }
    let asked: Value = serde_json::from_slice(body).expect("JSON");
    match &asked {
        Value::Array(_) => each(&asked, call),
        _ if path == "/rpc" => call(&asked),
        _ => {
            let (answers, time) = each(&asked["requests"], item);
            (json!({"responses": answers}), time)
        }
    }
}

impl<B> Service<Request<B>> for Server
where
    B: Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.calls.fetch_add(1, Relaxed);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            let path = head.uri.path_and_query().expect("a path").as_str();
            let (answer, time) = answer(path, &body);
            sleep(time).await;
            let answer = Response::builder()
                .header("content-type", "application/json")
                .body(Full::from(answer.to_string()));
            Ok(answer.expect("an answer"))
        })
    }
}
