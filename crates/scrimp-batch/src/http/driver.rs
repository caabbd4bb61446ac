//! What goes out, as what.

use std::{fmt, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use scrimp_core::{BoxError, ShareError};
use tower_service::Service;

use super::{
    Reply,
    batch::{Leftover, batch},
    call::send,
    job::{Job, gather},
    retry,
};
use crate::{
    BatchCodec,
    codec::Item,
    common::Common,
    engine::{Aloft, Driver, Flight},
};

/// Makes the calls for a batch of HTTP requests.
pub(crate) struct HttpDriver<S, C, ReqB> {
    pub(crate) inner: S,
    pub(crate) common: Arc<Common<C>>,
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

impl<S, C, ReqB, ResB> Driver for HttpDriver<S, C, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: From<Bytes> + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Item = Item;
    type Answer = Reply<ResB, S::Error>;

    async fn fly(self, flight: Flight<Item, Self::Answer>) {
        let Flight { entries, aloft, .. } = flight;
        let mut jobs = gather(entries, self.common.config.dedupe);
        self.common.deposit(&jobs);
        if jobs.len() == 1 && jobs.iter().all(|job| !job.has_twins()) {
            if let Some(job) = jobs.pop() {
                alone(self, job, Some(aloft)).await;
            }
            return;
        }
        if jobs.is_empty() {
            return;
        }
        let left = batch(self.clone(), jobs, &aloft).await;
        // What is left is tried one by one; the lane need not wait for that.
        drop(aloft);
        finish(self, left).await;
    }
}

/// Sends a request as it came, and its response as it comes. Tells the status.
pub(crate) async fn alone<S, C, ReqB, ResB>(
    driver: HttpDriver<S, C, ReqB>,
    job: Job<ResB, S::Error>,
    aloft: Option<Aloft<Item, Reply<ResB, S::Error>>>,
) -> Option<StatusCode>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: ShareError,
    ReqB: From<Bytes>,
    ResB: Body<Data = Bytes> + Send + 'static,
    S::Error: Send + 'static,
{
    let HttpDriver { inner, common, .. } = driver;
    common.take(1).await;
    let start = tokio::time::Instant::now();
    let result = send(inner, job.request()).await;
    common.stats.alone.add(1);
    if let Some(aloft) = &aloft {
        aloft.latency().record(start.elapsed());
    }
    match result {
        Ok(response) => {
            let status = response.status();
            common.book(&job.item.head, response.extensions().get(), 0);
            job.pass(response, aloft);
            Some(status)
        }
        Err(error) => {
            job.fail(error);
            None
        }
    }
}

async fn finish<S, C, ReqB, ResB>(driver: HttpDriver<S, C, ReqB>, left: Leftover<ResB, S::Error>)
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: From<Bytes> + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
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
