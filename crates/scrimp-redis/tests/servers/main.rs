//! The store, the lock and the client with real servers, which the tests start on loopback.

mod failure;
mod fleets;
mod lock;
mod proxy;
mod rig;
mod server;
mod shared;
mod store;
#[cfg(feature = "tls")]
mod tls;
