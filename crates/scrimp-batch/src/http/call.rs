//! One call of the inner service.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use scrimp_core::{BoxError, FailedCalls};
use tokio::time::{Instant, timeout};

use super::driver::Counting;
use crate::coding::identity;

/// Outcome of a call whose answer is read to its end.
pub(crate) enum Ended<E> {
    Answered(Response<Bytes>),
    Failed(E),
    Unreadable(String),
    TimedOut,
}

/// Waits for a call and reads its answer, within a time and up to `most` bytes, also without its
/// content coding. Counts the call if it fails on the way. Returns the time it took, too.
pub(crate) async fn exchange<ResB, E>(
    call: impl Future<Output = Result<(Response<ResB>, Counting), E>>,
    failed: &FailedCalls,
    limit: Duration,
    most: usize,
) -> (Ended<E>, Duration)
where
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let start = Instant::now();
    let mut counting = Some(failed.clone());
    let call = async {
        match call.await {
            Ok((response, rest)) => {
                counting = rest;
                match read_plain(response, most).await {
                    Ok(answer) => Ended::Answered(answer),
                    Err(error) => Ended::Unreadable(error),
                }
            }
            Err(error) => Ended::Failed(error),
        }
    };
    let ended = timeout(limit, call).await.unwrap_or(Ended::TimedOut);
    if let (Ended::TimedOut | Ended::Unreadable(_), Some(failed)) = (&ended, counting) {
        failed.increment();
    }
    (ended, start.elapsed())
}

/// Reads a response to its end, up to `most` bytes.
pub(crate) async fn read<ResB>(
    response: Response<ResB>,
    most: usize,
) -> Result<Response<Bytes>, String>
where
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a response to its end, and removes its content coding. Neither may take more than `most`
/// bytes.
pub(crate) async fn read_plain<ResB>(
    response: Response<ResB>,
    most: usize,
) -> Result<Response<Bytes>, String>
where
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    identity(read(response, most).await?, most).await
}
