//! The model that a request names.
//!
//! | API | the name stands in |
//! |---|---|
//! | OpenAI, Anthropic, Mistral, Cohere, Ollama and most others | the member `model` of the body |
//! | Gemini, Vertex | the path: `/models/NAME:generateContent` |
//! | Bedrock | the path: `/model/NAME/converse`, `/model/NAME/invoke` |
//! | Azure | the path: `/deployments/NAME/chat/completions` |
//!
//! Forms (`multipart/form-data`, as for transcriptions) are not read.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use http::{
    Uri,
    uri::{Parts, PathAndQuery},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest name of a model that is read, in bytes.
pub const LONGEST: usize = 256;

/// Bytes of a name that a path cannot hold as they are, beside those outside of ASCII.
const ENCODED: &[u8] = b" \"#%/:<>?[\\]^`{|}";

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

/// Returns the model that a request names, by its body or else by its path.
///
/// ```
/// use bytes::Bytes;
///
/// let body = Bytes::from(r#"{"model":"gpt-4o","messages":[]}"#);
/// let uri = "/v1/chat/completions".parse()?;
/// assert_eq!(scrimp_llm::model::named(&uri, Some(&body)).as_deref(), Some("gpt-4o"));
///
/// let uri = "/v1beta/models/gemini-2.5-pro:generateContent".parse()?;
/// assert_eq!(scrimp_llm::model::named(&uri, None).as_deref(), Some("gemini-2.5-pro"));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[must_use]
pub fn named(uri: &Uri, body: Option<&Bytes>) -> Option<Box<str>> {
    let of_body = body.and_then(|body| in_body(body).map(|(name, _)| name));
    let name = of_body.or_else(|| in_path(uri.path()).map(|(name, _)| name))?;
    (!name.is_empty() && name.len() <= LONGEST).then(|| name.into_owned().into())
}

/// Replaces the model that a request names, if it is `asked`, where it is named: in the body, in the
/// path, or in both. All other bytes stay as they are.
///
/// ```
/// use bytes::Bytes;
///
/// let mut uri = "/v1/chat/completions".parse()?;
/// let mut body = Bytes::from(r#"{"seed":1.0, "model":"gpt-4o"}"#);
/// scrimp_llm::model::rename(&mut uri, &mut body, "gpt-4o", "deepseek-chat");
/// assert_eq!(body, r#"{"seed":1.0, "model":"deepseek-chat"}"#);
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
pub fn rename(uri: &mut Uri, body: &mut Bytes, asked: &str, own: &str) {
    rename_in_body(body, asked, own);
    rename_in_path(uri, asked, own);
}

/// Replaces the model that a body names, if it is `asked`, as [`rename`] does.
pub fn rename_in_body(body: &mut Bytes, asked: &str, own: &str) {
    let in_body = in_body(body).filter(|(name, _)| name == asked);
    if let Some(place) = in_body.map(|(_, place)| place) {
        let name = serde_json::Value::from(own).to_string();
        let parts = [&body[..place.start], name.as_bytes(), &body[place.end..]];
        *body = parts.concat().into();
    }
}

/// Replaces the model that a path names, if it is `asked`, as [`rename`] does. A path that would be too
/// long stays as it is.
pub fn rename_in_path(uri: &mut Uri, asked: &str, own: &str) {
    let path = uri.path();
    let in_path = in_path(path).filter(|(name, _)| name == asked);
    let place = in_path.map(|(_, place)| place);
    if let Some(place) = place
        && let Some(renamed) = with_path(uri, &spliced(path, place, &encoded(own)))
    {
        *uri = renamed;
    }
}

/// Returns the name in the body, and the place of the JSON string that has it.
fn in_body(body: &[u8]) -> Option<(Cow<'_, str>, Range<usize>)> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return None;
    }
    let text = serde_json::from_slice::<Named<'_>>(body).ok()?.model?.get();
    // It is a part of the body.
    let start = (text.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let name = name_of(text)?;
    Some((name, start..start + text.len()))
}

/// Reads a JSON string: borrowed, if it has no escapes.
fn name_of(text: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

    let Name(name) = serde_json::from_str(text).ok()?;
    Some(name)
}

/// Returns the name in a path, and its place.
fn in_path(path: &str) -> Option<(Cow<'_, str>, Range<usize>)> {
    let mut segments = path.split('/');
    let kind = segments.find(|segment| matches!(*segment, "models" | "model" | "deployments"))?;
    let (name, action) = (segments.next()?, segments.next().unwrap_or_default());
    let is_word = |verb: &str| !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_alphabetic());
    // Other APIs have models too, such as those of cars: the rest of the path tells them apart.
    let name = match kind {
        "models" => name.rsplit_once(':').filter(|(_, verb)| is_word(verb))?.0,
        "model"
            if ["invoke", "converse"]
                .iter()
                .any(|verb| action.starts_with(verb)) =>
        {
            name
        }
        "deployments" if !action.is_empty() => name,
        _ => return None,
    };
    let start = (name.as_ptr() as usize).checked_sub(path.as_ptr() as usize)?;
    let place = start..start + name.len();
    // Bedrock's names hold a colon, which clients may encode.
    let name = match name.contains("%3") {
        true => name.replace("%3A", ":").replace("%3a", ":").into(),
        false => name.into(),
    };
    Some((name, place))
}

fn spliced(text: &str, place: Range<usize>, part: &str) -> String {
    [&text[..place.start], part, &text[place.end..]].concat()
}

/// Encodes a name as a segment of a path (RFC 3986 §3.3).
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'!'..=b'~' if !ENCODED.contains(&byte) => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts: Parts = uri.clone().into_parts();
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests;
