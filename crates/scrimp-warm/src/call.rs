//! One request of a run.

use std::{future::poll_fn, pin::pin, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Request, StatusCode, Uri,
    header::{CACHE_CONTROL, RETRY_AFTER},
    request, response,
};
use http_body::Body;
use scrimp_core::{
    BoxError, Clock, Money, Totals,
    extensions::{
        CacheInfo, CacheState, Charge, Directive, Explain, LifetimeJitter, OtherCharges, Priority,
        Settlement,
    },
};
use scrimp_http::{
    age::age, cache_control::ResponseControl, cache_status::CacheVerdict, retry_after::retry_after,
};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use crate::{WarmService, event::WarmOutcome};

/// End of a request, and what follows from it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: WarmOutcome,
    /// Error of a request that failed.
    pub(crate) failure: Option<BoxError>,
    /// Cost of the call; `None` if there was no call.
    pub(crate) cost: Option<Totals>,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// Time after which a refused call may be made again.
    pub(crate) retry_after: Option<Duration>,
}

/// Makes the request for a URI.
///
/// The cache stores what it brings, and counts what it has already neither as a hit nor as a use.
pub(crate) fn request(uri: &Uri, headers: HeaderMap, jitter: u16) -> request::Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri.clone();
    parts.headers = headers;
    parts.extensions.insert(Directive::Prefetch);
    parts.extensions.insert(Priority::Low);
    parts.extensions.insert(Explain);
    if jitter > 0 {
        parts.extensions.insert(LifetimeJitter(jitter));
    }
    parts
}

/// Sends a request, and reads its response to the end.
pub(crate) async fn send<S, ReqB>(
    service: S,
    request: request::Parts,
    limit: Duration,
    price: Money,
    clock: &Clock,
) -> Ended
where
    S: WarmService<ReqB>,
    ReqB: Default,
{
    let begun = Instant::now();
    let until = begun + limit;
    let request = Request::from_parts(request, ReqB::default());
    let mut ended = Ended {
        outcome: WarmOutcome::TimedOut,
        failure: None,
        cost: None,
        bytes: 0,
        took: Duration::ZERO,
        retry_after: None,
    };
    let mut known = None;
    let whole = async {
        let (parts, body) = service
            .oneshot(request)
            .await
            .map_err(Into::into)?
            .into_parts();
        let parts = known.insert(parts);
        read(body, &mut ended.bytes).await?;
        Ok(verdict(parts))
    };
    match timeout_at(until, whole).await {
        Ok(Ok(outcome)) => ended.outcome = outcome,
        Ok(Err(error)) => {
            ended.outcome = WarmOutcome::Failed;
            ended.failure = Some(error);
        }
        Err(_) => {}
    }
    ended.took = begun.elapsed();
    ended.cost = cost(known.as_ref(), ended.outcome, price);
    if let Some(parts) = known {
        ended.retry_after = retry_after(&parts.headers, clock.wall());
    }
    ended
}

/// Returns the cost of the call, if there was one.
fn cost(response: Option<&response::Parts>, outcome: WarmOutcome, price: Money) -> Option<Totals> {
    let mut cost = Totals::new();
    let Some(response) = response else {
        // It may have reached the upstream, which then has charged for it.
        cost.add(price);
        return Some(cost);
    };
    let extensions = &response.extensions;
    let charged = extensions.get::<Charge>().is_some();
    match outcome {
        WarmOutcome::Fresh => return None,
        // It was refused on the way, or by a server that does not charge for that.
        WarmOutcome::Refused(_) if !charged => return None,
        _ => cost.add(Settlement::cost(extensions, price)),
    }
    if let Some(OtherCharges(others)) = extensions.get() {
        others.iter().for_each(|amount| cost.add(amount));
    }
    Some(cost)
}

/// Judges a complete response.
fn verdict(response: &response::Parts) -> WarmOutcome {
    let (status, headers) = (response.status, &response.headers);
    let refused = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYMENT_REQUIRED => true,
        StatusCode::SERVICE_UNAVAILABLE => headers.contains_key(RETRY_AFTER),
        _ => false,
    };
    if refused {
        return WarmOutcome::Refused(status);
    }
    // A part, or a confirmation of something that was not asked for, fills no cache.
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
        return WarmOutcome::Status(status);
    }
    if let Some(info) = response.extensions.get::<CacheInfo>() {
        return match info.state {
            CacheState::Hit | CacheState::Stale => WarmOutcome::Fresh,
            _ if info.stored => WarmOutcome::Stored,
            _ => WarmOutcome::NotStored,
        };
    }
    match CacheVerdict::read(headers) {
        Some(CacheVerdict {
            hit: Some(true), ..
        }) => WarmOutcome::Fresh,
        Some(CacheVerdict {
            stored: Some(true), ..
        }) => WarmOutcome::Stored,
        Some(CacheVerdict {
            stored: Some(false),
            ..
        }) => WarmOutcome::NotStored,
        _ if forbids_storing(headers) => WarmOutcome::NotStored,
        _ if age(headers).is_some_and(|age| !age.is_zero()) => WarmOutcome::Fresh,
        _ => WarmOutcome::Fetched,
    }
}

/// Reports whether a response forbids caches to store it.
fn forbids_storing(headers: &HeaderMap) -> bool {
    let control = ResponseControl::parse(headers.get_all(CACHE_CONTROL));
    control.no_store || control.private
}

/// Reads a body, and counts its bytes.
async fn read<B>(body: B, bytes: &mut u64) -> Result<(), BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    // Caches store a response at the end of its body.
    while !body.is_end_stream() {
        let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else {
            break;
        };
        let frame = frame.map_err(Into::into)?;
        *bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        tokio::task::consume_budget().await;
    }
    Ok(())
}
