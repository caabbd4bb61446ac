//! An origin of floods, and clients that read what it answers.

use std::{convert::Infallible, future::Ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CACHE_CONTROL};
use http_body_util::{BodyExt, Full};
use scrimp::core::BoxError;
use tower::{Service, ServiceExt, service_fn};

pub(super) type Sent = Request<Full<Bytes>>;
pub(super) type Answer = Ready<Result<Response<Full<Bytes>>, Infallible>>;

/// Answers every request with a body of this length, in memory of its own.
pub(super) fn origin(
    control: &'static str,
    length: usize,
) -> impl Service<Sent, Response = Response<Full<Bytes>>, Error = Infallible, Future = Answer>
+ Clone
+ Send
+ 'static {
    service_fn(move |_: Sent| -> Answer {
        let mut response = Response::new(Full::from(vec![b'x'; length]));
        let control = HeaderValue::from_static(control);
        response.headers_mut().insert(CACHE_CONTROL, control);
        std::future::ready(Ok(response))
    })
}

pub(super) fn get(uri: &str) -> Sent {
    Request::get(uri).body(Full::default()).expect("a request")
}

/// Sends a request and reads the whole answer.
pub(super) async fn read<S, B>(service: &S, request: Sent) -> usize
where
    S: Service<Sent, Response = Response<B>, Error: Into<BoxError>> + Clone,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let response = service.clone().oneshot(request).await;
    let body = response.map_err(Into::into).expect("an answer").into_body();
    let body = body.collect().await.map_err(Into::into).expect("a body");
    body.to_bytes().len()
}
