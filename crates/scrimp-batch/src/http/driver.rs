//! The calls of the inner service.

use std::{fmt, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, FailedCalls, ShareError};
use tower::util::Oneshot;
use tower_service::Service;

use super::{
    Common, Reply,
    alone::alone,
    batch::{Leftover, batch},
    divide::one_by_one,
    job::{Job, gather, single},
    retry,
};
use crate::{
    BatchCodec,
    codec::Item,
    engine::{Dispatch, Driver, record_waits},
};

/// An inner service with all bounds of a batch. Generic code in this folder names this one bound.
pub(crate) trait HttpCalls: Clone + Send + 'static {
    /// The codec of its batches.
    type Codec: BatchCodec;
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
    /// Its error.
    type Error: ShareError + Send + 'static;

    /// Returns the state that all services of the layer share.
    fn common(&self) -> &Arc<Common<Self::Codec>>;

    /// Drives the service to readiness and calls it. Returns the response with the counter for the rest of
    /// the call, if it has not failed yet.
    fn send(
        self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<(Response<Self::Body>, Counting), Self::Error>> + Send;
}

/// Counter for the rest of a call, if the call is counted and has not failed yet.
pub(crate) type Counting = Option<FailedCalls>;
/// Job of a service.
pub(crate) type JobOf<D> = Job<<D as HttpCalls>::Body, <D as HttpCalls>::Error>;
/// Result that a caller of a service gets.
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
    ) -> impl Future<Output = Result<(Response<ResB>, Counting), S::Error>> + Send {
        let call = Oneshot::new(self.inner, request.map(ReqB::from));
        let common = self.common;
        async move {
            common.stats.calls.increment();
            let result = call.await;
            let status = result.as_ref().ok().map(Response::status);
            let counting = common.stats.failed.count(status);
            result.map(|response| (response, counting))
        }
    }
}

impl<S, C, ReqB> Driver for HttpDriver<S, C, ReqB>
where
    Self: HttpCalls,
{
    type Item = Item;
    type Answer = ReplyOf<Self>;

    async fn run(self, dispatch: Dispatch<Item, Self::Answer>) {
        let Dispatch { entries, guard, .. } = dispatch;
        let common = self.common();
        record_waits(&entries, &common.stats.queue);
        let jobs = gather(entries);
        common.stats.size.record_f64(jobs.len() as f64);
        common.deposit(&jobs);
        match single(jobs) {
            Ok(job) => {
                self.common().take(1).await;
                alone(self, job, None, Some(guard)).await;
            }
            // The callers of one item.
            Err(jobs) if !guard.takes_batches() => one_by_one(self, jobs).await,
            Err(jobs) => {
                let mut left = batch(self.clone(), jobs, &guard).await;
                let not_done = std::mem::take(&mut left.not_done);
                if not_done.is_empty() {
                    // The rest is tried one by one; the lane does not wait for it.
                    drop(guard);
                    return finish(self, left).await;
                }
                let again = retry::again(self.clone(), not_done, guard);
                futures_util::future::join(again, finish(self, left)).await;
            }
        }
    }
}

/// Sends items that failed or may have been carried out again, each alone.
pub(crate) async fn finish<D: HttpCalls>(driver: D, left: Leftover<D::Body, D::Error>) {
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
