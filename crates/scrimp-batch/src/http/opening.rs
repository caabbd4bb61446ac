//! The opening of an answer, read ahead.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use scrimp_core::BoxError;

use crate::{BatchBody, coding::identity};

/// Longest answer that is judged, in bytes. Refusals are short, and a longer answer is passed on as it
/// comes.
const JUDGED: usize = 16 << 10;

/// Reads a short answer ahead. Returns the whole response, of which no frame is lost, and a copy
/// without its content coding if it ended within [`JUDGED`] bytes.
///
/// # Errors
///
/// If the body fails before that.
pub(super) async fn open<B>(
    response: Response<B>,
) -> Result<(Response<BatchBody<B>>, Option<Response<Bytes>>), String>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (head, body) = response.into_parts();
    if body.size_hint().lower() > JUDGED as u64 {
        return Ok((Response::from_parts(head, BatchBody::passing(body)), None));
    }
    let mut rest = Box::pin(body);
    let mut frames = VecDeque::new();
    let mut text = BytesMut::new();
    while text.len() <= JUDGED {
        let Some(frame) = rest.frame().await else {
            let copy = Response::from_parts(head.clone(), text.freeze());
            let body = BatchBody::opened(frames, None);
            let copy = identity(copy, JUDGED).await.ok();
            return Ok((Response::from_parts(head, body), copy));
        };
        let frame = frame.map_err(|error| error.into().to_string())?;
        if let Some(data) = frame.data_ref() {
            text.extend_from_slice(data);
        }
        frames.push_back(frame);
    }
    let body = BatchBody::opened(frames, Some(rest));
    Ok((Response::from_parts(head, body), None))
}
