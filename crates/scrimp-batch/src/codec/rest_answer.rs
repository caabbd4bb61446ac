//! Answers in a JSON envelope.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use scrimp_http::{coding::is_coded, framing, media_type};
use serde_json::value::RawValue;

use super::json::{self, Fields};
use crate::coding::{self, Undecoded};

/// Decoded bytes of all bodies in an envelope that have content codings of their own.
const MOST_DECODED: usize = 16 << 20;

/// Returns the answers by the layer's ids; `None` if the body is no envelope. The answer is `None`
/// if its id comes twice or it cannot be read.
pub(crate) fn by_id(body: &Bytes) -> Option<HashMap<u64, Option<Response<Bytes>>>> {
    let fields = json::object(body)?;
    let elements = json::array(json::get(&fields, "responses")?.get().as_bytes())?;
    let mut by_id = HashMap::with_capacity(elements.len());
    let mut room = MOST_DECODED;
    for element in elements {
        let Some(fields) = json::object(element.get().as_bytes()) else {
            continue;
        };
        let id = json::get(&fields, "id").and_then(json::number);
        let Some(id) = id.and_then(|id| u64::try_from(id).ok()) else {
            continue;
        };
        let answer = answer(body, &fields, &mut room);
        by_id
            .entry(id)
            .and_modify(|twice| *twice = None)
            .or_insert(answer);
    }
    Some(by_id)
}

/// Returns the response that an element describes.
fn answer(whole: &Bytes, fields: &Fields<'_>, room: &mut usize) -> Option<Response<Bytes>> {
    let status = json::get(fields, "status")?;
    let status = json::text(status).unwrap_or_else(|| status.get().into());
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let headers = json::get(fields, "headers").map(headers);
    *response.headers_mut() = headers.unwrap_or_default();
    let Some(value) = json::get(fields, "body") else {
        return Some(response);
    };
    if is_coded(response.headers()) {
        match decoded(&response, value, *room) {
            Some(Ok(decoded)) => {
                *room -= decoded.body().len();
                return Some(decoded);
            }
            Some(Err(error)) if error.too_long => return None,
            // The server took the field from a response that it put into the envelope as it was.
            _ => drop(response.headers_mut().remove(CONTENT_ENCODING)),
        }
    }
    let body = self::body(whole, value, response.headers());
    let untyped = !response.headers().contains_key(CONTENT_TYPE);
    if untyped && !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    *response.body_mut() = body;
    Some(response)
}

/// Returns the response with a body that is in Base64 and has a content coding; `None` if it is not in
/// Base64.
fn decoded(
    head: &Response<Bytes>,
    value: &RawValue,
    room: usize,
) -> Option<Result<Response<Bytes>, Undecoded>> {
    let mut coded = Response::new(decode(&json::text(value)?)?.into());
    *coded.status_mut() = head.status();
    coded.headers_mut().clone_from(head.headers());
    Some(coding::decoded(coded, room))
}

fn headers(object: &RawValue) -> HeaderMap {
    // Two members of one name are two lines of a field, such as Set-Cookie.
    let fields = json::members(object.get().as_bytes()).unwrap_or_default();
    let pair = |(name, value): (String, &RawValue)| {
        let value = json::text(value).unwrap_or_else(|| value.get().into());
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(&value).ok()?))
    };
    let mut all = HeaderMap::new();
    for (name, value) in fields.into_iter().filter_map(pair) {
        all.append(name, value);
    }
    framing::strip(&mut all);
    all
}

/// Returns the body of an answer. JSON is passed on byte for byte. A string that holds text or
/// Base64 is decoded.
fn body(whole: &Bytes, value: &RawValue, headers: &HeaderMap) -> Bytes {
    let raw = || whole.slice_ref(value.get().as_bytes());
    if value.get() == "null" {
        return Bytes::new();
    }
    if media_type::of(headers).is_none() || media_type::is_json(headers) {
        return raw();
    }
    match json::text(value) {
        None => raw(),
        Some(text) if media_type::is_text(headers) => text.into(),
        Some(text) => decode(&text).map_or_else(|| text.into(), Bytes::from),
    }
}

/// Decodes Base64, in the standard alphabet (Graph) or the one for URLs (OData).
fn decode(text: &str) -> Option<Vec<u8>> {
    let plain = BASE64_STANDARD.decode(text);
    plain
        .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .ok()
}
