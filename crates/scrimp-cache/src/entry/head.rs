//! Header fields as they are stored.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use scrimp_http::date;

use super::{CACHE_STATUS, compact};
use crate::{config::Config, policy::freshness::Arrival};

/// Returns the fields as hits send them, with slots for what changes with every hit in front of
/// all others; and what caches nearer to the origin said of the response.
pub(super) fn stored(
    config: &Config,
    mut headers: HeaderMap,
    status: StatusCode,
    (body, trailers): (&Bytes, Option<&HeaderMap>),
    arrival: Arrival,
) -> (HeaderMap, Option<Bytes>) {
    let said = take_cache_status(&mut headers);
    config.strip_tags(&mut headers);
    dated(&mut headers, arrival);
    match trailers {
        Some(trailers) => announced(&mut headers, trailers),
        None => measured(&mut headers, status, body),
    }
    headers.remove(header::AGE);
    let mut slots = HeaderMap::with_capacity(headers.keys_len() + 2);
    slots.insert(header::AGE, HeaderValue::from_static("0"));
    slots.insert(CACHE_STATUS, HeaderValue::from_static(""));
    (compact(&headers, slots), said)
}

/// Takes out what caches nearer to the origin have said, as one line.
fn take_cache_status(headers: &mut HeaderMap) -> Option<Bytes> {
    let lines: Vec<_> = headers
        .get_all(CACHE_STATUS)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let said = (!lines.is_empty()).then(|| Bytes::from(lines.join(&b", "[..])));
    headers.remove(CACHE_STATUS);
    said
}

/// Adds the Date that a response without one is taken to have (RFC 9110 §6.6.1).
fn dated(headers: &mut HeaderMap, arrival: Arrival) {
    if !headers.contains_key(header::DATE)
        && let Some(date) = date::format(arrival.wall)
    {
        headers.insert(header::DATE, date);
    }
}

/// Adds the Content-Length that a response without one has, now that it is known.
fn measured(headers: &mut HeaderMap, status: StatusCode, body: &Bytes) {
    // RFC 9110 §8.6: these have no content, and no length either.
    let may = status != StatusCode::NO_CONTENT && !status.is_informational();
    if may && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
}

/// Adds the Trailer that was taken out as hop-by-hop: HTTP/1.1 servers send only trailers that
/// are named there (RFC 9110 §6.6.2), and none behind a body whose length was told.
fn announced(headers: &mut HeaderMap, trailers: &HeaderMap) {
    let names = trailers.keys().cloned().map(HeaderValue::from);
    for name in names {
        headers.append(header::TRAILER, name);
    }
}
