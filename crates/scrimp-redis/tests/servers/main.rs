//! The store, the lock and the client with real servers, which the tests start on loopback.

mod failure;
mod lock;
mod proxy;
mod rig;
mod server;
mod store;
