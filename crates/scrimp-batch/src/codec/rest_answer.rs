//! Answers in a JSON envelope.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use scrimp_http::{framing, media_type};
use serde_json::value::RawValue;

use super::json;

/// Returns the answers by the layer's ids; `None` if the body is no envelope. The answer is `None`
/// if its id comes twice or it cannot be read.
pub(crate) fn by_id(body: &Bytes) -> Option<HashMap<u64, Option<Response<Bytes>>>> {
    let fields = json::object(body)?;
    let elements = json::array(json::get(&fields, "responses")?.get().as_bytes())?;
    let mut by_id = HashMap::with_capacity(elements.len());
    for element in elements {
        let Some((id, answer)) = answer(body, element) else {
            continue;
        };
        by_id
            .entry(id)
            .and_modify(|twice| *twice = None)
            .or_insert(answer);
    }
    Some(by_id)
}

/// Returns one element and its id; `None` if the id cannot be one of the layer's.
fn answer(whole: &Bytes, element: &RawValue) -> Option<(u64, Option<Response<Bytes>>)> {
    let fields = json::object(element.get().as_bytes())?;
    let id = json::get(&fields, "id")?;
    let id = match json::text(id) {
        Some(text) => exact(&text)?,
        None => exact(id.get())?,
    };
    let response = || {
        let status = json::get(&fields, "status")?;
        let status = json::text(status).unwrap_or_else(|| status.get().into());
        let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
        let headers = json::get(&fields, "headers")
            .map(headers)
            .unwrap_or_default();
        let value = json::get(&fields, "body");
        let body = value.map_or_else(Bytes::new, |value| self::body(whole, value, &headers));
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let untyped = !response.headers().contains_key(CONTENT_TYPE);
        if untyped && !response.body().is_empty() {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        Some(response)
    };
    Some((id, response()))
}

/// Returns a number if it is written as the layer writes it: not `+1`, not `01`.
fn exact(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
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
