//! The application that a running gateway serves, and its replacement.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::service::GatewayService;

/// A handle that replaces the application and the certificates of a running gateway. Made by
/// [`Gateway::switch`](crate::Gateway::switch).
///
/// Requests that have begun keep the application they began with, and connections stay open: the next
/// request of each gets the new one. The address, the limits of the clients' side and the time of
/// [`drain`](crate::GatewayBuilder::drain) stay as they were.
#[derive(Clone)]
pub struct Switch(Arc<ArcSwap<Live>>);

/// An application, and the certificates for new connections.
pub(crate) struct Live {
    pub(crate) app: GatewayService,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

// === impl Switch ===

impl Switch {
    pub(crate) fn new(app: GatewayService, tls: Option<Arc<ServerConfig>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Live { app, tls })))
    }

    /// Serves what `other` serves now.
    pub(crate) fn follow(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// Returns the application for one request.
    pub(crate) fn app(&self) -> GatewayService {
        self.0.load().app.clone()
    }

    /// Returns the certificates for one connection.
    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.0.load().tls.clone()
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").finish_non_exhaustive()
    }
}
