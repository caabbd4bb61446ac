//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use super::{builder::SessionLayerBuilder, config::Config, service::Session};

/// A tower layer for what one user's requests have in common: default headers, credentials,
/// cookies and the following of redirects.
///
/// It is the outermost layer of a stack, and one of its values serves one user. The layers inside
/// see each request as it is sent, so their keys and rules know whose it is; they may be shared by
/// the sessions of many users.
///
/// - **Default headers** are added to a request that does not have the field.
/// - **Credentials** are sent only to the origin (scheme, host and port) that the caller named. A
///   redirect to another origin loses them for good, with those of the caller. Credentials are all
///   values marked sensitive, and the fields that [`Credentials`](scrimp_http::credentials) knows.
/// - **Cookies** (feature `cookies`) come from a store of reqwest, which is also given those of
///   responses. A request with a Cookie field of its own is sent as it is.
/// - **Redirects** are followed by requests of their own, through all layers. A cache stores each
///   response under its own URL, and a redirect only if HTTP allows it. A redirect that cannot be
///   followed is the response: one too many, one to a scheme other than HTTP, or one that repeats
///   a body that was streamed.
///
/// The time-out of a request becomes its [`Deadline`](scrimp_core::extensions::Deadline): it limits
/// the whole, redirects included, and the layers hold their callers to it.
#[derive(Debug, Clone)]
pub struct SessionLayer {
    config: Arc<Config>,
}

// === impl SessionLayer ===

impl SessionLayer {
    /// Returns a layer that follows up to ten redirects and adds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Config::default())
    }

    /// Returns a builder that holds the defaults of [`new`](Self::new).
    pub fn builder() -> SessionLayerBuilder {
        SessionLayerBuilder::new()
    }

    pub(super) fn of(config: Config) -> Self {
        Self {
            config: Arc::new(config),
        }
    }
}

impl Default for SessionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = Session<S>;

    fn layer(&self, inner: S) -> Session<S> {
        Session::from_parts(inner, Arc::clone(&self.config))
    }
}
