//! The exchange of all measurements: 1 KiB of JSON with eight header fields, requested as by a
//! browser or a client library.

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

const REQUEST_FIELDS: [(HeaderName, &str); 6] = [
    (header::HOST, "api.example.com"),
    (header::ACCEPT, "application/json, text/plain, */*"),
    (header::ACCEPT_ENCODING, "gzip, br"),
    (header::ACCEPT_LANGUAGE, "en-GB,en;q=0.8"),
    (header::USER_AGENT, "catalogue-client/4.11 (linux; x86_64)"),
    (header::CONNECTION, "keep-alive"),
];

/// Makes a request as hyper does: the URI and all values are slices of one buffer.
fn received<B: Default>(uri: &str, target: Target) -> Request<B> {
    let values = REQUEST_FIELDS.iter().map(|(_, value)| *value);
    let mut buffer = Bytes::from(values.fold(uri.to_owned(), |text, value| text + value));
    let mut request = Request::new(B::default());
    if matches!(target, Target::Post) {
        *request.method_mut() = Method::POST;
    }
    let uri = buffer.split_to(uri.len());
    *request.uri_mut() = Uri::from_maybe_shared(uri).expect("the URI is well-formed");
    for (name, value) in REQUEST_FIELDS {
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
        (header::SERVER, "catalogue"),
        (
            HeaderName::from_static("x-request-id"),
            "0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
        (HeaderName::from_static("x-region"), "eu-west-1"),
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
