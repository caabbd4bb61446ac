//! Faults of the upstream.

use std::{io, time::Duration};

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use tokio::time::sleep;

use crate::dice::{Dice, Scripted};

/// A fault within a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    None,
    Stall,
    Reset,
}

/// Returns the status of an error, now and then.
pub(crate) fn status(dice: &Dice) -> Option<StatusCode> {
    if !dice.happens("upstream: an error status", 200) {
        return None;
    }
    let statuses = [500, 502, 503, 504, 429];
    let status = statuses[dice.fork().usize(..statuses.len())];
    StatusCode::from_u16(status).ok()
}

/// Stalls or resets, now and then. Some stalls are longer than every time-out of the layers.
pub(crate) async fn before_the_head(dice: &Dice) {
    if dice.happens("upstream: a stall before the head", 150) {
        sleep(Duration::from_millis(dice.fork().u64(20..600))).await;
    }
    if dice.happens("upstream: a stall beyond time-outs", 15) {
        sleep(Duration::from_secs(4)).await;
    }
    if dice.happens("upstream: a reset before the head", 60) {
        // The task of the connection ends, and the connection with it.
        std::panic::panic_any(Scripted);
    }
}

/// Sends the body in pieces, with a stall or a reset in the middle, now and then.
pub(crate) async fn within_the_body(dice: &Dice, response: Response) -> Response {
    let stall = dice.happens("upstream: a stall in mid-body", 100);
    let reset = !stall && dice.happens("upstream: a reset in mid-body", 150);
    let mut random = dice.fork();
    let broken = match (stall, reset) {
        (true, _) => Break::Stall,
        (_, true) => Break::Reset,
        _ => Break::None,
    };
    if broken == Break::None && random.u8(..4) > 0 {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Response::new(Body::empty());
    };
    if body.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    // With and without a length that the reader can count on.
    if random.bool() {
        let length = http::HeaderValue::from(body.len());
        parts.headers.insert(http::header::CONTENT_LENGTH, length);
    }
    let pieces = pieces(&body, &mut random);
    let middle = random.usize(..pieces.len());
    let pause = Duration::from_millis(random.u64(20..1_500));
    let frames = stream::iter(pieces.into_iter().enumerate()).then(move |(n, piece)| async move {
        match broken {
            Break::Stall if n == middle => sleep(pause).await,
            Break::Reset if n == middle => return Err(io::Error::other("reset")),
            _ => {}
        }
        Ok(piece)
    });
    Response::from_parts(parts, Body::from_stream(frames))
}

fn pieces(body: &Bytes, random: &mut fastrand::Rng) -> Vec<Bytes> {
    let mut rest = body.clone();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let most = rest.len().min(16_384);
        pieces.push(rest.split_to(random.usize(1..=most)));
    }
    pieces
}
