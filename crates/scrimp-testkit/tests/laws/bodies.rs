//! Bodies, extensions and errors that do not arrive as they were sent.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use scrimp_testkit::{ScriptedBody, Subject};
use tower::{Service, layer::layer_fn};

use crate::calls::{Calls, breaks, passing};

/// Passes a body on without its trailers.
struct WithoutTrailers<B>(B);

impl<B: Body<Data = Bytes> + Unpin> Body for WithoutTrailers<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_trailers() => None,
            frame => frame,
        })
    }
}

#[test]
fn lost_extensions_are_detected() {
    let request = passing(|inner, mut req| {
        req.extensions_mut().clear();
        Box::pin(inner.call(req))
    });
    breaks("extensions_survive", &request, "at the inner service");
    let response = passing(|inner, req| {
        let call = inner.call(req);
        Box::pin(async move { Ok(Response::new(call.await?.into_body())) })
    });
    breaks("extensions_survive", &response, "at the caller");
}

#[test]
fn lost_trailers_and_lengths_are_detected() {
    let subject = Subject::new(|| {
        layer_fn(|inner| {
            Calls(inner, |inner, req| {
                let call = inner.call(req);
                Box::pin(async move { Ok(call.await?.map(WithoutTrailers)) })
            })
        })
    });
    breaks("trailers_are_kept", &subject, "trailers None");
    breaks(
        "the_reported_length_of_a_body_is_true",
        &subject,
        "SizeHint",
    );
}

#[test]
fn reading_the_body_before_responding_is_detected() {
    let subject = passing(|inner, req| {
        let call = inner.call(req);
        Box::pin(async move {
            let (parts, body) = call.await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Response::from_parts(parts, ScriptedBody::new().data(body)))
        })
    });
    breaks(
        "a_permit_lives_as_long_as_the_body",
        &subject,
        "did not end",
    );
    breaks("trailers_are_kept", &subject, "trailers None");
}

#[test]
fn taking_an_empty_frame_for_the_end_is_detected() {
    let subject = passing(|inner, req| {
        let call = inner.call(req);
        Box::pin(async move {
            let (parts, mut body) = call.await?.into_parts();
            let mut copy = ScriptedBody::new();
            while let Some(frame) = body.frame().await.transpose()? {
                match frame.into_data() {
                    Ok(data) if !data.is_empty() => copy = copy.data(data),
                    _ => break,
                }
            }
            Ok(Response::from_parts(parts, copy))
        })
    });
    breaks("an_empty_frame_is_not_the_end", &subject, "200 OK b\"\"");
}

#[test]
fn turning_an_error_into_its_text_is_detected() {
    let subject = passing(|inner, req| {
        let call = inner.call(req);
        Box::pin(async move { call.await.map_err(|error| error.to_string().into()) })
    });
    breaks(
        "errors_keep_their_source",
        &subject,
        "do not lead to the cause",
    );
}
