//! Background calls: refreshes, and calls that were too slow.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::util::Oneshot;

use super::{Exchange, Upstream};
use scrimp_core::Tasks;

use crate::entry::Store;

impl<St: Store> Exchange<St> {
    /// Makes the call in the background.
    pub(crate) fn start<S, ReqB>(self, background: &Tasks, inner: S, mut request: Request<()>)
    where
        S: Upstream<ReqB>,
        ReqB: Default + Send + 'static,
    {
        self.announce(&mut request);
        let call = Oneshot::new(inner, request.map(|()| ReqB::default()));
        background.start(self.run(call));
    }

    /// Waits for the response and reads its body to the end, so that it is stored. A body that is
    /// not stored, or no longer, is not read to the end.
    pub(super) async fn run<B, E>(self, call: impl Future<Output = Result<Response<B>, E>>)
    where
        B: Body<Data = Bytes>,
    {
        let Ok(response) = self.finish(call.await) else {
            return;
        };
        let mut body = pin!(response.into_body());
        while body.is_kept()
            && let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await
        {}
    }
}
