//! Which requests belong together.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::{Extensions, HeaderMap, HeaderName};
use scrimp_core::extensions::Tenant;
use scrimp_http::cookie;

type Write = dyn Fn(&HeaderMap, &Extensions, &mut dyn Hasher) -> bool + Send + Sync;

/// Tells which requests are of one session.
///
/// Only a hash of what identifies the session is kept. Requests without it pass unchanged, and nothing is
/// learned from them.
#[derive(Clone)]
pub struct SessionKey(Arc<Write>);

// === impl SessionKey ===

impl SessionKey {
    /// Takes the value of a cookie.
    #[must_use]
    pub fn cookie(name: impl Into<String>) -> Self {
        let name = name.into();
        Self(Arc::new(move |headers, _, mut hasher| {
            let value = cookie::values(headers, &name).next();
            value.inspect(|value| value.hash(&mut hasher)).is_some()
        }))
    }

    /// Takes the value of a field.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self(Arc::new(move |headers, _, mut hasher| {
            let value = headers.get(&name);
            value.inspect(|value| value.hash(&mut hasher)).is_some()
        }))
    }

    /// Takes the [`Tenant`] among the extensions.
    #[must_use]
    pub fn tenant() -> Self {
        Self::by(|_, extensions| extensions.get::<Tenant>().cloned())
    }

    /// Takes what a function returns. `None`: the request is of no session.
    #[must_use]
    pub fn by<K: Hash>(
        key: impl Fn(&HeaderMap, &Extensions) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |headers, extensions, mut hasher| {
            let key = key(headers, extensions);
            key.inspect(|key| key.hash(&mut hasher)).is_some()
        }))
    }

    /// Writes what identifies the session of a request. Returns false if it has none.
    pub(crate) fn write(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
        hasher: &mut dyn Hasher,
    ) -> bool {
        (self.0)(headers, extensions, hasher)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(function)")
    }
}
