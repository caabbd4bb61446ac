//! Parts that the forms have in common: calls, and parts of answers.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header::CONTENT_TYPE, request::Parts};
use scrimp_core::{BoxError, SettingError};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{CodecError, ItemOutcome, ItemResult};

/// Reads the base of an API: scheme, authority and an optional path, without a slash at its end.
pub(super) fn base(
    owner: &'static str,
    uri: impl TryInto<Uri, Error: Into<BoxError>>,
) -> Result<String, SettingError> {
    let shape = "like `https://api.example.com`, with a scheme and an authority";
    let uri: Uri = SettingError::read(owner, "base", uri, shape)?;
    let wrong = || SettingError::new(owner, "base", format_args!("must be {shape}"));
    let scheme = uri.scheme_str().ok_or_else(wrong)?;
    let authority = uri.authority().ok_or_else(wrong)?;
    if uri.query().is_some() {
        return Err(wrong());
    }
    let path = uri.path().trim_end_matches('/');
    Ok(format!("{scheme}://{authority}{path}"))
}

/// Returns the path of a request below the base of the API. `None` if it is not a POST without a
/// query.
pub(super) fn path_of<'a>(parts: &'a Parts, base: &str) -> Option<&'a str> {
    if parts.method != Method::POST || parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return None;
    }
    let from = base.find("://").map_or(0, |at| at + 3);
    let prefix = base[from..].find('/').map_or("", |at| &base[from + at..]);
    parts.uri.path().strip_prefix(prefix)
}

pub(super) fn get(uri: &str) -> Request<Bytes> {
    call(Method::GET, uri, Bytes::new())
}

pub(super) fn post(uri: &str, body: Bytes) -> Request<Bytes> {
    call(Method::POST, uri, body)
}

pub(super) fn post_json(uri: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request = post(uri, body.into());
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    request
}

pub(super) fn delete(uri: &str) -> Request<Bytes> {
    call(Method::DELETE, uri, Bytes::new())
}

/// Returns the texts at these places of an answer: a text, or a list of them.
pub(super) fn texts(answer: &[u8], places: &[&str]) -> Vec<String> {
    let Ok(answer) = json(answer) else {
        return Vec::new();
    };
    let found = places.iter().filter_map(|place| answer.pointer(place));
    let each = found.flat_map(|found| match found {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    let texts = each.filter_map(Value::as_str);
    texts
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}

fn call(method: Method, uri: &str, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // The base was checked, and names in it come from `segment`. What a provider names, such as a place
    // of results, may still be no URI: the call then fails as one to an unknown host does.
    *request.uri_mut() = uri.parse().unwrap_or_default();
    request
}

/// Encodes a name for a path. A slash stays: Gemini's names have one.
pub(super) fn segment(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

pub(super) fn json(answer: &[u8]) -> Result<Value, CodecError> {
    serde_json::from_slice(answer).map_err(|error| CodecError::new(error.to_string()))
}

pub(super) fn text(value: &Value, member: &str) -> Result<String, CodecError> {
    let found = value.get(member).and_then(Value::as_str);
    let missing = || CodecError::new(format!("no text `{member}`"));
    found.map(str::to_owned).ok_or_else(missing)
}

/// Members of a request's body that decide about its job.
#[derive(Debug, Deserialize, Default)]
pub(super) struct Asked {
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) stream: Option<Value>,
}

/// Reads a request's body. `None` if it is no JSON object, or asks for a stream.
pub(super) fn asked(body: &[u8]) -> Option<Asked> {
    // The visitor of a struct would take a list too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let asked: Asked = serde_json::from_slice(body).ok()?;
    let streams = matches!(asked.stream, Some(Value::Bool(true)));
    (!streams).then_some(asked)
}

/// Line of results of OpenAI and Mistral.
#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    response: Option<LineResponse<'a>>,
}

#[derive(Deserialize)]
struct LineResponse<'a> {
    status_code: u16,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// Reads a line with a `response` that has a `status_code` and a `body`, or with an `error`.
pub(super) fn status_line(line: &[u8]) -> Option<ItemResult> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let outcome = match line.response {
        Some(response) => outcome(response.status_code, response.body),
        None => ItemOutcome::NotProcessed,
    };
    Some(ItemResult {
        custom_id: line.custom_id,
        outcome,
    })
}

/// Makes an outcome. A status that may pass, such as 429 or 500, is no answer: the request may be
/// sent again.
pub(super) fn outcome(status: u16, body: Option<&RawValue>) -> ItemOutcome {
    let status = StatusCode::from_u16(status).ok();
    let status = status.filter(|status| !scrimp_http::status::is_passing(*status));
    match status {
        Some(status) if status.as_u16() >= 200 => ItemOutcome::Answer {
            status,
            body: body.map_or_else(Bytes::new, |body| {
                Bytes::copy_from_slice(body.get().as_bytes())
            }),
        },
        _ => ItemOutcome::NotProcessed,
    }
}
