//! What goes out, as what.

use std::{fmt, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use scrimp_core::{BoxError, ShareError};
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use super::{
    Reply,
    batch::{Leftover, batch},
    job::{Job, gather},
    retry,
};
use crate::{
    BatchCodec,
    codec::Item,
    common::Common,
    engine::{Driver, Flight, InFlightGuard},
};

/// An inner service with all that batches ask of it: what is generic below this file names this
/// one bound.
pub(crate) trait HttpCalls: Clone + Send + 'static {
    /// How batches are written.
    type Codec: BatchCodec;
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
    /// Its error.
    type Error: ShareError + Send + 'static;

    /// Returns what the services of the layer share.
    fn common(&self) -> &Arc<Common<Self::Codec>>;

    /// Drives the service to readiness and calls it.
    fn send(
        self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>> + Send;
}

/// Names the job of a service.
pub(crate) type JobOf<D> = Job<<D as HttpCalls>::Body, <D as HttpCalls>::Error>;
/// Names what a caller of a service gets.
pub(crate) type ReplyOf<D> = Reply<<D as HttpCalls>::Body, <D as HttpCalls>::Error>;

/// Makes the calls for a batch of HTTP requests.
pub(crate) struct HttpDriver<S, C, ReqB> {
    inner: S,
    common: Arc<Common<C>>,
    kind: PhantomData<fn(ReqB)>,
}

// === impl HttpDriver ===

impl<S, C, ReqB> HttpDriver<S, C, ReqB> {
    pub(crate) fn new(inner: S, common: Arc<Common<C>>) -> Self {
        Self {
            inner,
            common,
            kind: PhantomData,
        }
    }
}

impl<S: Clone, C, ReqB> Clone for HttpDriver<S, C, ReqB> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.common))
    }
}

impl<S, C, ReqB, ResB> HttpCalls for HttpDriver<S, C, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: From<Bytes> + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Codec = C;
    type Body = ResB;
    type Error = S::Error;

    fn common(&self) -> &Arc<Common<C>> {
        &self.common
    }

    fn send(
        self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<ResB>, S::Error>> + Send {
        Oneshot::new(self.inner, request.map(ReqB::from))
    }
}

impl<S, C, ReqB> Driver for HttpDriver<S, C, ReqB>
where
    Self: HttpCalls,
{
    type Item = Item;
    type Answer = ReplyOf<Self>;

    async fn run(self, flight: Flight<Item, Self::Answer>) {
        let Flight { entries, guard, .. } = flight;
        let common = self.common();
        let mut jobs = gather(entries, common.config.dedupe);
        common.deposit(&jobs);
        if jobs.len() == 1 && jobs.iter().all(|job| !job.has_duplicates()) {
            if let Some(job) = jobs.pop() {
                alone(self, job, Some(guard)).await;
            }
            return;
        }
        if jobs.is_empty() {
            return;
        }
        let left = batch(self.clone(), jobs, &guard).await;
        // What is left is tried one by one; the lane need not wait for that.
        drop(guard);
        finish(self, left).await;
    }
}

/// Sends a request as it came, and its response as it comes. Returns the status.
pub(crate) async fn alone<D: HttpCalls>(
    driver: D,
    job: JobOf<D>,
    guard: Option<InFlightGuard<Item, ReplyOf<D>>>,
) -> Option<StatusCode> {
    let common = Arc::clone(driver.common());
    common.take(1).await;
    let start = Instant::now();
    let result = driver.send(job.request()).await;
    common.stats.alone.add(1);
    if let Some(guard) = &guard {
        guard.latency().record(start.elapsed());
    }
    match result {
        Ok(response) => {
            let status = response.status();
            common.book(&job.item.head, response.extensions().get(), 0);
            job.pass(response, guard);
            Some(status)
        }
        Err(error) => {
            job.fail(error);
            None
        }
    }
}

async fn finish<D: HttpCalls>(driver: D, left: Leftover<D::Body, D::Error>) {
    let Leftover { failed, unsure, .. } = left;
    if failed.is_empty() && unsure.is_empty() {
        return;
    }
    let retries = retry::retry_all(driver.clone(), failed);
    let fallbacks = retry::fall_back(driver, unsure);
    futures_util::future::join(retries, fallbacks).await;
}

impl<S, C, ReqB> fmt::Debug for HttpDriver<S, C, ReqB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpDriver")
    }
}
