//! Calls of the inner service in the background.

use std::{
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use scrimp_core::extensions::{CacheInfo, CacheState};
use scrimp_http::status::is_passing;
use tower::ServiceExt;
use tower_service::Service;

/// End of a prefetch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fetched {
    /// The cache had a fresh response.
    Fresh,
    /// The response is stored, and fresh for this long. `None`: there is no cache that says so.
    Stored(Option<Duration>),
    /// The cache did not store the response.
    Unstored,
    /// The inner service refused this request, or has nothing for it.
    Refused,
    /// The call [failed](scrimp_core::FailedCalls).
    Failed,
}

/// An inner service whose types are erased, as the worker serves all services of a layer.
pub(crate) trait Fetch: Send + Sync {
    fn fetch(&self, request: Request<()>) -> Pin<Box<dyn Future<Output = Fetched> + Send>>;
}

impl fmt::Debug for dyn Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

/// The inner service of one service of the layer.
pub(crate) struct Fetcher<S, ReqB> {
    /// A service need not be `Sync`. It is locked only to be cloned.
    inner: Mutex<S>,
    request: PhantomData<fn(ReqB)>,
}

// === impl Fetcher ===

impl<S, ReqB> Fetcher<S, ReqB> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner: Mutex::new(inner),
            request: PhantomData,
        }
    }
}

impl<S, ReqB, ResB> Fetch for Fetcher<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
{
    fn fetch(&self, request: Request<()>) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let inner = self.inner.lock().clone();
        Box::pin(run(inner, request.map(|()| ReqB::default())))
    }
}

/// Makes a request, and reads the response to its end.
pub(crate) async fn run<S, ReqB, ResB>(inner: S, request: Request<ReqB>) -> Fetched
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    let Ok(response) = inner.oneshot(request).await else {
        return Fetched::Failed;
    };
    let status = response.status();
    if is_passing(status) {
        return Fetched::Failed;
    }
    if !status.is_success() {
        return Fetched::Refused;
    }
    let info = response.extensions().get::<CacheInfo>();
    let info = info.map(|info| (info.state, info.stored, info.expires_in));
    let fetched = match info {
        Some((CacheState::Hit | CacheState::Stale, ..)) => return Fetched::Fresh,
        Some((CacheState::Bypass, ..) | (CacheState::Miss, false, _)) => return Fetched::Unstored,
        Some((_, _, expires_in)) => Fetched::Stored(expires_in),
        None => Fetched::Stored(None),
    };
    // Caches store complete responses.
    let mut body = pin!(response.into_body());
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx).map(is_good)).await;
        match frame {
            Some(true) => tokio::task::consume_budget().await,
            Some(false) => return Fetched::Failed,
            None => break,
        }
    }
    fetched
}

fn is_good<T, E>(frame: Option<Result<T, E>>) -> Option<bool> {
    frame.map(|frame| frame.is_ok())
}
