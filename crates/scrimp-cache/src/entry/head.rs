//! Header fields of a response that is stored.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use scrimp_http::{date, media_type};

use crate::policy::freshness::Arrival;

/// Returns the fields as hits send them, without those that change with every hit, and the
/// Cache-Status of caches nearer to the origin.
pub(super) fn stored(
    mut headers: HeaderMap,
    status: StatusCode,
    (body, trailers): (&Bytes, Option<&HeaderMap>),
    arrival: Arrival,
) -> (HeaderMap, Option<Bytes>) {
    let said = take_cache_status(&mut headers);
    dated(&mut headers, arrival);
    match trailers {
        Some(trailers) => announced(&mut headers, trailers),
        // Clients take a body of known length for one that comes at once.
        None if media_type::is_stream(&headers) => {}
        None => measured(&mut headers, status, body),
    }
    headers.remove(header::AGE);
    (headers, said)
}

/// Removes the Cache-Status of caches nearer to the origin, and returns it as one line.
fn take_cache_status(headers: &mut HeaderMap) -> Option<Bytes> {
    let lines: Vec<_> = headers
        .get_all(header::CACHE_STATUS)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let said = (!lines.is_empty()).then(|| Bytes::from(lines.join(&b", "[..])));
    headers.remove(header::CACHE_STATUS);
    said
}

/// Adds the Date of arrival to a response without one (RFC 9110 §6.6.1).
fn dated(headers: &mut HeaderMap, arrival: Arrival) {
    if !headers.contains_key(header::DATE)
        && let Some(date) = date::format(arrival.wall)
    {
        headers.insert(header::DATE, date);
    }
}

/// Adds the Content-Length to a response without one, now that it is known.
fn measured(headers: &mut HeaderMap, status: StatusCode, body: &Bytes) {
    // RFC 9110 §8.6: these have no content and no length.
    let may = status != StatusCode::NO_CONTENT && !status.is_informational();
    if may && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
}

/// Restores the Trailer field that was removed as hop-by-hop. HTTP/1.1 servers send only trailers
/// named there (RFC 9110 §6.6.2), and none after a body of announced length.
fn announced(headers: &mut HeaderMap, trailers: &HeaderMap) {
    let names = trailers.keys().cloned().map(HeaderValue::from);
    for name in names {
        headers.append(header::TRAILER, name);
    }
}
