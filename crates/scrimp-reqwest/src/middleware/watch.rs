//! Credentials that middlewares add behind the layers.

use std::{error, fmt};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};
use scrimp_http::credentials::Credentials;

/// The error of a call to which a middleware inside the stack has added a credential: the layers
/// have not seen it, and would give the response to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenCredential {
    field: HeaderName,
}

/// The last middleware of a call. It compares the credentials with those that the layers saw.
pub(super) struct Watch {
    seen: HeaderMap,
}

// === impl Watch ===

impl Watch {
    /// Remembers the fields of a request as it comes out of the layers.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        Self {
            seen: headers.clone(),
        }
    }

    /// Returns a credential that was added or changed.
    fn hidden<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderName> {
        let was_seen = |name: &HeaderName, value: &HeaderValue| {
            let mut seen = self.seen.get_all(name).iter();
            seen.any(|seen| seen == value)
        };
        // A sensitive value is a credential, whatever the name of its field.
        let list = Credentials::default();
        let mut personal = headers
            .iter()
            .filter(|(name, value)| value.is_sensitive() || list.contains(name));
        personal
            .find(|(name, value)| !was_seen(name, value))
            .map(|(name, _)| name)
    }
}

#[async_trait::async_trait]
impl Middleware for Watch {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        if let Some(field) = self.hidden(request.headers()) {
            let field = field.clone();
            return Err(Error::middleware(HiddenCredential { field }));
        }
        next.run(request, extensions).await
    }
}

// === impl HiddenCredential ===

impl HiddenCredential {
    /// Returns the name of the field.
    #[must_use]
    pub fn field(&self) -> &HeaderName {
        &self.field
    }
}

impl fmt::Display for HiddenCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field } = self;
        write!(
            f,
            "a middleware of the transport's client has set the credential `{field}`, which the \
             layers cannot see: set it outside the stack, or name the transport's `identity`"
        )
    }
}

impl error::Error for HiddenCredential {}
