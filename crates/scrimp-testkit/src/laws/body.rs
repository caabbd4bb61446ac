//! Law 10: bodies pass unchanged.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use scrimp_core::BoxError;

use super::{
    bench::{Bench, head, settle, whole, within},
    violation::{Breach, Verdict, ensure},
};
use crate::{Reply, ScriptedBody};

/// `size_hint` and `is_end_stream` are forwarded, and both are true.
pub(super) async fn the_reported_length_of_a_body_is_true(bench: &Bench<'_>) -> Verdict {
    let length = bench.answer(0).body().len() as u64;
    let sized =
        bench.stage_with(|head, halves| Reply::respond(head.map(|()| whole(halves).sized())));
    let unsized_ = bench.stage();
    let empty =
        bench.stage_with(|head, _| Reply::respond(head.map(|()| ScriptedBody::new().sized())));
    for round in ["first", "second"] {
        let when = format!("the {round} response of known length");
        let response = head(&when, &sized.service, bench.request(0)).await?;
        let hint = response.body().size_hint();
        ensure(
            hint.exact() == Some(length),
            format!("{when}: {hint:?}"),
            format!("exactly {length} bytes"),
        )?;
        told_truly(&when, response, length, true).await?;

        let when = format!("the {round} response of unknown length");
        let response = head(&when, &unsized_.service, bench.request(0)).await?;
        told_truly(&when, response, length, false).await?;

        let when = format!("the {round} response without a body");
        let response = head(&when, &empty.service, bench.request(0)).await?;
        ensure(
            response.body().is_end_stream(),
            format!("{when}: not at its end before the first poll"),
            "`is_end_stream` to be forwarded",
        )?;
        told_truly(&when, response, 0, true).await?;
        settle().await;
    }
    Ok(())
}

async fn told_truly(
    when: &str,
    response: Response<UnsyncBoxBody<Bytes, BoxError>>,
    length: u64,
    sized: bool,
) -> Verdict {
    let mut body = response.into_body();
    let mut left = length;
    loop {
        let hint = body.size_hint();
        ensure(
            hint.lower() <= left && hint.upper().is_none_or(|upper| left <= upper),
            format!("{when}: {hint:?} with {left} bytes left"),
            "a correct hint",
        )?;
        let ended = body.is_end_stream();
        ensure(
            left == 0 || !ended,
            format!("{when}: at its end with {left} bytes left"),
            "`is_end_stream` to be true at the end only",
        )?;
        ensure(
            left > 0 || ended || !sized,
            format!("{when}: not at its end after the last frame"),
            "`is_end_stream` to be forwarded, as servers do not poll past it",
        )?;
        match within(when, body.frame()).await? {
            None => break,
            Some(Err(error)) => return Err(Breach::new(format!("{when}: `{error}`"), "no error")),
            Some(Ok(frame)) => {
                let read = frame.data_ref().map_or(0, Bytes::len) as u64;
                left = left.saturating_sub(read);
            }
        }
    }
    ensure(
        left == 0,
        format!("{when}: {left} bytes short"),
        "the whole body",
    )
}

/// Data after an empty frame arrives.
pub(super) async fn an_empty_frame_is_not_the_end(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage_with(|head, [first, second]| {
        let body = ScriptedBody::new()
            .data("")
            .data(first)
            .data("")
            .wake()
            .data("")
            .data(second);
        Reply::respond(head.map(|()| body))
    });
    for round in ["first", "second"] {
        let when = format!("the {round} response, with empty frames in between");
        bench.served(&when, &stage.service, 0).await?;
        settle().await;
    }
    Ok(())
}

/// Trailers arrive, on the second response too; the law does not say how the layer keeps them.
pub(super) async fn trailers_are_kept(bench: &Bench<'_>) -> Verdict {
    let stage = bench.stage_with(|head, [first, second]| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", HeaderValue::from_static("7"));
        let body = ScriptedBody::new()
            .data(first)
            .data(second)
            .wake()
            .trailers(trailers);
        Reply::respond(head.map(|()| body))
    });
    for round in ["first", "second"] {
        let when = format!("the {round} response, which has trailers");
        let answer = bench.served(&when, &stage.service, 0).await?;
        let kept = answer
            .trailers
            .as_ref()
            .and_then(|trailers| trailers.get("x-checksum"));
        ensure(
            kept.is_some_and(|value| value == "7"),
            format!("{when}: trailers {:?}", answer.trailers),
            "`x-checksum: 7`",
        )?;
        settle().await;
    }
    Ok(())
}
