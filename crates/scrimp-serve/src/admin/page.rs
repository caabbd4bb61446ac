//! The live page: one file, without any other resource.

use std::sync::LazyLock;

use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("page.html");

/// Only the page's own style and script run, by their digests, and it connects to its own server only.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest("style"),
        digest("script")
    );
    policy.try_into().expect("base64 is visible ASCII")
});

/// Returns the digest of the content of the page's only element of this name.
fn digest(element: &str) -> String {
    let (_, after) = PAGE
        .split_once(&format!("<{element}>"))
        .expect("the page has it");
    let (content, _) = after.split_once(&format!("</{element}>")).expect("it ends");
    STANDARD.encode(Sha256::digest(content.as_bytes()))
}

/// Returns the page.
pub(super) fn page() -> Response {
    let mut response = Response::new(Body::from(PAGE));
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    let fields: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
