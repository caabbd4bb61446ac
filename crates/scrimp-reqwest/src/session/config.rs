//! The settings, and what they say about one request.

use std::fmt;
#[cfg(feature = "cookies")]
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;
#[cfg(feature = "cookies")]
use reqwest::cookie::CookieStore;
use scrimp_core::extensions::Tenant;
use scrimp_http::credentials::Credentials;

/// Settings of a [`SessionLayer`](super::SessionLayer).
#[derive(Clone)]
pub(super) struct Config {
    /// Default headers, including the credentials.
    pub(super) headers: HeaderMap,
    pub(super) tenant: Option<Tenant>,
    pub(super) redirects: usize,
    #[cfg(feature = "cookies")]
    pub(super) cookies: Option<Arc<dyn CookieStore>>,
}

/// Reports whether a field says who is asking.
pub(super) fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || Credentials::default().contains(name)
}

// === impl Config ===

impl Config {
    /// Adds a default header. A credential becomes sensitive, so that nothing prints it.
    pub(super) fn put(&mut self, name: HeaderName, mut value: HeaderValue) {
        if is_credential(&name, &value) {
            value.set_sensitive(true);
        }
        self.headers.insert(name, value);
    }

    /// Adds the default headers that a request does not have. `home` says that it goes to the
    /// origin that the caller named.
    pub(super) fn apply(&self, headers: &mut HeaderMap, url: &Url, home: bool) {
        for (name, value) in &self.headers {
            let allowed = home || !is_credential(name, value);
            if allowed && !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        if !headers.contains_key(header::COOKIE)
            && let Some(mut cookies) = self.cookies(url)
        {
            cookies.set_sensitive(true);
            headers.insert(header::COOKIE, cookies);
        }
    }

    #[cfg(feature = "cookies")]
    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.cookies.as_ref()?.cookies(url)
    }

    #[cfg(not(feature = "cookies"))]
    fn cookies(&self, _: &Url) -> Option<HeaderValue> {
        None
    }

    /// Keeps the cookies of a response.
    #[cfg(feature = "cookies")]
    pub(super) fn keep_cookies(&self, response: &HeaderMap, url: &Url) {
        if let Some(store) = &self.cookies {
            let mut lines = response.get_all(header::SET_COOKIE).iter().peekable();
            if lines.peek().is_some() {
                store.set_cookies(&mut lines, url);
            }
        }
    }

    #[cfg(not(feature = "cookies"))]
    pub(super) fn keep_cookies(&self, _: &HeaderMap, _: &Url) {}
}

impl Default for Config {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            tenant: None,
            redirects: 10,
            #[cfg(feature = "cookies")]
            cookies: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("headers", &self.headers)
            .field("tenant", &self.tenant)
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
