//! The exchange of all measurements: 1 KiB of JSON as a framework answers it, requested as by a
//! browser behind a proxy. Both have eight header fields.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use crate::popularity;

pub(crate) const BODY: usize = 1024;

/// Target of a request.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// The same URI every time.
    Same,
    /// A different URI for each request.
    Unique,
    /// The same URI by a method that no cache answers.
    Post,
    /// One of many URIs of unequal popularity.
    Popular,
}

pub(crate) fn request<B: Default>(target: Target, number: usize, absolute: bool) -> Request<B> {
    let origin = if absolute {
        "http://api.example.com"
    } else {
        ""
    };
    let page = match target {
        Target::Same | Target::Post => 2,
        Target::Unique => number,
        Target::Popular => popularity::page(number),
    };
    received(
        &format!("{origin}/api/products?category=electronics&page={page}"),
        target,
    )
}

const REQUEST_FIELDS: [(HeaderName, &str); 8] = [
    (header::HOST, "api.example.com"),
    (
        header::USER_AGENT,
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (header::ACCEPT, "application/json, text/plain, */*"),
    (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.8"),
    (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
    (
        HeaderName::from_static("x-request-id"),
        "0f8fad5b-d9cb-469f-a165-70867728950e",
    ),
    (
        HeaderName::from_static("traceparent"),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    (HeaderName::from_static("x-forwarded-for"), "203.0.113.7"),
];

/// Values of Accept-Encoding of other clients.
pub(crate) const OTHER_ENCODINGS: [&str; 7] = [
    "gzip",
    "br",
    "gzip, br",
    "gzip, deflate, br",
    "gzip, deflate",
    "identity",
    "zstd",
];

/// Makes a request as hyper does: the URI and all values are slices of one buffer.
fn received<B: Default>(uri: &str, target: Target) -> Request<B> {
    let fields = REQUEST_FIELDS;
    let values = fields.iter().map(|(_, value)| *value);
    let mut buffer = Bytes::from(values.fold(uri.to_owned(), |text, value| text + value));
    let mut request = Request::new(B::default());
    if matches!(target, Target::Post) {
        *request.method_mut() = Method::POST;
    }
    let uri = buffer.split_to(uri.len());
    *request.uri_mut() = Uri::from_maybe_shared(uri).expect("the URI is well-formed");
    for (name, value) in fields {
        let slice = buffer.split_to(value.len());
        let value = HeaderValue::from_maybe_shared(slice).expect("the value is printable");
        request.headers_mut().insert(name, value);
    }
    request
}

/// Returns eight fields of a response that is fresh for an hour.
pub(crate) fn response_headers(cache_control: &str, length: usize) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, cache_control),
        (header::ETAG, "\"5f3a1c-9b2e\""),
        (header::LAST_MODIFIED, "Tue, 14 Jan 2025 09:30:00 GMT"),
        (header::VARY, "Accept-Encoding"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CONTENT_LANGUAGE, "en"),
    ] {
        let value = HeaderValue::from_str(value).expect("the value is printable");
        headers.insert(name, value);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers
}

pub(crate) fn body(length: usize) -> Bytes {
    let text = br#"{"id":1042,"name":"Headphones","price":"59.90","stock":17},"#;
    text.iter().copied().cycle().take(length).collect()
}
