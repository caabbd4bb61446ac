//! Bringing stored responses up to date in the background.

use std::{fmt, future::poll_fn, pin::pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet};
use tower::util::Oneshot;
use tower_service::Service;
use tracing::Instrument;

use crate::{future::ResponseFuture, lookup::Refresh, store::Store};

/// The refreshes under way. They are aborted when their owner goes.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<JoinSet<()>>);

// === impl Refreshes ===

impl Refreshes {
    /// Starts a refresh on the current runtime, under the caller's span. Without a runtime
    /// there is none: the stored response stays as it is until somebody waits for it.
    pub(crate) fn spawn<S, ReqB, ResB, St>(&self, inner: S, refresh: Refresh<St>)
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        ReqB: Body + Default + Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        St: Store,
    {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Refresh { request, exchange } = refresh;
        let request = request.map(|()| ReqB::default());
        let call = Oneshot::new(inner, request);
        let task = async move {
            let response = ResponseFuture::<S, ReqB, St>::forward(call, exchange)
                .await
                .ok();
            if let Some(response) = response {
                // Reading the body to its end is what stores it. One that is not kept, or no
                // longer, is not paid for to the end.
                let mut body = pin!(response.into_body());
                while body.is_kept()
                    && let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await
                {
                }
            }
        };
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task.instrument(tracing::Span::current()), &runtime);
    }
}

impl fmt::Debug for Refreshes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refreshes({})", self.0.lock().len())
    }
}
