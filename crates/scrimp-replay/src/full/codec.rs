//! A batch protocol for upstreams that exist only in a log.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, header::CONTENT_LENGTH, request::Parts,
};
use scrimp_batch::{Admission, BatchCodec, Decoded, Item, Verdict};
use scrimp_cache::Pattern;
use scrimp_core::KeyBuf;

use crate::upstream::{Logged, MAX_BODY};

/// Mark of a batch call. Logs have no request fields except the user agent.
const MARK: HeaderName = HeaderName::from_static("x-scrimp-batch");

/// Batches GETs, and gives each the response in the log.
#[derive(Debug)]
pub(super) struct LogBatch {
    most: usize,
    /// Paths that are batched; empty for all.
    paths: Vec<Pattern>,
    /// The longest body. Every other body is a part of it: all bytes are zero, and unread pages
    /// take no memory.
    zeros: Bytes,
}

/// Reports whether a request is a batch.
pub(super) fn is_batch<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(MARK)
}

// === impl LogBatch ===

impl LogBatch {
    pub(super) fn new(most: usize, paths: &[String]) -> Self {
        let length = usize::try_from(MAX_BODY).unwrap_or(usize::MAX);
        Self {
            most,
            paths: paths.iter().map(|path| Pattern::path(path)).collect(),
            zeros: Bytes::from(vec![0; length]),
        }
    }

    fn answer(&self, item: &Item) -> Option<Response<Bytes>> {
        let logged = item.head.extensions.get::<Logged>()?;
        let length = usize::try_from(logged.bytes.min(MAX_BODY)).ok()?;
        let status = logged.answer();
        let body = if status == http::StatusCode::NO_CONTENT {
            Bytes::new()
        } else {
            self.zeros.slice(..length)
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if status != http::StatusCode::NO_CONTENT {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        Some(response)
    }
}

impl BatchCodec for LogBatch {
    fn accepts(&self, head: &Parts) -> bool {
        let path = head.uri.path();
        let takes_part = |pattern: &Pattern| pattern.matches(path);
        head.method == Method::GET && (self.paths.is_empty() || self.paths.iter().any(takes_part))
    }

    fn admit(&self, _: &Parts, _: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
        Some(Admission::safe())
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static("/batch");
        let items = HeaderValue::from(items.len());
        request.headers_mut().insert(MARK, items);
        Some(request)
    }

    fn decode(&self, items: &[&Item], _: &Response<Bytes>) -> Decoded {
        Decoded::Answers(items.iter().map(|item| self.answer(item)).collect())
    }

    /// Accepts every response: a retry would give the same one.
    fn verdict(&self, _: &Item, _: &Response<Bytes>) -> Verdict {
        Verdict::Final
    }

    fn max_items(&self) -> usize {
        self.most
    }
}
