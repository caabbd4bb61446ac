//! The workers, which send what is to be purged.

use std::{error::Error, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Collected, Full, Limited};
use scrimp_core::{BoxError, RateLimit};
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;
use tower_service::Service;

use super::{
    client::Shared,
    state::{Batch, Next},
};
use crate::{api::PurgeVerdict, item::PurgeItem};

/// Maximum length of a response that is read.
const MAX_BODY: usize = 64 << 10;

/// The items of a request under way. If it comes to no end, they are put back.
struct InFlight {
    shared: Arc<Shared>,
    batch: Option<Batch>,
}

/// Sends purges for as long as it is polled.
pub(super) async fn work<S, B>(shared: Arc<Shared>, transport: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    loop {
        let Some(batch) = next_batch(&shared).await else {
            continue;
        };
        wait_for(shared.item_limit.as_deref(), batch.items().len()).await;
        // A panic of a transport or an API ends no worker.
        let sending = AssertUnwindSafe(send(&shared, transport.clone(), batch.items()));
        let verdict = sending.catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(cdn = shared.api.name(), "a purge panicked");
            PurgeVerdict::Later(None)
        });
        batch.settle(verdict);
    }
}

/// Waits for the items of the next request, and until the request may be made. One worker at a time
/// does so: several would take from the limit for requests that are not made.
async fn next_batch(shared: &Arc<Shared>) -> Option<InFlight> {
    let mut may_call = shared.turn.lock().await;
    due(shared).await;
    if !*may_call {
        wait_for(shared.request_limit.as_deref(), 1).await;
        *may_call = true;
    }
    // There is none if another request has failed meanwhile.
    let batch = InFlight::take(shared)?;
    *may_call = false;
    Some(batch)
}

async fn wait_for(limit: Option<&dyn RateLimit>, count: usize) {
    if let Some(limit) = limit {
        limit.take(count).await;
    }
}

/// Waits until there is something to send.
async fn due(shared: &Shared) {
    loop {
        let mut woken = std::pin::pin!(shared.wake.notified());
        woken.as_mut().enable();
        let next = shared.state.lock().next(&*shared.api, Instant::now());
        match next {
            Next::Now => return,
            Next::At(time) => drop(timeout_at(time, woken).await),
            Next::Idle => woken.await,
        }
    }
}

/// Sends a request. Returns the verdict on its outcome.
async fn send<S, B>(shared: &Shared, transport: S, items: &[PurgeItem]) -> PurgeVerdict
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Some(request) = shared.api.request(items) else {
        return PurgeVerdict::Refused;
    };
    shared.counters.calls.increment();
    let (cdn, count) = (shared.api.name(), items.len());
    let call = exchange(transport, request);
    match timeout(shared.config.timeout, call).await {
        Ok(Ok((status, headers, body))) => {
            let verdict = shared.api.judge(status, &headers, &body);
            match verdict {
                PurgeVerdict::Accepted => tracing::debug!(cdn, count, "purged"),
                _ => tracing::warn!(cdn, count, %status, ?verdict, "a purge was not accepted"),
            }
            verdict
        }
        Ok(Err(error)) => {
            // The texts of outer errors may hold the URL.
            let error = root_cause(&*error);
            tracing::warn!(cdn, count, %error, "a purge failed");
            PurgeVerdict::Later(None)
        }
        Err(_) => {
            shared.counters.timed_out.increment();
            tracing::warn!(cdn, count, "a purge timed out");
            PurgeVerdict::Later(None)
        }
    }
}

async fn exchange<S, B>(
    transport: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, Bytes), BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let response = transport.oneshot(request).await.map_err(Into::into)?;
    let (head, body) = response.into_parts();
    // Read, so that the connection can be used again. Only one API looks into it.
    let body = Box::pin(Limited::new(body, MAX_BODY).collect()).await;
    let body = body.map_or_else(|_| Bytes::new(), Collected::to_bytes);
    Ok((head.status, head.headers, body))
}

fn root_cause<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

// === impl InFlight ===

impl InFlight {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let batch = shared.state.lock().take(&*shared.api, Instant::now());
        batch.map(|batch| Self {
            shared: Arc::clone(shared),
            batch: Some(batch),
        })
    }

    fn items(&self) -> &[PurgeItem] {
        let batch = self.batch.as_ref();
        batch.map_or(&[], |batch| &batch.items)
    }

    fn settle(mut self, verdict: PurgeVerdict) {
        if let Some(batch) = self.batch.take() {
            let (shared, now) = (&self.shared, Instant::now());
            let mut state = shared.state.lock();
            state.settle(batch, verdict, shared.parts(), now);
            drop(state);
            shared.changed();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.shared.state.lock().restore(batch, &*self.shared.api);
            self.shared.changed();
        }
    }
}
