//! The other end of a client's connection.

use std::net::SocketAddr;

/// The other end of the connection, set in the request by `serve`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Is set if the client speaks TLS with this gateway.
    pub(crate) tls: bool,
}
