//! Each request's way into the gateway.

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc};

use axum::body::Body;
use http::{Request, Response, StatusCode, Version};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;

use crate::{pace::Pace, peer::Peer, reply::Failure, switch::Switch, upload::Upload};

use super::{answer::Answer, life::Life, request_body::RequestBody, slots::Slots, streams::Flow};

/// All requests are taken.
const FULL: Failure = Failure::refused(
    "too-many-requests",
    StatusCode::SERVICE_UNAVAILABLE,
    "too many requests are open",
);

/// The service of one connection.
pub(crate) struct Front {
    pub(crate) live: Switch,
    pub(crate) peer: Peer,
    pub(crate) pace: Pace,
    pub(crate) life: Arc<Life>,
    pub(crate) slots: Arc<Slots>,
}

// === impl Front ===

impl Service<Request<Incoming>> for Front {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Some(permit) = self.slots.request() else {
            return Box::pin(async {
                let response = FULL.last_response();
                Ok(response.map(|body| Answer::new(body, None, Flow::current())))
            });
        };
        let multiplexed = request.version() == Version::HTTP_2;
        let open = self.life.open(multiplexed, permit);
        let pace = self.pace;
        let upload = Upload::default();
        let mut request =
            request.map(|body| Body::new(RequestBody::new(body, pace, upload.clone())));
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(upload);
        let answer = self.live.app().oneshot(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Answer::new(body, Some(open), Flow::current())))
        })
    }
}
