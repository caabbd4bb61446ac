//! Problem documents for failures of a layer's own.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    Extensions, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// A failure of a layer's own, as an HTTP response.
///
/// All layers answer alike: problem details (RFC 9457) whose `type` is
/// `urn:scrimp:{layer}:{name}`, and the same in Proxy-Status (RFC 9209) with an error type of its
/// registry. The response forbids caches to store it.
///
/// ```
/// use http::StatusCode;
/// use scrimp_core::Problem;
///
/// let problem = Problem::new("batch", "timed-out", StatusCode::GATEWAY_TIMEOUT)
///     .error("http_response_timeout")
///     .detail("The call took more than 5 s.");
/// let response = problem.response();
/// assert_eq!(
///     response.headers()["proxy-status"],
///     "scrimp-batch; error=http_response_timeout; details=\"timed-out\""
/// );
/// assert!(response.body().starts_with(br#"{"type":"urn:scrimp:batch:timed-out","#));
/// ```
#[derive(Debug, Clone)]
pub struct Problem {
    layer: &'static str,
    name: &'static str,
    status: StatusCode,
    error: &'static str,
    detail: Cow<'static, str>,
    members: Vec<(&'static str, String)>,
    retry_after: Option<u64>,
    uncalled: bool,
}

/// On a response: a layer made it, as a refusal or failure of its own: a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Name of the layer.
    pub layer: &'static str,
    /// Name of the problem.
    pub reason: &'static str,
    /// Flag that the layer did not call its inner service: no ledger books a call for it.
    pub uncalled: bool,
}

// === impl Problem ===

impl Problem {
    /// Names a failure of a layer. Both names consist of lower-case letters and hyphens.
    #[must_use]
    pub const fn new(layer: &'static str, name: &'static str, status: StatusCode) -> Self {
        Self {
            layer,
            name,
            status,
            error: "proxy_internal_response",
            detail: Cow::Borrowed(""),
            members: Vec::new(),
            retry_after: None,
            uncalled: false,
        }
    }

    /// Returns the failure of a request whose caller's
    /// [`Deadline`](crate::extensions::Deadline) has passed: `urn:scrimp:{layer}:deadline`, 504.
    #[must_use]
    pub fn deadline(layer: &'static str) -> Self {
        Self::new(layer, "deadline", StatusCode::GATEWAY_TIMEOUT)
            .error("http_response_timeout")
            .detail("The deadline of the caller passed before the response was there.")
    }

    /// Sets the error type of Proxy-Status (RFC 9209 §2.3). Default: `proxy_internal_response`.
    #[must_use]
    pub const fn error(mut self, error: &'static str) -> Self {
        self.error = error;
        self
    }

    /// Sets a sentence about this failure. It must not contain secrets.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a member of the document, as text.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Sets the seconds after which the client may try again. `None` leaves Retry-After out.
    #[must_use]
    pub const fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Says that the inner service was not called for the request, so that layers outside book no call.
    #[must_use]
    pub const fn uncalled(mut self) -> Self {
        self.uncalled = true;
        self
    }

    /// Returns the status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the response, with [`Refused`] among its extensions, and logs the layer, the reason and the status at level debug.
    #[must_use]
    pub fn response(&self) -> Response<Bytes> {
        let (layer, reason, status) = (self.layer, self.name, self.status.as_u16());
        tracing::debug!(layer, reason, status, "a layer answers with a problem");
        let body = self.document();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(Refused {
            layer: self.layer,
            reason: self.name,
            uncalled: self.uncalled,
        });
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let reason = format!(
            "scrimp-{}; error={}; details=\"{}\"",
            self.layer, self.error, self.name
        );
        let reason = HeaderValue::try_from(reason).expect("made of names");
        headers.insert(PROXY_STATUS, reason);
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response.map(|_| Bytes::from(body))
    }

    fn document(&self) -> String {
        let kind = format!("urn:scrimp:{}:{}", self.layer, self.name);
        let title = self.name.replace('-', " ");
        let mut document = String::from("{");
        member(&mut document, "type", &kind);
        member(&mut document, "title", &title);
        document.push_str(&format!(",\"status\":{}", self.status.as_u16()));
        if !self.detail.is_empty() {
            member(&mut document, "detail", &self.detail);
        }
        for (name, value) in &self.members {
            member(&mut document, name, value);
        }
        document.push('}');
        document
    }
}

// === impl Refused ===

impl Refused {
    /// Reports whether a response is the refusal of a layer that did not call its inner service.
    #[must_use]
    pub fn without_call(response: &Extensions) -> bool {
        response
            .get::<Self>()
            .is_some_and(|refused| refused.uncalled)
    }
}

/// Writes a member of an object.
fn member(document: &mut String, name: &str, value: &str) {
    if document.len() > 1 {
        document.push(',');
    }
    quote(document, name);
    document.push(':');
    quote(document, value);
}

/// Writes a string as JSON (RFC 8259 §7).
fn quote(document: &mut String, text: &str) {
    document.push('"');
    for c in text.chars() {
        match c {
            '"' => document.push_str("\\\""),
            '\\' => document.push_str("\\\\"),
            c if c < ' ' => document.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => document.push(c),
        }
    }
    document.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_problem_tells_programs_and_proxies_the_same() {
        let problem = Problem::new("cost-route", "budget", StatusCode::PAYMENT_REQUIRED)
            .detail("cap \"day\"")
            .member("cap", "day")
            .retry_after(Some(60));
        let response = problem.response();
        assert_eq!(response.status(), 402);
        let field = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(field("content-type"), "application/problem+json");
        assert_eq!(field("cache-control"), "no-store");
        assert_eq!(field("retry-after"), "60");
        assert_eq!(
            field("proxy-status"),
            "scrimp-cost-route; error=proxy_internal_response; details=\"budget\""
        );
        assert_eq!(
            response.body(),
            r#"{"type":"urn:scrimp:cost-route:budget","title":"budget","status":402,"detail":"cap \"day\"","cap":"day"}"#
        );
        assert_eq!(field("content-length"), response.body().len().to_string());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_from_the_document(text in ".*") {
            let problem = Problem::new("cache", "x", StatusCode::BAD_GATEWAY).member("text", text.clone());
            let read: serde_json::Value =
                serde_json::from_slice(problem.response().body()).unwrap();
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
        }
    }
}
