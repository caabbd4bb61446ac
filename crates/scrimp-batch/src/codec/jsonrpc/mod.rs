//! JSON-RPC 2.0.

mod answer;
mod dialect;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request::Parts};
use scrimp_core::{KeyBuf, SettingError};
use scrimp_http::media_type;
use serde_json::value::RawValue;

use super::{
    Admission, BatchCodec, Decoded, Item, Verdict,
    head::{same_head, without_framing},
    json, wait,
};
use dialect::{Refusal, RpcError};

/// Codec for JSON-RPC 2.0 batches ([§6](https://www.jsonrpc.org/specification#batch)).
///
/// POSTs of a single call to the same URI with the same header fields become one array. Ids are
/// rewritten, because callers may use equal ones, and each answer gets its caller's id back, byte
/// for byte. Answers are matched by id alone. A notification is answered by 204 when the upstream
/// has accepted its batch.
///
/// The codec does not know what a method does, so no call is sent twice unless
/// [`safe`](Self::safe) allows it, or an error says that nothing was done.
///
/// # Dialects
///
/// Services word such errors in many ways, so kinds are understood and not a list of services:
///
/// | an error, of one call or of the whole | its effect |
/// |---|---|
/// | its message is about a batch and a size, or a response that is too large | what was not carried out is sent again in smaller batches; a limit in the message is kept |
/// | it says that batches are not taken | calls go one by one, for ten minutes |
/// | its message is about a rate, or its code is 429, -32005, -32016, -32029, -32090 or -32097 and the message is not about the call itself | the call is sent again after a pause, or after the time that the error names, whatever its method |
///
/// Also `"error": null` beside a result, `"result": null` beside an error (JSON-RPC 1.0), and ids that
/// come back as strings or floats (`"1"`, `1.0`) are understood.
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
        match json::array(response.body()) {
            Some(elements) => answer::of_array(items, &elements, response),
            None => answer::of_whole(items, response),
        }
    }

    fn verdict(&self, _: &Item, answer: &Response<Bytes>) -> Verdict {
        let fields = json::object(answer.body()).unwrap_or_default();
        let Some(error) = RpcError::of(&fields) else {
            return Verdict::of(answer);
        };
        match error.refusal(usize::MAX) {
            Some(Refusal::Busy(told)) => Verdict::NotDone(told.max(wait(answer))),
            _ if answer.status() == StatusCode::TOO_MANY_REQUESTS => Verdict::NotDone(wait(answer)),
            _ => Verdict::of(answer),
        }
    }

    fn judges_bodies(&self) -> bool {
        true
    }

    fn duplicate(&self, _: &Item, duplicate: &Item, answer: &Response<Bytes>) -> Response<Bytes> {
        answer::relabelled(duplicate, answer)
    }

    fn check(&self) -> Result<(), SettingError> {
        SettingError::within("JsonRpc", "limit", self.items, 1..).map(drop)
    }

    fn max_items(&self) -> usize {
        self.items
    }
}

/// Returns the id that the item's caller gave; `None` for a notification.
fn own_id(item: &Item) -> Option<&[u8]> {
    let (start, end) = item.admission.span?;
    Some(&item.body[start..end])
}

fn is_id(value: &RawValue) -> bool {
    matches!(json::first(value), b'"' | b'-' | b'0'..=b'9' | b'n')
}

impl fmt::Debug for JsonRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRpc")
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}
