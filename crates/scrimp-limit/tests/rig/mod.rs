//! An upstream behind a layer.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_core::BoxError;
use scrimp_limit::{Limit, LimitLayer, LimitLayerBuilder};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

/// A layer, its service and its upstream, which responds at once.
pub(crate) struct Rig {
    pub(crate) layer: LimitLayer,
    pub(crate) service: Limit<Scripted>,
    pub(crate) upstream: Upstream,
}

impl Rig {
    pub(crate) fn new(builder: LimitLayerBuilder) -> Self {
        let (scripted, upstream) = Scripted::answering(|parts| {
            let body = ScriptedBody::new().data(parts.uri.path().to_owned());
            Reply::respond(Response::new(body))
        });
        let layer = builder.build().unwrap();
        Self {
            service: layer.layer(scripted),
            layer,
            upstream,
        }
    }

    /// Sends a request. Returns the whole response.
    pub(crate) fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Bytes>, BoxError>> + Send + use<> {
        let service = self.service.clone();
        async move {
            let (head, body) = service.oneshot(request).await?.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        }
    }

    pub(crate) async fn status(&self, request: Request<Full<Bytes>>) -> u16 {
        self.send(request).await.unwrap().status().as_u16()
    }
}

/// Makes a request of a user, of the given weight.
pub(crate) fn request(user: &str, weight: u32) -> Request<Full<Bytes>> {
    let request = Request::get("http://api.example.com/")
        .header("x-user", user)
        .header("x-weight", weight);
    request.body(Full::default()).unwrap()
}

/// Reads the user and the weight of requests.
pub(crate) fn by_user(builder: LimitLayerBuilder) -> LimitLayerBuilder {
    let number = |text: &http::HeaderValue| text.to_str().ok()?.parse().ok();
    builder
        .key(|parts| parts.headers.get("x-user").cloned())
        .weight(move |parts| parts.headers.get("x-weight").and_then(number).unwrap_or(1))
}

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
