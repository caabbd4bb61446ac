//! REST requests in a JSON envelope.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{ACCEPT, CONTENT_TYPE, COOKIE},
    request::Parts,
};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::{media_type, own_call::needs_own_call, repeat::may_repeat};

use super::{Admission, BatchCodec, Decoded, Item, json, rest_answer};

/// The type that errors of settings name.
const OWNER: &str = "RestJson";

/// Requests in `{"requests": […]}`, answers in `{"responses": […]}`: Microsoft Graph's
/// [JSON batching](https://learn.microsoft.com/graph/json-batching), OData 4.01's
/// [JSON batch format](https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html#sec_BatchRequestsandResponses)
/// and simpler ones of the kind.
///
/// Each request keeps its own method, URL and header fields, those that trace it among them;
/// credentials, which all of a batch have in common, go onto the envelope. The envelope also
/// carries the trace fields of its first item, as the call that it is made for. Equal requests
/// share an item, and so the trace of the first of them. Answers come in any order and are matched by
/// id; a body that is not JSON travels as text or in Base64. Nothing depends on anything
/// (`dependsOn`): callers know nothing of each other.
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
    /// The first setting that cannot be used; told when a layer is built.
    error: Option<SettingError>,
}

// === impl RestJson ===

impl RestJson {
    /// Sends batches to `POST path`; a method that is not named is GET. Only GETs are batched.
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

    /// Sends batches as Microsoft Graph has it: `{version}/$batch`, URLs below the version,
    /// every method, 20 requests at most.
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

    /// Sends batches as OData 4.01 has it: `{service}/$batch`, URLs relative to the service,
    /// every method, and `Prefer: continue-on-error`, without which nothing after a failed
    /// request is answered.
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

    /// Sets what is left out at the front of URLs in the envelope. Requests elsewhere are not
    /// batched. Begins with a slash and does not end with one. Default: nothing.
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

    /// Batches all methods. Those that are not idempotent are not sent again when a batch
    /// takes too long: their callers are told that the outcome is unknown.
    #[must_use]
    pub fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }

    fn refuse(&mut self, error: SettingError) {
        self.error.get_or_insert(error);
    }

    /// Returns the URL in the envelope; `None` if it does not belong there.
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

    fn write(&self, item: &Item, out: &mut Vec<u8>) {
        let head = &item.head;
        out.extend_from_slice(format!("{{\"id\":\"{}\"", item.id).as_bytes());
        if self.name_get || head.method != Method::GET {
            member(out, "method", json::quote(head.method.as_str()).as_bytes());
        }
        let url = self.url(head).unwrap_or_default();
        member(out, "url", json::quote(url).as_bytes());
        let headers = headers(item);
        if !headers.is_empty() {
            member(out, "headers", &headers);
        }
        if !item.body.is_empty() {
            member(out, "body", &body(&head.headers, &item.body));
        }
        out.push(b'}');
    }
}

impl BatchCodec for RestJson {
    fn accepts(&self, head: &Parts) -> bool {
        let method =
            self.any_method && head.method != Method::CONNECT || head.method == Method::GET;
        // A part, another protocol and an interim answer are nothing that an item can get.
        method && !needs_own_call(&head.headers) && self.url(head).is_some()
    }

    fn admit(&self, head: &Parts, body: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
        // A body needs a type of its own in the envelope; JSON has to be JSON.
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
        let list = json::list(items, |item, out| self.write(item, out));
        let body = [b"{\"requests\":", &*list, b"}"].concat();
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
            None if response.status().is_success() => Decoded::nobody(items.len()),
            None => Decoded::of_failure(response.status()),
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

/// Header fields as an object; several of one name as one, joined as RFC 9110 §5.3 has it.
fn headers(item: &Item) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = None;
    for (name, value) in item.own_fields() {
        let value = value.to_str().unwrap_or_default();
        if last == Some(name) {
            out.pop(); // The quote at the end of the line before.
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
    out
}

/// JSON as it is, text as a string, anything else in Base64.
fn body(headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(_) if media_type::is_json(headers) => body.to_vec(),
        Ok(text) if media_type::is_text(headers) => json::quote(text).into(),
        _ => json::quote(&BASE64_STANDARD.encode(body)).into(),
    }
}
