//! The beginning of a body, which is held back while another provider may be tried.

use std::pin::Pin;

use bytes::Bytes;
use http::response;
use http_body::Body;
use scrimp_http::decode::Decoder;

use crate::{
    body::Held,
    opening::{MOST, Opening, Verdict},
};

/// Beginning of a body.
pub(super) enum Beginning {
    Answer,
    Broken,
    /// The body is a stream that begins with an error, or has no event.
    NoAnswer,
}

/// Reads a stream up to the end of its first event.
pub(super) async fn read<R: Body<Data = Bytes>>(
    head: &response::Parts,
    body: &mut Held<Pin<Box<R>>>,
) -> Beginning {
    let begins = body.data().next().map_or(&[][..], |chunk| chunk);
    let opening = Opening::of(&head.headers, begins).filter(|_| head.status.is_success());
    let Some(opening) = opening else {
        return Beginning::Answer;
    };
    let Ok(decoder) = Decoder::of(&head.headers, MOST as u64) else {
        return Beginning::Answer;
    };
    Box::pin(first_event(opening, decoder, body)).await
}

/// Reads up to the end of the first event.
async fn first_event<R: Body<Data = Bytes>>(
    mut opening: Opening,
    mut decoder: Decoder,
    body: &mut Held<Pin<Box<R>>>,
) -> Beginning {
    let mut verdict = None;
    let mut look = |chunk: &[u8]| {
        let decoded = decoder.push(chunk, |piece| {
            verdict = verdict.or_else(|| opening.push(piece));
        });
        // What cannot be decoded is the caller's to read.
        decoded.is_err() || verdict.is_some()
    };
    let clean = body.look(&mut look).await;
    let verdict = match verdict {
        Some(verdict) => verdict,
        None if !clean => return Beginning::Broken,
        None if body.is_done() => opening.end(),
        None => Verdict::Answer,
    };
    match verdict {
        Verdict::Answer => Beginning::Answer,
        Verdict::Error | Verdict::Empty => Beginning::NoAnswer,
    }
}
