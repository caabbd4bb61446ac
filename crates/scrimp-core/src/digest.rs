//! Identification of requests by their bodies.

mod body;
mod future;

use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::extensions::BodyDigest;
pub use body::DigestBody;
pub use future::DigestFuture;

/// Buffers the bodies of POST and QUERY requests and puts their [`BodyDigest`] into the request's
/// extensions, for layers that use it in their keys.
///
/// Goes outside those layers. A body above the limit, with an error or with trailers is passed on
/// as it comes, without a digest; other methods are not changed.
///
/// ```
/// use scrimp_core::BodyDigestLayer;
///
/// let layer = BodyDigestLayer::new(64 << 10);
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BodyDigestLayer {
    limit: usize,
}

/// The service of a [`BodyDigestLayer`].
#[derive(Debug, Clone)]
pub struct BodyDigestService<S> {
    inner: S,
    limit: usize,
}

// === impl BodyDigestLayer ===

impl BodyDigestLayer {
    /// Makes a layer that buffers bodies of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for BodyDigestLayer {
    type Service = BodyDigestService<S>;

    fn layer(&self, inner: S) -> BodyDigestService<S> {
        let limit = self.limit;
        BodyDigestService { inner, limit }
    }
}

// === impl BodyDigestService ===

impl<S, B> Service<Request<B>> for BodyDigestService<S>
where
    S: Service<Request<DigestBody<B>>> + Clone,
    B: Body<Data = Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DigestFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> DigestFuture<S, B> {
        // The instance that was ready goes with the request; the clone is polled anew.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let method = request.method();
        if *method == Method::POST || method.as_str() == "QUERY" {
            DigestFuture::reading(ready, request, self.limit)
        } else {
            DigestFuture::passing(ready, request)
        }
    }
}

impl fmt::Display for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxError;
    use http::Response;
    use http_body::Frame;
    use http_body_util::{BodyExt, Full, StreamBody};
    use std::convert::Infallible;

    /// Responds with the digest that it found, a space, and the body.
    #[derive(Clone)]
    struct Echo;

    impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static> Service<Request<B>> for Echo {
        type Response = Response<String>;
        type Error = Infallible;
        type Future =
            std::pin::Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<B>) -> Self::Future {
            Box::pin(async move {
                let digest = request
                    .extensions()
                    .get::<BodyDigest>()
                    .map(ToString::to_string);
                let body = match request.into_body().collect().await {
                    Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                    Err(error) => error.into().to_string(),
                };
                Ok(Response::new(format!(
                    "{} {body}",
                    digest.unwrap_or_default()
                )))
            })
        }
    }

    async fn send<B>(method: &str, body: B) -> String
    where
        B: Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
    {
        let mut service = BodyDigestLayer::new(8).layer(Echo);
        let request = Request::builder().method(method).body(body).unwrap();
        service.call(request).await.unwrap().into_body()
    }

    #[tokio::test]
    async fn a_body_within_the_limit_has_a_digest_and_arrives_whole() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad abc";
        assert_eq!(send("POST", Full::new(Bytes::from("abc"))).await, abc);
        let frames = ["a", "", "bc"].map(|t| Ok::<_, Infallible>(Frame::data(Bytes::from(t))));
        assert_eq!(
            send("QUERY", StreamBody::new(futures_util::stream::iter(frames))).await,
            abc
        );
    }

    #[tokio::test]
    async fn other_methods_and_larger_bodies_pass_unchanged() {
        assert_eq!(send("PUT", Full::new(Bytes::from("abc"))).await, " abc");
        let frames =
            ["12345", "6789", "0"].map(|t| Ok::<_, Infallible>(Frame::data(Bytes::from(t))));
        let long = StreamBody::new(futures_util::stream::iter(frames));
        assert_eq!(send("POST", long).await, " 1234567890");
    }

    #[tokio::test]
    async fn an_error_of_the_body_reaches_the_inner_service() {
        let frames = [
            Ok(Frame::data(Bytes::from("a"))),
            Err(BoxError::from("reset")),
        ];
        assert_eq!(
            send("POST", StreamBody::new(futures_util::stream::iter(frames))).await,
            " reset"
        );
    }
}
