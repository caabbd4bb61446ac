//! One request of a chain of redirects.

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, Method, Request, StatusCode, Uri, Version, header, request::Parts,
};
use reqwest::Url;
use scrimp_http::redirect;

use super::config::{Config, is_credential};

/// The parts of a request that are sent again to another URL.
pub(super) struct Hop {
    method: Method,
    url: Url,
    uri: Uri,
    version: Version,
    /// Fields of the caller, without those of the session.
    headers: HeaderMap,
    extensions: Extensions,
    /// `None` if it was streamed.
    body: Option<Bytes>,
    /// Redirects that may still be followed.
    left: usize,
    /// No redirect has led to another origin so far.
    home: bool,
    redirected: bool,
}

// === impl Hop ===

impl Hop {
    /// Remembers the request of a caller. `None` if it has no absolute URI.
    pub(super) fn new(request: &Parts, body: Option<Bytes>, redirects: usize) -> Option<Self> {
        Some(Self {
            url: Url::parse(&request.uri.to_string()).ok()?,
            uri: request.uri.clone(),
            method: request.method.clone(),
            version: request.version,
            headers: request.headers.clone(),
            extensions: request.extensions.clone(),
            body,
            left: redirects,
            home: true,
            redirected: false,
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn is_redirected(&self) -> bool {
        self.redirected
    }

    /// Makes the request.
    pub(super) fn request(&self, config: &Config) -> Request<reqwest::Body> {
        let body = self.body.clone().filter(|body| !body.is_empty());
        let body = body.map_or_else(reqwest::Body::default, reqwest::Body::from);
        let mut request = Request::new(body);
        *request.uri_mut() = self.uri.clone();
        *request.method_mut() = self.method.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        config.apply(request.headers_mut(), &self.url, self.home);
        request
    }

    /// Moves on to the target of a redirect. Returns `false`, and stays, if the response is none
    /// that can be followed.
    pub(super) fn follow(&mut self, status: StatusCode, response: &HeaderMap) -> bool {
        let Some((method, url, uri)) = self.target(status, response) else {
            return false;
        };
        let keeps_body = method == self.method && status != StatusCode::SEE_OTHER;
        if keeps_body && self.body.is_none() {
            return false;
        }
        if !keeps_body {
            self.body = Some(Bytes::new());
            redirect::remove_content_fields(&mut self.headers);
        }
        self.headers.remove(header::HOST);
        if url.origin() != self.url.origin() {
            self.home = false;
            self.remove_credentials();
        }
        (self.method, self.url, self.uri) = (method, url, uri);
        self.left -= 1;
        self.redirected = true;
        true
    }

    fn target(&self, status: StatusCode, response: &HeaderMap) -> Option<(Method, Url, Uri)> {
        let method = redirect::next_method(status, &self.method)?;
        if self.left == 0 {
            return None;
        }
        let mut url = self.url.join(redirect::location(response)?).ok()?;
        // A redirect does not choose the credentials of the request.
        let plain = url.set_username("").and_then(|()| url.set_password(None));
        if plain.is_err() || !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let uri = url.as_str().parse().ok()?;
        Some((method, url, uri))
    }

    /// Removes the caller's credentials. Coming back to the first origin does not restore them:
    /// the other origin has chosen the URL.
    fn remove_credentials(&mut self) {
        let mut kept = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            if !is_credential(name, value) {
                kept.append(name, value.clone());
            }
        }
        self.headers = kept;
    }
}
