//! The cost of an answer beside the bytes.

use std::{hint::black_box, pin::Pin, sync::Arc};

use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::Full;

use super::{Get, Http, Way, read};

/// A GET, and the cheapest response that can be made of its value: a checksum of the bytes, and a copy of header
/// fields that were there before. No key, no rules of HTTP, nothing decoded.
#[derive(Clone)]
pub(super) struct Plain {
    get: Get,
    fields: Arc<HeaderMap>,
}

/// A GET, and then a hit in memory: the same rules of HTTP as of a hit in Redis, and nothing decoded.
pub(super) struct After<S> {
    get: Get,
    http: Http<S>,
}

// === impl Plain ===

impl Plain {
    pub(super) fn new(get: Get) -> Self {
        let fields = [
            (header::AGE, "0"),
            (header::CACHE_STATUS, "scrimp; hit; ttl=3600"),
            (header::CACHE_CONTROL, "max-age=3600"),
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_LENGTH, "1024"),
            (header::DATE, "Mon, 30 Nov 2026 12:00:00 GMT"),
            (header::SERVER, "origin"),
            (header::VARY, "accept-encoding"),
        ];
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let fields = Arc::new(HeaderMap::from_iter(fields));
        Self { get, fields }
    }
}

impl Way for Plain {
    fn prepare(&mut self, _: usize) {
        // Writing the command is a part of a GET, as of a hit.
    }

    fn get(&mut self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async {
            let body = self.get.value().await;
            black_box(crc32fast::hash(&body));
            let mut response = Response::new(Full::new(body));
            response.headers_mut().clone_from(&self.fields);
            read(black_box(response)).await
        })
    }

    fn fork(&self) -> Box<dyn Way> {
        Box::new(self.clone())
    }
}

// === impl After ===

impl<S> After<S> {
    pub(super) fn new(get: Get, cache: S) -> Self {
        let http = Http::new(cache);
        Self { get, http }
    }
}

impl<S: Clone + Send> Way for After<S>
where
    Http<S>: Way,
    S: 'static,
{
    fn prepare(&mut self, count: usize) {
        self.http.prepare(count);
    }

    fn get(&mut self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async {
            self.get.value().await;
            self.http.get().await
        })
    }

    fn fork(&self) -> Box<dyn Way> {
        Box::new(Self::new(self.get.clone(), self.http.cache.clone()))
    }
}
