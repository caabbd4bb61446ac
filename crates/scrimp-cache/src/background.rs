//! What goes on in the background: stored responses are brought up to date, and stores that
//! answer later are waited for.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet};
use tower::util::Oneshot;
use tower_service::Service;
use tracing::Instrument;

use crate::{
    body::CacheBody, entry::Store, future::ResponseFuture, lookup::decide::Refresh,
    upstream::exchange::Exchange,
};

/// The tasks of a layer. They are aborted when their owner goes.
#[derive(Default)]
pub(crate) struct Background(Mutex<JoinSet<()>>);

// === impl Background ===

impl Background {
    /// Makes a call for a response that is served stale meanwhile.
    pub(crate) fn spawn<S, ReqB, ResB, St>(&self, inner: S, refresh: Refresh<St>)
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        ReqB: Body + Default + Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        St: Store,
    {
        let Refresh {
            mut request,
            exchange,
        } = refresh;
        exchange.announce(&mut request);
        let call = Oneshot::new(inner, request.map(|()| ReqB::default()));
        let response = ResponseFuture::<S, ReqB, St>::forward(call, exchange);
        self.start(async move { read(response.await.ok()).await });
    }

    /// Goes on with a call that its caller does not wait for any more.
    pub(crate) fn finish<S, ReqB, ResB, St>(
        &self,
        call: Pin<Box<Oneshot<S, Request<ReqB>>>>,
        exchange: Exchange<St>,
    ) where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
        S::Future: Send,
        ReqB: Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        St: Store,
    {
        self.start(async move {
            let response = exchange.finish(call.await).ok();
            read(response).await;
        });
    }

    /// Starts a task on the current runtime, under the caller's span. Without a runtime there
    /// is none: the stored response stays as it is until somebody waits for a new one.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task.instrument(tracing::Span::current()), &runtime);
    }
}

/// Reads a body to its end, which is what stores it. One that is not kept, or no longer, is
/// not paid for to the end.
async fn read<B: Body<Data = Bytes>>(response: Option<Response<CacheBody<B>>>) {
    let Some(response) = response else { return };
    let mut body = pin!(response.into_body());
    while body.is_kept()
        && let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await
    {}
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Background({} tasks)", self.0.lock().len())
    }
}
