//! JSON-RPC 2.0.

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::media_type;
use serde_json::value::RawValue;

use super::{
    Admission, BatchCodec, Decoded, Item, Verdict,
    head::{same_head, without_framing},
    json, wait,
};

/// Longest error of a whole batch that is repeated under each caller's id, in bytes. An upstream
/// must not have a long one copied for each call.
const MAX_REPEATED: usize = 64 << 10;

/// Codec for JSON-RPC 2.0 batches ([§6](https://www.jsonrpc.org/specification#batch)).
///
/// POSTs of a single call to the same URI with the same header fields become one array. Ids are
/// rewritten, because callers may use equal ones, and each answer gets its caller's id back, byte
/// for byte. Answers are matched by id alone. A notification is answered by 204 when the upstream
/// has accepted its batch.
///
/// The codec does not know what a method does, so no call is sent twice unless
/// [`safe`](Self::safe) allows it.
#[derive(Clone)]
pub struct JsonRpc {
    safe: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    items: usize,
}

// === impl JsonRpc ===

impl JsonRpc {
    /// Returns a codec with up to 100 calls in a batch, where no method is safe.
    #[must_use]
    pub fn new() -> Self {
        Self {
            safe: Arc::new(|_| false),
            items: 100,
        }
    }

    /// Sets the methods whose calls may be sent twice, and whose equal calls share an answer.
    #[must_use]
    pub fn safe(mut self, safe: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.safe = Arc::new(safe);
        self
    }

    /// Limits the calls in a batch. Range: 1 or more. Default: 100.
    #[must_use]
    pub fn limit(mut self, items: usize) -> Self {
        self.items = items;
        self
    }
}

impl Default for JsonRpc {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchCodec for JsonRpc {
    fn accepts(&self, head: &Parts) -> bool {
        head.method == Method::POST && media_type::is_json(&head.headers)
    }

    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission> {
        let fields = json::object(body)?;
        let method = json::text(json::get(&fields, "method")?)?;
        let id = json::get(&fields, "id");
        let span = match id {
            Some(id) if is_id(id) => Some(json::span(body, id)),
            Some(_) => return None,
            None => None,
        };
        same_head(head, lane);
        let mut admission = Admission {
            span,
            ..Admission::default()
        };
        if (self.safe)(&method) {
            admission.replayable = true;
            admission.identity = span.map(|(start, end)| {
                let mut key = KeyBuf::new();
                key.part(&body[..start]).part(&body[end..]).to_key()
            });
        }
        Some(admission)
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        let first = items.first()?;
        let body = json::list(items, |item, out| match item.admission.span {
            Some(span) => json::splice(out, &item.body, span, item.id.to_string().as_bytes()),
            None => out.extend_from_slice(&item.body),
        });
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = first.head.uri.clone();
        *request.headers_mut() = without_framing(&first.head.headers);
        Some(request)
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        let body = response.body();
        let Some(elements) = json::array(body) else {
            return Self::no_array(items, response);
        };
        let by_id = answers(&elements);
        let answer = |item: &&Item| match own_id(item) {
            None => response.status().is_success().then(accepted),
            Some(id) => {
                let (element, at) = by_id.get(&item.id)?.as_ref()?;
                Some(restored(element, *at, id, response))
            }
        };
        Decoded::Answers(items.iter().map(answer).collect())
    }

    fn verdict(&self, _: &Item, answer: &Response<Bytes>) -> Verdict {
        match error_code(answer.body()) {
            // "Limit exceeded" of Ethereum's providers (EIP-1474).
            Some(-32005) => Verdict::Transient(wait(answer)),
            _ => Verdict::of(answer),
        }
    }

    fn duplicate(&self, _: &Item, duplicate: &Item, answer: &Response<Bytes>) -> Response<Bytes> {
        relabelled(duplicate, answer)
    }

    fn check(&self) -> Result<(), SettingError> {
        SettingError::within("JsonRpc", "limit", self.items, 1..).map(drop)
    }

    fn max_items(&self) -> usize {
        self.items
    }
}

impl JsonRpc {
    /// Decodes an answer that is no array. It is about the batch as a whole.
    fn no_array(items: &[&Item], response: &Response<Bytes>) -> Decoded {
        let status = response.status();
        let notifications = items.iter().all(|item| own_id(item).is_none());
        if status.is_success() && response.body().is_empty() && notifications {
            return Decoded::Answers(items.iter().map(|_| Some(accepted())).collect());
        }
        match error_code(response.body()) {
            // Invalid request, and geth's "batch too large": no call was carried out.
            Some(-32600 | -32003) => Decoded::Split,
            // An error of the whole is the error of each call, under its own id.
            Some(_) if status.is_success() && response.body().len() <= MAX_REPEATED => {
                let answer = |item: &&Item| Some(relabelled(item, response));
                Decoded::Answers(items.iter().map(answer).collect())
            }
            _ if status.is_success() => Decoded::unattributed(items.len()),
            _ => Decoded::of_failure(status),
        }
    }
}

/// An element and the place of its id; `None` if the id came twice.
type Found<'a> = Option<(&'a RawValue, (usize, usize))>;

/// Returns the elements by id, as far as the id may be one of the layer's.
fn answers<'a>(elements: &[&'a RawValue]) -> HashMap<u64, Found<'a>> {
    let mut by_id: HashMap<u64, Found<'a>> = HashMap::with_capacity(elements.len());
    for element in elements {
        let json = element.get().as_bytes();
        let Some(fields) = json::object(json) else {
            continue;
        };
        // An element with neither or both is no answer (§5).
        if json::get(&fields, "result").is_some() == json::get(&fields, "error").is_some() {
            continue;
        }
        let Some(id) = json::get(&fields, "id") else {
            continue;
        };
        if let Ok(number) = id.get().parse() {
            let found = Some((*element, json::span(json, id)));
            by_id
                .entry(number)
                .and_modify(|twice| *twice = None)
                .or_insert(found);
        }
    }
    by_id
}

/// Returns an element under the id that its caller gave.
fn restored(
    element: &RawValue,
    at: (usize, usize),
    id: &[u8],
    outer: &Response<Bytes>,
) -> Response<Bytes> {
    let json = element.get().as_bytes();
    let mut body = Vec::with_capacity(json.len() + id.len());
    json::splice(&mut body, json, at, id);
    let mut response = Response::new(Bytes::from(body));
    if let Some(value) = outer.headers().get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, value.clone());
    }
    response
}

/// Returns an answer under the id of this item. An error of a whole batch may come without an id.
fn relabelled(item: &Item, answer: &Response<Bytes>) -> Response<Bytes> {
    let mut answer = answer.clone();
    let body = answer.body().clone();
    let Some((fields, own)) = json::object(&body).zip(own_id(item)) else {
        return answer;
    };
    let mut out = Vec::with_capacity(body.len() + own.len() + 16);
    match json::get(&fields, "id") {
        // Callers often count from the same number: then they share one body.
        Some(id) if id.get().as_bytes() == own => return answer,
        Some(id) => json::splice(&mut out, &body, json::span(&body, id), own),
        None => {
            let inside = body
                .iter()
                .position(|&byte| byte == b'{')
                .map_or(0, |at| at + 1);
            let comma: &[u8] = if fields.is_empty() { b"" } else { b"," };
            let field = [b"\"id\":", own, comma].concat();
            json::splice(&mut out, &body, (inside, inside), &field);
        }
    }
    *answer.body_mut() = out.into();
    answer
}

fn accepted() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Returns the id that the item's caller gave; `None` for a notification.
fn own_id(item: &Item) -> Option<&[u8]> {
    let (start, end) = item.admission.span?;
    Some(&item.body[start..end])
}

fn is_id(value: &RawValue) -> bool {
    matches!(json::first(value), b'"' | b'-' | b'0'..=b'9' | b'n')
}

/// Returns the code of an error response.
fn error_code(json: &[u8]) -> Option<i64> {
    let fields = json::object(json)?;
    let error = json::object(json::get(&fields, "error")?.get().as_bytes())?;
    json::get(&error, "code")?.get().parse().ok()
}

impl fmt::Debug for JsonRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRpc")
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}
