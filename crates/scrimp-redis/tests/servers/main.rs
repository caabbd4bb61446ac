//! The store, the lock and the client with real servers, which the tests start on loopback.

mod allowance;
mod degraded;
mod failure;
mod fleets;
mod large;
mod layers;
mod leases;
mod load;
mod lock;
mod monitor;
mod outages;
mod processes;
mod proxy;
mod rate;
mod retention;
mod rig;
mod scripts;
mod server;
mod sharded;
mod shared;
mod site;
mod store;
mod storms;
#[cfg(feature = "tls")]
mod tls;
