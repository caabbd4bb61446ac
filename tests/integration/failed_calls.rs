//! All layers count the failed calls of the same bad upstream alike.

use std::{future::pending, io, time::Duration};

use bytes::Bytes;
use futures_util::stream::iter;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use scrimp::{
    Body, Stack,
    batch::{BatchLayer, RestJson},
    cache::{CacheLayer, MemoryStore},
    cdn::{Cdn, CdnLayer},
    coalesce::CoalesceLayer,
    core::BoxError,
    cost_route::{CostRouteLayer, Provider},
    jobs::{BatchJobsLayer, JobAccount, OpenAiJobs, SqliteQueue},
    limit::LimitLayer,
    stampede::StampedeLayer,
};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

/// Behaviour of an upstream.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Status(u16),
    Error,
    /// The body breaks off after its first bytes.
    Breaks,
    /// The call ends with the error of a time-out around the upstream.
    TimesOut,
    Silent,
}

use Answer::{Breaks, Error, Silent, Status, TimesOut};

/// A layer with its counts: calls, and failed calls.
struct Counted {
    name: &'static str,
    wrap: Box<dyn Fn(Stack) -> Stack>,
    counts: Box<dyn Fn() -> (u64, u64)>,
}

macro_rules! counted {
    ($layer:expr, $calls:ident) => {{
        let (layer, own) = ($layer.clone(), $layer);
        Counted {
            name: stringify!($layer),
            wrap: Box::new(move |inner| Stack::new(layer.layer(inner))),
            counts: Box::new(move || (own.stats().$calls, own.stats().failed)),
        }
    }};
}

async fn answer(answer: Answer) -> Result<Response<Body>, BoxError> {
    match answer {
        Status(status) => Ok(Response::builder()
            .status(status)
            .body(Body::from("text"))?),
        Error => Err("reset".into()),
        Breaks => {
            let piece = Ok(Frame::data(Bytes::from_static(b"te")));
            let frames = [piece, Err(io::Error::other("broken"))];
            Ok(Response::new(Body::new(StreamBody::new(iter(frames)))))
        }
        TimesOut => timeout(Duration::from_secs(1), pending()).await?,
        Silent => pending().await,
    }
}

/// Returns every layer that calls its inner service for a request, outermost first.
fn layers() -> Vec<Counted> {
    let cdn = CdnLayer::builder([Cdn::Varnish]).build().expect("settings");
    let stampede = StampedeLayer::new();
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let coalesce = CoalesceLayer::new();
    let batch = BatchLayer::builder(RestJson::new("/batch"));
    let batch = batch.build().expect("settings");
    // An open file outlives its name.
    let folder = tempfile::tempdir().expect("a folder");
    let queue = SqliteQueue::open(folder.path().join("jobs.db")).expect("a queue");
    let codec = OpenAiJobs::new("https://api.example.com").expect("a base");
    let client = Stack::new(service_fn(|_: Request<Body>| answer(Error)));
    let jobs = BatchJobsLayer::builder(codec, queue, client);
    let jobs = jobs.account(JobAccount::new("a").bearer("sk"));
    let jobs = jobs.build().expect("settings");
    let route = CostRouteLayer::builder([Provider::new("one").price("0.01")]);
    let route = route.build().expect("settings");
    let limit = LimitLayer::per_second(100).build().expect("settings");
    vec![
        counted!(cdn, requests),
        counted!(stampede, calls),
        counted!(cache, calls),
        counted!(coalesce, calls),
        counted!(batch, calls),
        counted!(jobs, calls),
        counted!(route, calls),
        counted!(limit, calls),
    ]
}

/// Asks once, and reads the answer to its end.
async fn ask(stack: Stack) {
    let request = Request::get("http://api.example.com/items/1");
    let request = request.body(Body::empty()).expect("a request");
    if let Ok(response) = stack.oneshot(request).await {
        let _ = response.into_body().collect().await;
    }
}

fn upstream(kind: Answer) -> Stack {
    Stack::new(service_fn(move |_: Request<Body>| answer(kind)))
}

const ANSWERS: [(Answer, u64); 12] = [
    (Status(200), 0),
    (Status(400), 0),
    (Status(403), 0),
    (Status(404), 0),
    (Status(408), 1),
    (Status(425), 1),
    (Status(429), 1),
    (Status(500), 1),
    (Status(503), 1),
    (Error, 1),
    (Breaks, 1),
    (TimesOut, 1),
];

#[tokio::test(start_paused = true)]
async fn each_layer_counts_the_same_calls_as_failed() {
    for (kind, failed) in ANSWERS {
        for Counted { name, wrap, counts } in layers() {
            ask(wrap(upstream(kind))).await;
            assert_eq!(counts(), (1, failed), "{name} over {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_below_one_layer_fails_below_each_layer_around_it() {
    for (kind, failed) in ANSWERS {
        let layers = layers();
        let wrap = |inner, layer: &Counted| (layer.wrap)(inner);
        ask(layers.iter().rev().fold(upstream(kind), wrap)).await;
        for Counted { name, counts, .. } in layers {
            assert_eq!(counts(), (1, failed), "{name} over {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_is_no_failure() {
    for Counted { name, wrap, counts } in layers() {
        let asked = timeout(Duration::from_secs(1), ask(wrap(upstream(Silent)))).await;
        assert!(asked.is_err(), "{name}");
        assert_eq!(counts(), (1, 0), "{name}");
    }
}
