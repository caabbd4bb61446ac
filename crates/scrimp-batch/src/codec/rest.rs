//! REST requests in a JSON envelope.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, COOKIE},
    request::Parts,
};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::{media_type, own_call::needs_own_call, repeat::may_repeat};

use super::{Admission, BatchCodec, Decoded, Item, json, rest_answer};

/// The type that errors of settings name.
const OWNER: &str = "RestJson";

/// Codec for requests in `{"requests": […]}` and answers in `{"responses": […]}`: Microsoft Graph's
/// [JSON batching](https://learn.microsoft.com/graph/json-batching), OData 4.01's
/// [JSON batch format](https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_BatchRequestsandResponses)
/// and simpler formats of this kind.
///
/// Each request keeps its own method, URL and header fields, trace fields among them. Credentials
/// are equal for all requests of a batch, and are written on the envelope. The envelope also has
/// the trace fields of its first item. Equal requests share an item, which has the trace fields of
/// the first of them. Answers may come in any order and are matched by id. A body that is not JSON
/// is sent as text or in Base64. Accept-Encoding is not passed on, since bodies are in the envelope. Requests never depend on each other (`dependsOn`), because their
/// callers are independent.
///
/// ```
/// use scrimp_batch::RestJson;
///
/// // GET /api/metrics/users becomes {"id": "2", "url": "/metrics/users"} in POST /api/batch
/// let plain = RestJson::new("/api/batch").base("/api");
/// let graph = RestJson::graph("/v1.0");
/// let odata = RestJson::odata("/service");
/// # let _ = (plain, graph, odata);
/// ```
#[derive(Debug, Clone)]
pub struct RestJson {
    path: String,
    base: String,
    items: usize,
    any_method: bool,
    name_get: bool,
    relative: bool,
    prefer: Option<HeaderValue>,
    /// The first setting that cannot be used. Reported when a layer is built.
    error: Option<SettingError>,
}

// === impl RestJson ===

impl RestJson {
    /// Returns a codec that sends batches to `POST path`. Only GETs are batched, and their method is
    /// left out.
    ///
    /// The builder of the layer fails if `path` does not begin with a slash or is no valid path
    /// of a URI.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let valid = path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok();
        let error = (!valid).then(|| {
            let problem =
                format_args!("must be the path of a URI, such as \"/api/batch\", not {path:?}");
            SettingError::new(OWNER, "path", problem)
        });
        Self {
            error,
            path: path.into(),
            base: String::new(),
            items: 100,
            any_method: false,
            name_get: false,
            relative: false,
            prefer: None,
        }
    }

    /// Returns a codec for Microsoft Graph: batches go to `{version}/$batch`, with URLs below the
    /// version, every method, and 20 requests at most.
    ///
    /// The builder of the layer fails if `version` does not begin with a slash, or ends with
    /// one.
    #[must_use]
    pub fn graph(version: &str) -> Self {
        Self {
            any_method: true,
            name_get: true,
            items: 20,
            ..Self::new(&format!("{version}/$batch")).base(version)
        }
    }

    /// Returns a codec for OData 4.01: batches go to `{service}/$batch`, with URLs relative to the
    /// service, every method, and `Prefer: continue-on-error`, without which a server stops at the
    /// first request that fails.
    ///
    /// The builder of the layer fails if `service` does not begin with a slash, or ends with
    /// one.
    #[must_use]
    pub fn odata(service: &str) -> Self {
        Self {
            any_method: true,
            name_get: true,
            relative: true,
            prefer: Some(HeaderValue::from_static("continue-on-error")),
            ..Self::new(&format!("{service}/$batch")).base(service)
        }
    }

    /// Sets the prefix that is left out of URLs in the envelope. Requests to other paths are not
    /// batched. Range: begins with a slash and does not end with one. Default: no prefix.
    #[must_use]
    pub fn base(mut self, base: &str) -> Self {
        if !base.starts_with('/') || base.ends_with('/') {
            let problem = format_args!(
                "must begin with a slash and not end with one, such as \"/api\", not {base:?}"
            );
            self.refuse(SettingError::new(OWNER, "base", problem));
        }
        self.base = base.into();
        self
    }

    /// Limits the requests in a batch. Range: 1 or more. Default: 100.
    #[must_use]
    pub fn limit(mut self, items: usize) -> Self {
        if let Err(error) = SettingError::within(OWNER, "limit", items, 1..) {
            self.refuse(error);
        }
        self.items = items;
        self
    }

    /// Batches all methods. A request whose method is not idempotent is not sent again after a batch
    /// that timed out: its caller is told that the outcome is unknown.
    #[must_use]
    pub fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }

    fn refuse(&mut self, error: SettingError) {
        self.error.get_or_insert(error);
    }

    /// Returns the URL in the envelope; `None` if the request cannot be in one.
    fn url<'a>(&self, head: &'a Parts) -> Option<&'a str> {
        let whole = head.uri.path_and_query()?.as_str();
        let rest = whole.strip_prefix(self.base.as_str())?;
        let below = rest
            .strip_prefix('/')
            .filter(|_| head.uri.path() != self.path)?;
        match self.relative {
            true if below.is_empty() => None,
            true => Some(below),
            false => Some(rest),
        }
    }

    /// Writes an item; `None` if it is not one that [`accepts`](BatchCodec::accepts) and
    /// [`admit`](BatchCodec::admit) let through.
    fn write(&self, item: &Item, out: &mut Vec<u8>) -> Option<()> {
        let head = &item.head;
        out.extend_from_slice(format!("{{\"id\":\"{}\"", item.id).as_bytes());
        if self.name_get || head.method != Method::GET {
            member(out, "method", json::quote(head.method.as_str()).as_bytes());
        }
        member(out, "url", json::quote(self.url(head)?).as_bytes());
        let headers = headers(item)?;
        if !headers.is_empty() {
            member(out, "headers", &headers);
        }
        if !item.body.is_empty() {
            member(out, "body", &body(&head.headers, &item.body));
        }
        out.push(b'}');
        Some(())
    }
}

impl BatchCodec for RestJson {
    fn accepts(&self, head: &Parts) -> bool {
        let method =
            self.any_method && head.method != Method::CONNECT || head.method == Method::GET;
        // An item cannot get a part, another protocol or an interim response.
        method && !needs_own_call(&head.headers) && self.url(head).is_some()
    }

    fn admit(&self, head: &Parts, body: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
        // A body needs its type in the envelope, and a body of the type JSON must be JSON.
        let json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        let typed = head.headers.contains_key(CONTENT_TYPE);
        let fits = body.is_empty() || typed && (!media_type::is_json(&head.headers) || json());
        let text = |value: &HeaderValue| value.to_str().is_ok();
        if !fits || !head.headers.values().all(text) {
            return None;
        }
        Some(Admission {
            replayable: may_repeat(&head.method, &head.headers),
            identity: (head.method == Method::GET && body.is_empty()).then(|| {
                let mut key = KeyBuf::new();
                super::same_head(head, &mut key);
                key.to_key()
            }),
            ..Admission::default()
        })
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        let mut body = b"{\"requests\":[".to_vec();
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                body.push(b',');
            }
            self.write(item, &mut body)?;
        }
        body.extend_from_slice(b"]}");
        let mut request = Request::post(self.path.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(prefer) = &self.prefer {
            request = request.header("prefer", prefer);
        }
        request.body(body.into()).ok()
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        match rest_answer::by_id(response.body()) {
            Some(mut answers) => {
                let take = |item: &&Item| answers.remove(&item.id).flatten();
                Decoded::Answers(items.iter().map(take).collect())
            }
            None if response.status().is_success() => Decoded::unattributed(items.len()),
            // Credentials that the endpoint refuses may be good for the items.
            None if response.status() == StatusCode::UNAUTHORIZED => Decoded::Alone,
            None => Decoded::of_response(items.len(), response),
        }
    }

    fn max_items(&self) -> usize {
        self.items
    }

    fn check(&self) -> Result<(), SettingError> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

/// Returns the header fields as an object. Lines of one name are joined (RFC 9110 §5.3). `None` if
/// a value is no text.
fn headers(item: &Item) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut last = None;
    for (name, value) in item.own_fields() {
        if *name == ACCEPT_ENCODING {
            continue; // The codec reads the body.
        }
        let value = value.to_str().ok()?;
        if last == Some(name) {
            out.pop(); // The closing quote of the line before.
            out.extend_from_slice(if *name == COOKIE { b"; " } else { b", " });
            let start = out.len();
            json::write(&mut out, value);
            out.remove(start);
            continue;
        }
        out.push(if out.is_empty() { b'{' } else { b',' });
        json::write(&mut out, name.as_str());
        out.push(b':');
        json::write(&mut out, value);
        last = Some(name);
    }
    if !out.is_empty() {
        out.push(b'}');
    }
    Some(out)
}

/// Returns a body for the envelope: JSON as it is, text as a string, other types in Base64.
fn body(headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(_) if media_type::is_json(headers) => body.to_vec(),
        Ok(text) if media_type::is_text(headers) => json::quote(text).into(),
        _ => json::quote(&BASE64_STANDARD.encode(body)).into(),
    }
}
