//! Header fields in stored form.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use scrimp_http::{date, media_type};
use smallvec::SmallVec;

use super::value;
use crate::policy::freshness::Arrival;

/// Returns the fields as hits send them, and the Cache-Status of caches nearer to the origin. The
/// slots for values that change with every hit come first.
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
    let mut slots = HeaderMap::with_capacity(headers.keys_len() + 2);
    slots.insert(header::AGE, HeaderValue::from_static("0"));
    slots.insert(header::CACHE_STATUS, HeaderValue::from_static(""));
    (compact(&headers, slots), said)
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

/// Appends fields to those of `copy`, with their values in memory of their own.
///
/// Values from a connection are slices of its read buffer: keeping twenty bytes would keep the
/// whole buffer. All values go into one allocation, and each is a slice of it. Values that most
/// responses share take none.
fn compact(headers: &HeaderMap, mut copy: HeaderMap) -> HeaderMap {
    let ready: SmallVec<[Option<HeaderValue>; 16]> = headers.values().map(value::shared).collect();
    let own = || {
        headers
            .values()
            .zip(&ready)
            .filter(|(_, ready)| ready.is_none())
    };
    let size = own().map(|(value, _)| value.len()).sum();
    let mut buffer = BytesMut::with_capacity(size);
    for (value, _) in own() {
        buffer.put_slice(value.as_bytes());
    }
    let mut rest = buffer.freeze();
    for ((name, value), ready) in headers.iter().zip(ready) {
        let value = ready.unwrap_or_else(|| {
            let bytes = rest.split_to(value.len());
            let owned = HeaderValue::from_maybe_shared(bytes);
            let mut owned = owned.expect("the bytes of a valid value");
            owned.set_sensitive(value.is_sensitive());
            owned
        });
        copy.append(name.clone(), value);
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_keeps_every_line_in_order() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("1"));
        headers.append("b", HeaderValue::from_static(""));
        headers.append("a", HeaderValue::from_bytes(b"\xfc").unwrap());
        let mut secret = HeaderValue::from_static("s");
        secret.set_sensitive(true);
        headers.append("c", secret);
        let copy = compact(&headers, HeaderMap::new());
        assert_eq!(copy, headers);
        assert!(copy["c"].is_sensitive());
    }
}
