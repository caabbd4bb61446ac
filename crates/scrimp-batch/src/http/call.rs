//! One call of the inner service.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use scrimp_core::BoxError;
use tokio::time::{Instant, timeout};
use tower::util::Oneshot;
use tower_service::Service;

/// How a call ended whose answer is read to its end.
pub(crate) enum Ended<E> {
    Answered(Response<Bytes>),
    Failed(E),
    Unreadable(String),
    TimedOut,
}

/// Drives a service to readiness and calls it.
pub(crate) async fn send<S, ReqB, ResB>(
    inner: S,
    request: Request<Bytes>,
) -> Result<Response<ResB>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ReqB: From<Bytes>,
{
    Oneshot::new(inner, request.map(ReqB::from)).await
}

/// Calls, and reads the answer up to so many bytes, within a time.
pub(crate) async fn exchange<S, ReqB, ResB>(
    inner: S,
    request: Request<Bytes>,
    limit: Duration,
    most: usize,
) -> (Ended<S::Error>, Duration)
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ReqB: From<Bytes>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let start = Instant::now();
    let call = async {
        match send(inner, request).await {
            Ok(response) => read(response, most).await,
            Err(error) => Ended::Failed(error),
        }
    };
    let ended = timeout(limit, call).await.unwrap_or(Ended::TimedOut);
    (ended, start.elapsed())
}

/// Reads a response to its end.
pub(crate) async fn read<ResB, E>(response: Response<ResB>, most: usize) -> Ended<E>
where
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    match Limited::new(body, most).collect().await {
        Ok(body) => Ended::Answered(Response::from_parts(head, body.to_bytes())),
        Err(error) => Ended::Unreadable(error.to_string()),
    }
}
