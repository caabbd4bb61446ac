//! Caches of several processes over one log of invalidations, with real servers that the tests start
//! on loopback.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../servers/server.rs"]
mod server;

mod failures;
mod start;
