//! Faults that are put into a stack on purpose, so that the checker has something to find.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use parking_lot::Mutex;
use scrimp::{Body, Stack, core::BoxError};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    ask::Ask,
    site::Site,
    thing::{ALL, Area, Thing},
};

/// A fault that a run must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Some answers are the first that this path had.
    OldAnswers,
    /// Some answers are those of another path or user.
    OthersAnswers,
    /// Some bodies end early, as if that were their end.
    ShortBodies,
    /// Some requests get no answer.
    NoAnswer,
    /// A task stays.
    Task,
    /// A request stays in line for a batch, or in flight.
    Place,
    /// Money stays reserved.
    Money,
    /// A body of a fill is never read.
    Bytes,
    /// The layer that batches is left out.
    NoBatches,
    /// The upstream fails for good.
    DeadUpstream,
}

/// A service that mixes up answers.
#[derive(Clone)]
pub(crate) struct Saboteur {
    inner: Stack<BoxError>,
    sabotage: Sabotage,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    requests: u64,
    first: HashMap<String, Whole>,
    last: Option<Whole>,
}

/// A thing that is left behind in a site.
pub(crate) type Left = Box<dyn std::any::Any + Send>;

type Whole = (http::response::Parts, Bytes);

// === impl Saboteur ===

impl Saboteur {
    pub(crate) fn new(inner: Stack<BoxError>, sabotage: Sabotage) -> Self {
        Self {
            inner,
            sabotage,
            seen: Arc::default(),
        }
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let turn = {
            let mut seen = self.seen.lock();
            seen.requests += 1;
            seen.requests.is_multiple_of(5)
        };
        // For whom it is, is part of what is asked for.
        let name = format!(
            "{} {} {:?}",
            request.method(),
            request.uri(),
            request.headers()
        );
        if turn && self.sabotage == Sabotage::NoAnswer {
            std::future::pending::<()>().await;
        }
        let response = self.inner.oneshot(request).await?;
        let (parts, body) = response.into_parts();
        let mut whole = (parts, body.collect().await?.to_bytes());
        if !whole.0.status.is_success() {
            return Ok(respond(whole));
        }
        let mut seen = self.seen.lock();
        let first = seen.first.entry(name).or_insert_with(|| whole.clone());
        let first = first.clone();
        let last = seen.last.replace(whole.clone());
        drop(seen);
        match (self.sabotage, last) {
            (Sabotage::OldAnswers, _) if turn => whole = first,
            (Sabotage::OthersAnswers, Some(last)) if turn => whole = last,
            (Sabotage::ShortBodies, _) if turn => {
                whole.1.truncate(whole.1.len() / 2);
                whole.0.headers.remove(http::header::CONTENT_LENGTH);
            }
            _ => {}
        }
        Ok(respond(whole))
    }
}

fn respond((parts, body): Whole) -> Response<Body> {
    Response::from_parts(parts, body.into())
}

impl Service<Request<Body>> for Saboteur {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}

/// Leaves in a site what a fault of this kind would leave. It stays until it is dropped.
pub(crate) async fn leave(sabotage: Sabotage, site: &Site) -> Left {
    let number = 1 << 19;
    let request = |area| {
        let ask = Ask::of(Thing { area, number }, ALL);
        ask.request("http://api.test", true)
    };
    let layers = &site.layers;
    match sabotage {
        Sabotage::Task => {
            let (end, ended) = tokio::sync::oneshot::channel::<()>();
            tokio::spawn(ended);
            Box::new(end)
        }
        Sabotage::Money => {
            let amount: scrimp::core::Money = "0.001".parse().expect("an amount");
            Box::new(layers.budget.reserve(amount, "", "cheap", ""))
        }
        Sabotage::Bytes => {
            let halves = service_fn(|_: Request<Body>| async {
                let halves = stream::iter(
                    ["half", "half"].map(|text| Ok::<_, BoxError>(Frame::data(Bytes::from(text)))),
                );
                let body = StreamBody::new(halves);
                let response = Response::builder().header("cache-control", "max-age=60");
                Ok::<_, BoxError>(response.body(Body::new(body))?)
            });
            let cache = layers.cache.layer(Stack::new(halves));
            let response = cache.oneshot(request(Area::Big)).await;
            let mut body = Box::pin(response.expect("a response").into_body());
            let frame = body.frame().await;
            assert!(frame.is_some_and(|frame| frame.is_ok()), "the first frame");
            Box::new(body)
        }
        Sabotage::Place => {
            let never = Stack::new(service_fn(|_: Request<Body>| {
                std::future::pending::<Result<Response<Body>, BoxError>>()
            }));
            let never = layers.batch.layer(never);
            let mut call = Box::pin(never.oneshot(request(Area::Long)));
            let wait = tokio::time::timeout(Duration::from_millis(50), &mut call);
            assert!(wait.await.is_err(), "it stays in flight");
            Box::new(call)
        }
        _ => Box::new(()),
    }
}
