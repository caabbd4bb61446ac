//! Identification of requests by their bodies.

mod body;
mod canonical;
mod future;

use std::{
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use scrimp_http::{coding::is_coded, media_type::is_json};
use tower_layer::Layer;
use tower_service::Service;

use crate::extensions::BodyDigest;
pub use body::DigestBody;
pub use canonical::{CanonicalJson, canonical_json};
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
    canonical: bool,
    keep: bool,
}

/// The service of a [`BodyDigestLayer`].
#[derive(Debug, Clone)]
pub struct BodyDigestService<S> {
    inner: S,
    settings: BodyDigestLayer,
}

// === impl BodyDigestLayer ===

impl BodyDigestLayer {
    /// Makes a layer that buffers bodies of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            canonical: false,
            keep: false,
        }
    }

    /// Identifies JSON by its [canonical form](canonical_json) (RFC 8785), so that bodies which differ
    /// only in white space, in the order of members or in the spelling of strings and numbers are
    /// equal. Content-Type decides what is JSON. A body that has no such form, or a number that it would
    /// change, is identified by its bytes. The body itself is passed on as it came. Default: all bodies
    /// are identified by their bytes.
    #[must_use]
    pub fn canonical_json(self) -> Self {
        Self {
            canonical: true,
            ..self
        }
    }

    /// Puts the body itself into the request's extensions as well, as [`WholeBody`](crate::extensions::WholeBody), for
    /// layers that look at a body without taking it: scrimp's `ShadowLayer`. A body of one piece is not copied. It
    /// stays in memory for as long as the request's extensions do. Default: only the digest.
    #[must_use]
    pub fn keep_body(self) -> Self {
        Self { keep: true, ..self }
    }

    /// Reports whether a request's body is identified by its canonical form, if it has one.
    fn canonicalizes<B>(self, request: &Request<B>) -> bool {
        self.canonical && is_json(request.headers()) && !is_coded(request.headers())
    }
}

impl<S> Layer<S> for BodyDigestLayer {
    type Service = BodyDigestService<S>;

    fn layer(&self, inner: S) -> BodyDigestService<S> {
        BodyDigestService {
            inner,
            settings: *self,
        }
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
            let canonical = self.settings.canonicalizes(&request);
            DigestFuture::reading(ready, request, self.settings, canonical)
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
    use crate::{BoxError, extensions::WholeBody};
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

    /// Returns the digest of a body of this type, in a layer that reads JSON.
    async fn digest(kind: &str, text: &'static str) -> String {
        let mut service = BodyDigestLayer::new(1 << 10).canonical_json().layer(Echo);
        let request = Request::post("/").header("content-type", kind);
        let body = Full::new(Bytes::from_static(text.as_bytes()));
        let answer = service.call(request.body(body).unwrap()).await.unwrap();
        let (digest, passed_on) = answer.body().split_once(' ').unwrap();
        assert_eq!(passed_on, text, "the body is passed on as it came");
        digest.to_owned()
    }

    #[tokio::test]
    async fn json_of_one_meaning_has_one_digest_and_other_bodies_are_compared_by_their_bytes() {
        let one = r#"{"model":"m","input":["a",1.0]}"#;
        let same = "{ \"input\": [\"\\u0061\", 1e0],\n\"model\": \"m\" }";
        let other = r#"{"model":"m","input":["a",1.5]}"#;
        for kind in [
            "application/json",
            "application/graphql+json; charset=utf-8",
        ] {
            assert_eq!(digest(kind, one).await, digest(kind, same).await);
            assert_ne!(digest(kind, one).await, digest(kind, other).await);
        }
        assert_ne!(
            digest("text/plain", one).await,
            digest("text/plain", same).await
        );
        let long = ["{\"id\":9007199254740992}", "{\"id\":9007199254740993}"];
        let json = "application/json";
        assert_ne!(digest(json, long[0]).await, digest(json, long[1]).await);
        assert_ne!(
            digest(json, "{\"a\":1,\"a\":1}").await,
            digest(json, "{\"a\":1}").await
        );
    }

    #[tokio::test]
    async fn a_body_is_kept_where_it_is_asked_for_and_passed_on_as_well() {
        #[derive(Clone)]
        struct Kept;
        impl<B: Body<Data = Bytes> + Send + 'static> Service<Request<B>> for Kept {
            type Response = Response<(Option<Bytes>, u64)>;
            type Error = Infallible;
            type Future = std::future::Ready<Result<Self::Response, Infallible>>;
            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }
            fn call(&mut self, request: Request<B>) -> Self::Future {
                let kept = request.extensions().get::<WholeBody>();
                let kept = kept.map(|WholeBody(bytes)| bytes.clone());
                let passed = request.body().size_hint().lower();
                std::future::ready(Ok(Response::new((kept, passed))))
            }
        }
        let layer = BodyDigestLayer::new(8);
        for (layer, text, kept) in [
            (layer.keep_body(), "abc", Some("abc")),
            (layer.keep_body(), "", Some("")),
            (layer.keep_body(), "too long a body", None),
            (layer, "abc", None),
        ] {
            let pieces = text.as_bytes().chunks(2);
            let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let request = Request::post("/").body(body).unwrap();
            let (found, _) = layer.layer(Kept).call(request).await.unwrap().into_body();
            assert_eq!(found, kept.map(Bytes::from));
        }
        let request = Request::post("/").body(Full::new(Bytes::from("abc")));
        let response = layer.keep_body().layer(Kept).call(request.unwrap()).await;
        assert_eq!(response.unwrap().into_body(), (Some(Bytes::from("abc")), 3));
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
    async fn a_body_is_made_of_bytes_and_has_their_length() {
        for text in ["abc", ""] {
            let body = DigestBody::<Full<Bytes>>::from(Bytes::from(text));
            assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
            assert_eq!(body.is_end_stream(), text.is_empty());
            assert_eq!(body.collect().await.unwrap().to_bytes(), text);
        }
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
